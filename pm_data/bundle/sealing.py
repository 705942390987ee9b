"""Seal the shards of a closed run: blocks of Zstandard in the place of a `.frames` file.

A shard's file is taken away only when the sealed one is safe on the disk and was read back as the very
bytes that the manifest names. A kill at any point leaves the one or the other whole, or both.
"""

import hashlib
from array import array
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import NamedTuple

from pm_data import osdep
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import CLOSED, ShardSeal
from pm_data.bundle.opening import Bundle, open_bundle
from pm_data.bundle.replacing import new_file, owned, write_all
from pm_data.bundle.sealed_format import BLOCK_BYTES, MAX_BLOCKS, MAX_RATIO, encode_seek_table
from pm_data.bundle.source import PlainFile, SealedFile, Source
from pm_data.bundle.zstd import Compressor, library
from pm_data.errors import DamageError, UsageError


class Outcome(StrEnum):
    """What became of a shard."""

    SEALED = "sealed"
    ALREADY = "already sealed"
    LEFT = "left as it is"


class SealedShard(NamedTuple):
    """A shard after the sealing.

    Args:
        bytes: of its `.frames` file; `stored_bytes` of the file that it is in now.
    """

    shard: int
    outcome: Outcome
    bytes: int
    stored_bytes: int


def seal_run(run_dir: Path, on_read: Callable[[int], None]) -> list[SealedShard]:
    """Seal every shard of a closed run that is not sealed yet, on all processors.

    One that would shrink to less than a part in `MAX_RATIO`, more than a reader believes, is left.

    Args:
        on_read: is told of how many bytes more of the records were read, each twice, from any thread.

    Raises:
        UsageError: it is no run, not closed, or the library for it is not installed.
        DamageError: a shard is not what the manifest says; it stays as it is.
        OSError: reading or writing failed; nothing is lost.
    """
    library()
    _check(open_bundle(run_dir))
    with owned(RunDir(run_dir), "seal"):
        bundle = open_bundle(run_dir, owned=True)
        _check(bundle)
        given_up = Event()

        def count(size: int) -> None:
            if given_up.is_set():
                raise CancelledError
            on_read(size)

        with ThreadPoolExecutor(osdep.usable_processors(), "seal") as pool:
            work = [pool.submit(_seal_shard, bundle, shard, count) for shard in bundle.sizes]
            try:
                return [done.result() for done in work]
            except BaseException:
                given_up.set()
                pool.shutdown(cancel_futures=True)
                raise


def _check(bundle: Bundle) -> None:
    if bundle.damage:
        raise DamageError(f"{bundle.run.path}: {bundle.damage[0]}")
    if bundle.status != CLOSED:
        raise UsageError(f"cannot seal {bundle.run.path}: it is {bundle.status}, not {CLOSED}")
    if sum(bundle.sizes.values()) > MAX_BLOCKS * BLOCK_BYTES:
        raise UsageError(f"cannot seal {bundle.run.path}: more than {MAX_BLOCKS * BLOCK_BYTES} bytes")


def _seal_shard(bundle: Bundle, shard: int, on_read: Callable[[int], None]) -> SealedShard:
    told = bundle.seal(shard)
    assert told is not None  # the run is closed, and without damage
    plain, target = bundle.run.frames(shard), bundle.run.sealed(shard)
    if shard in bundle.sealed:
        with closing(SealedFile(target)) as source:
            if not source.is_table_whole or source.size != told.bytes:
                raise DamageError(f"{target} is damaged: see capture-verify")
        return SealedShard(shard, Outcome.ALREADY, told.bytes, target.stat().st_size)
    try:
        with new_file(target) as fd:
            stored_bytes = _compress(plain, fd, told, on_read)
            _read_back(target.with_name(target.name + ".tmp"), told, on_read)
    except _TooSmallError:
        return SealedShard(shard, Outcome.LEFT, told.bytes, told.bytes)
    plain.unlink()
    osdep.sync_directory(plain.parent)
    return SealedShard(shard, Outcome.SEALED, told.bytes, stored_bytes)


class _TooSmallError(Exception):
    """The sealed file is so small that no reader would believe it."""


def _compress(plain: Path, fd: int, told: ShardSeal, on_read: Callable[[int], None]) -> int:
    """Write the sealed form of a `.frames` file; return how many bytes that took."""
    compressor = Compressor()
    digest = hashlib.sha256()
    stored = array("I")
    block = memoryview(bytearray(BLOCK_BYTES))
    size = 0
    with closing(PlainFile(plain)) as source:
        while length := _fill(source, block):
            digest.update(block[:length])
            frame = compressor.compress(block[:length])
            write_all(fd, frame)
            stored.append(len(frame))
            size += length
            on_read(length)
    _hold_against(plain, told, size, digest.hexdigest())
    table = encode_seek_table(stored, size)
    write_all(fd, table)
    written = sum(stored) + len(table)
    if size > MAX_RATIO * written:
        raise _TooSmallError
    return written


def _read_back(path: Path, told: ShardSeal, on_read: Callable[[int], None]) -> None:
    """Hold what was written against the manifest."""
    digest = hashlib.sha256()
    block = memoryview(bytearray(BLOCK_BYTES))
    size = 0
    with closing(SealedFile(path)) as source:
        while length := _fill(source, block):
            digest.update(block[:length])
            size += length
            on_read(length)
        if not source.is_table_whole:
            raise DamageError(f"{path}: the seek table does not read back as it was written")
    _hold_against(path, told, size, digest.hexdigest())


def _hold_against(path: Path, told: ShardSeal, size: int, sha256: str) -> None:
    if (size, sha256) != (told.bytes, told.sha256):
        raise DamageError(
            f"{path}: {size} bytes, sha256 {sha256}; the manifest says {told.bytes}, {told.sha256}"
        )


def _fill(source: Source, block: memoryview) -> int:
    """Read a block; return how many bytes there were, fewer only at the end."""
    length = 0
    while length < len(block) and (more := source.readinto(block[length:])):
        length += more
    return length
