"""Write what a crash left unwritten (rule D6); with sealing the only code that changes a run that has ended.

What cannot be read is never thrown away: a torn tail is copied beside its file before the file is
cut, and damage with records behind it stays where it is. A repair that dies at any point has lost
nothing, and the next one goes on.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pm_data import osdep
from pm_data.bundle.damage import TAILS, Damage
from pm_data.bundle.format import HEADER_SIZE, IDX_ENTRY_SIZE
from pm_data.bundle.idx import IdxCheck
from pm_data.bundle.layout import RunDir
from pm_data.bundle.opening import Bundle, open_bundle
from pm_data.bundle.reader import ShardReader
from pm_data.bundle.replacing import OPEN_FLAGS, new_file, owned, write_all
from pm_data.errors import UsageError
from pm_data.jsonlib import JsonObject

_CHUNK_BYTES = 1024 * 1024


class Repair(NamedTuple):
    """One damaged place that is no more.

    Args:
        moved_to: the file, under the run directory, that has the bytes of a tail now; None for an index.
    """

    damage: Damage
    moved_to: str | None

    def fields(self) -> JsonObject:
        """Return the repair as `capture-verify` prints it."""
        return {"shard": self.damage.shard, **self.damage.fields(), "moved_to": self.moved_to}

    def __str__(self) -> str:
        done = "the index is made again" if self.moved_to is None else f"moved to {self.moved_to}"
        return f"{self.damage}; {done}"


def repair_run(run_dir: Path) -> list[Repair]:
    """Move the torn tails of a run away and make its indices again, where these are damaged.

    Raises:
        UsageError: it is no run, or a process is writing it.
        OSError: the disk refused; nothing is lost.
    """
    open_bundle(run_dir)
    run = RunDir(run_dir)
    with owned(run, "repair"):
        bundle = open_bundle(run_dir, owned=True)
        return [repair for shard in bundle.sizes for repair in _repair_shard(bundle, shard)]


def _repair_shard(bundle: Bundle, shard: int) -> Iterator[Repair]:
    damage: list[Damage] = []
    wrong: list[Damage] = []
    size = bundle.sizes[shard]
    reader = bundle.reader(shard, damage.append)
    with IdxCheck(bundle.run.idx(shard), shard, wrong.append) as idx:
        for entries in reader.entries():
            idx.check(entries)
        idx.finish()
    tail = next((entry for entry in damage if entry.damage_class in TAILS), None)
    if tail is not None and _may_be_moved(bundle, shard, reader):
        yield Repair(tail, f"capture/{_move_tail(bundle.run.frames(shard), tail.byte_start, size).name}")
        size = tail.byte_start
    idx_path = bundle.run.idx(shard)
    # A number from a stranger's file must not make an index larger than the file it is of.
    is_sane = reader.next_seq <= size // HEADER_SIZE
    # A file can take the place of anything but a directory.
    if wrong and is_sane and (idx_path.is_symlink() or not idx_path.is_dir()):
        _make_index(bundle, shard, size)
        yield Repair(wrong[0], None)


def _may_be_moved(bundle: Bundle, shard: int, reader: ShardReader) -> bool:
    """Return whether a shard is whole without its tail, as far as its manifest tells."""
    if bundle.manifest is None or shard in bundle.sealed:
        return False
    seal = bundle.seal(shard)
    return seal is None or (seal.records, seal.bytes) == (reader.records, reader.bytes)


def _move_tail(frames: Path, start: int, end: int) -> Path:
    """Copy the bytes of `frames` from `start` on to a file of their own, and cut them off."""
    fd = os.open(frames, OPEN_FLAGS)
    try:
        if os.fstat(fd).st_size != end:
            raise UsageError(f"cannot repair {frames}: it changed meanwhile")
        target = _copy_of_tail(frames, fd, start, end)
        os.ftruncate(fd, start)
        os.fsync(fd)
    finally:
        os.close(fd)
    return target


def _copy_of_tail(frames: Path, fd: int, start: int, end: int) -> Path:
    """Return a file that safely holds the tail: one that an earlier repair left, or a new one."""
    torn = frames.with_name(frames.name + ".torn")
    target, number = torn, 0
    while os.path.lexists(target):
        if _holds(target, fd, start, end):
            return target
        number += 1
        target = torn.with_name(f"{torn.name}.{number}")
    with new_file(target) as copy:
        _copy(fd, start, end, copy, 0)
        # A tail may be a hole of any size, and so becomes its copy.
        os.ftruncate(copy, end - start)
    return target


def _holds(path: Path, fd: int, start: int, end: int) -> bool:
    """Return whether a file is, byte for byte, the part of another from `start` to `end`."""
    try:
        copy = osdep.open_regular(path)
    except OSError:
        return False
    try:
        size = end - start
        return (
            os.fstat(copy).st_size == size
            and all(_read(copy, offset - start, len(data)) == data for offset, data in _data(fd, start, end))
            and all(_read(fd, start + offset, len(data)) == data for offset, data in _data(copy, 0, size))
        )
    finally:
        os.close(copy)


def _make_index(bundle: Bundle, shard: int, size: int) -> None:
    """Write the index of a shard's first `size` bytes.

    The entry of a record that cannot be read is what it was; zero bytes where there was none.
    """
    run = bundle.run
    reader = ShardReader(bundle.path(shard), shard, lambda _damage: None, size=size)
    written = 0
    with _old_index(run.idx(shard)) as old, new_file(run.idx(shard)) as new:
        for entries in reader.entries():
            start = entries.first * IDX_ENTRY_SIZE
            if old is not None:
                _copy(old, written, start, new, written)
            os.lseek(new, start, os.SEEK_SET)
            write_all(new, entries.data)
            written = start + len(entries.data)


@contextlib.contextmanager
def _old_index(path: Path) -> Iterator[int | None]:
    try:
        fd = osdep.open_regular(path)
    except OSError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _copy(source: int, start: int, end: int, target: int, to: int) -> None:
    """Copy a file's bytes from `start` to `end` into another from `to` on; zeros are left out."""
    for offset, data in _data(source, start, end):
        os.lseek(target, to + offset - start, os.SEEK_SET)
        write_all(target, data)


def _data(fd: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield a file's bytes from `start` to `end` with their offsets, all but zeros, some at a time."""
    offset = start
    while (found := osdep.next_data(fd, offset)) is not None and found < end:
        offset = max(offset, found)
        data = _read(fd, offset, min(_CHUNK_BYTES, end - offset))
        if not data:
            return
        if data.count(0) < len(data):
            yield offset, data
        offset += len(data)


def _read(fd: int, offset: int, size: int) -> bytes:
    """Read `size` bytes; fewer only at the end of the file."""
    os.lseek(fd, offset, os.SEEK_SET)
    parts = []
    while size > 0 and (part := os.read(fd, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
