"""Append records to one shard's files.

A batch is one write for each file. After a write that failed halfway the files
end with the last whole record (rule D9), and the writer takes no more.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pm_data import osdep
from pm_data.bundle.format import ENCODER, HEADER_SIZE, IDX_ENTRY, IDX_ENTRY_SIZE
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import ShardSeal
from pm_data.frame import Record


class Extent(NamedTuple):
    """How much of a `.frames` file: whole records, and their bytes."""

    records: int
    bytes: int


class ShardWriter:
    """Writes one shard; only `sync` may be called from another thread.

    Args:
        extent: what the file holds, in whole records.
    """

    def __init__(self, run: RunDir, shard: int) -> None:
        """Make the shard's two files.

        Raises:
            OSError: one exists, or cannot be made.
        """
        self.shard = shard
        self.extent = Extent(0, 0)
        self._sha256 = hashlib.sha256()
        self._failed = False
        self._sync_failed = False
        self._frames_fd = _create(run.frames(shard))
        try:
            self._idx_fd = _create(run.idx(shard))
        except OSError:
            os.close(self._frames_fd)
            raise
        osdep.sync_directory(run.capture)

    def append(self, records: Sequence[Record]) -> None:
        """Append records, numbered on from the last.

        Raises:
            OSError: the disk refused, now or before; `extent` says how many records it took all the same.
            ValueError: a record is not the next of this shard.
        """
        if self._failed:
            raise OSError(errno.EIO, f"shard {self.shard}: an earlier write or sync failed")
        first, start = self.extent
        data, index = ENCODER.encode(records, self.shard, first, start)
        taken, error = _write(self._frames_fd, data)
        if error is not None:
            self._failed = True
            data, index = _whole(data[:taken], index, start)
            _cut(self._frames_fd, start + len(data))
        self._sha256.update(data)
        self.extent = Extent(first + len(index) // IDX_ENTRY_SIZE, start + len(data))
        taken, idx_error = _write(self._idx_fd, index)
        if idx_error is not None:
            self._failed = True
            _cut(self._idx_fd, (first + taken // IDX_ENTRY_SIZE) * IDX_ENTRY_SIZE)
        failure = error or idx_error
        if failure is not None:
            raise failure

    def sync(self) -> Extent:
        """Force the records to the disk and return what is safe there; callable from another thread.

        Raises:
            OSError: the disk refused. Never try again: the state of the data is unknown.
        """
        extent = self.extent
        try:
            osdep.sync_data(self._frames_fd)
        except OSError:
            self._failed = self._sync_failed = True
            raise
        return extent

    def seal(self) -> ShardSeal:
        """Return what a closed manifest says of the shard."""
        return ShardSeal(self.shard, self.extent.records, self.extent.bytes, self._sha256.hexdigest())

    def close(self) -> None:
        """Force both files to the disk and close them; after a failed sync, only close them.

        Raises:
            OSError: the disk refused; the files are closed all the same.
        """
        try:
            if not self._sync_failed:
                osdep.sync_data(self._frames_fd)
                osdep.sync_data(self._idx_fd)
        finally:
            os.close(self._frames_fd)
            os.close(self._idx_fd)


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o644)


def _write(fd: int, data: bytes) -> tuple[int, OSError | None]:
    """Write all of `data`; return how many bytes the disk took, and what stopped it."""
    view = memoryview(data)
    taken = 0
    try:
        while taken < len(data):
            count = os.write(fd, view[taken:])
            if count == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            taken += count
    except OSError as error:
        return taken, error
    return taken, None


def _whole(data: bytes, index: bytes, start: int) -> tuple[bytes, bytes]:
    """Return of bytes that begin at `start`, and of all entries, those of whole records."""
    size = count = 0
    for offset, _mono_ns, length, *_others in IDX_ENTRY.iter_unpack(index):
        end = offset - start + HEADER_SIZE + length
        if end > len(data):
            break
        size, count = end, count + 1
    return data[:size], index[: count * IDX_ENTRY_SIZE]


def _cut(fd: int, size: int) -> None:
    # Where even this fails the file keeps a torn tail, as after a crash: readers know it.
    with contextlib.suppress(OSError):
        os.ftruncate(fd, size)
