"""Open a run for reading. Nothing here or below writes (rule D6)."""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from pm_data.bundle.damage import TAILS, Damage, DamageClass
from pm_data.bundle.digest import Hashing
from pm_data.bundle.format import frames_name
from pm_data.bundle.layout import RunDir, is_being_written
from pm_data.bundle.manifest import CLOSED, RUNNING, Manifest, ShardSeal, read_manifest
from pm_data.bundle.merge import merged
from pm_data.bundle.reader import ShardReader
from pm_data.bundle.replay import ReplayRecords, ReplayShard
from pm_data.bundle.sealed_format import BLOCK_BYTES, MAX_BLOCKS, sealed_name
from pm_data.bundle.source import SealedFile
from pm_data.bundle.window import BUFFER_BYTES
from pm_data.errors import DamageError, UsageError
from pm_data.frame import Record

INTERRUPTED = "interrupted"
"""Status of a run whose manifest says running, while nobody holds its lock."""

MAX_SHARDS = 512
"""Most shards of a bundle that is read: files open at a time, and memory."""

_BUFFERS_BYTES = 8 * 1024 * 1024
_BUFFER_LEAST_BYTES = 16 * 1024
"""What all shards' buffers take, and the least of one; records made of them take ten times as much."""

_FRAMES_NAME = re.compile(r"shard_([0-9]{2,9})\.frames(\.zst)?")


@dataclass(frozen=True)
class Bundle:
    """A run as it was when it was opened.

    Args:
        manifest: None where it is damaged.
        sizes: shard number to bytes of its `.frames` file, by shard.
        sealed: shards that are sealed; what they are read from holds the same bytes.
        live: a process is writing it; what it had when opened is read.
        damage: what is wrong beside the records themselves.
    """

    run: RunDir
    manifest: Manifest | None
    sizes: dict[int, int]
    sealed: frozenset[int]
    live: bool
    damage: list[Damage]

    @property
    def status(self) -> str:
        """Return running, interrupted, closed or fatal; `unknown` where the manifest is damaged."""
        if self.manifest is None:
            return "unknown"
        if self.manifest.status == RUNNING and not self.live:
            return INTERRUPTED
        return self.manifest.status

    def reader(
        self, shard: int, on_damage: Callable[[Damage], None], hashing: Hashing | None = None
    ) -> ShardReader:
        """Return a reader of one shard; `hashing` as in `ShardReader`."""
        return ShardReader(
            self.path(shard),
            shard,
            on_damage,
            size=self.sizes[shard],
            seal=self.seal(shard),
            growing=self.live,
            hashing=hashing,
            buffer_bytes=max(_BUFFER_LEAST_BYTES, min(BUFFER_BYTES, _BUFFERS_BYTES // len(self.sizes))),
        )

    def path(self, shard: int) -> Path:
        """Return the file that a shard is read from."""
        return self.run.sealed(shard) if shard in self.sealed else self.run.frames(shard)

    def seal(self, shard: int) -> ShardSeal | None:
        """Return what the manifest says of a shard; None where it says nothing."""
        seals = (self.manifest.shards if self.manifest is not None else None) or []
        return next((seal for seal in seals if seal.shard == shard), None)

    def records(
        self, on_damage: Callable[[Damage], None], shards: Collection[int] | None = None
    ) -> Iterator[Record]:
        """Return all records that can be read, in the order of the run.

        Args:
            on_damage: is told of what was skipped; `damage` is not repeated.
            shards: those to read; None for all.
        """
        return self._in_order(lambda shard, hashing: self.reader(shard, on_damage, hashing).batches(), shards)

    def replay_records(
        self,
        on_tail: Callable[[Damage], None],
        on_damage: Callable[[Damage], None] | None = None,
        shards: Collection[int] | None = None,
    ) -> ReplayRecords:
        """Return the records for a replay, in the order of the run (rule D8).

        In a run that is neither closed nor being written, a shard without an END record, whatever a crash
        left at its end, is ended by a GAP record for its tokens, marked, with the cause `interrupted`.

        Args:
            on_tail: is told of each tail that a crash tore.
            on_damage: is told of any other damage, which is skipped, with a GAP record, marked, with the
                cause `salvage` in its place; `damage` is not repeated. None where it ends the replay.
            shards: those to replay; None for all.

        Raises:
            DamageError: without `on_damage`, at any damage but a tail, at once or when it is met.
        """
        may_run_ahead = on_damage is None
        if on_damage is None:
            if self.damage:
                raise DamageError(f"{self.run.path}: {self.damage[0]}")
            on_damage = self._refuse
        chosen = [shard for shard in self.sizes if shards is None or shard in shards]
        found = [self._replay_shard(shard, on_tail, on_damage) for shard in chosen]
        may_run_ahead = may_run_ahead and self.sealed.isdisjoint(chosen)
        return ReplayRecords(found, may_run_ahead=may_run_ahead)

    def _in_order(
        self,
        batches_of: Callable[[int, Hashing], Iterator[list[Record]]],
        shards: Collection[int] | None,
    ) -> Iterator[Record]:
        def batches() -> Iterator[list[Record]]:
            chosen = [shard for shard in self.sizes if shards is None or shard in shards]
            with ThreadPoolExecutor(1, "sha256") as executor:
                hashing = Hashing(executor, by_two=len(chosen) > 1)
                yield from merged([batches_of(shard, hashing) for shard in chosen])

        return chain.from_iterable(batches())

    def _refuse(self, damage: Damage) -> None:
        raise DamageError(f"{self.run.path}: {damage}")

    def _replay_shard(
        self, shard: int, on_tail: Callable[[Damage], None], on_damage: Callable[[Damage], None]
    ) -> ReplayShard:
        skipped: list[Damage] = []
        closed = self.status == CLOSED

        def judge(damage: Damage) -> None:
            if not closed and damage.damage_class in TAILS:
                on_tail(damage)
            else:
                on_damage(damage)
                skipped.append(damage)

        return ReplayShard(
            shard,
            self.sizes[shard],
            lambda hashing: self.reader(shard, judge, hashing),
            skipped,
            ends_with_gap=not closed and not self.live,
        )


def open_bundle(run_dir: Path, *, owned: bool = False) -> Bundle:
    """Open the run in this directory: closed, ended otherwise, or still being written.

    Args:
        owned: the caller holds the run's lock, and nobody writes.

    Raises:
        UsageError: it is no run, cannot be read, or is of a format version unknown here.
    """
    run = RunDir(run_dir)
    damage: list[Damage] = []
    manifest = None
    try:
        manifest = read_manifest(run)
    except DamageError as error:
        damage.append(_manifest_mismatch(str(error)))
    running = manifest is not None and manifest.status == RUNNING
    live = running and not owned and is_being_written(run)
    sizes, sealed = _find_shards(run)
    if manifest is not None and manifest.status != CLOSED:
        # Only a closed manifest says what they must hold; the tail of such a one would pass for a torn one.
        in_open_run = "in a run that is not closed"
        damage += [_manifest_mismatch(f"{sealed_name(shard)} {in_open_run}") for shard in sealed]
    if manifest is not None and manifest.shards is not None:
        if len(manifest.shards) > MAX_SHARDS:
            raise UsageError(
                f"cannot open {run.manifest}: {len(manifest.shards)} shards; at most {MAX_SHARDS} are read"
            )
        told = {seal.shard for seal in manifest.shards}
        for shard in sorted(told ^ sizes.keys()):
            wrong = "is missing" if shard in told else "is not in the manifest"
            damage.append(_manifest_mismatch(f"{frames_name(shard)} {wrong}"))
    elif not live:
        # Shards are numbered from 0 on, those of a slice as in its parent; the first hole tells enough.
        parent = manifest.parent if manifest is not None else None
        numbers = iter(parent.range.shards) if parent is not None else count()
        hole = next((number for number in numbers if number not in sizes), None)
        if hole is not None and hole < max(sizes, default=-1):
            damage.append(_manifest_mismatch(f"{frames_name(hole)} is missing"))
    return Bundle(run, manifest, sizes, frozenset(sealed), live, damage)


def _find_shards(run: RunDir) -> tuple[dict[int, int], list[int]]:
    """Return the bytes of each shard, by shard, and the sealed ones; a plain file goes before those."""
    plain: dict[int, int] = {}
    sealed: set[int] = set()
    try:
        if not stat.S_ISDIR(os.lstat(run.capture).st_mode):
            raise UsageError(f"cannot open {run.capture}: not a directory")
        with os.scandir(run.capture) as listing:
            for entry in listing:
                match = _FRAMES_NAME.fullmatch(entry.name)
                if match is None:
                    continue
                shard = int(match[1])
                if entry.name not in (frames_name(shard), sealed_name(shard)):
                    continue
                found = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(found.st_mode):
                    raise UsageError(f"cannot open {entry.path}: not a regular file")
                if entry.name == frames_name(shard):
                    plain[shard] = found.st_size
                else:
                    sealed.add(shard)
    except OSError as error:
        raise UsageError(f"cannot open {run.capture}: {error.strerror}") from None
    sealed -= plain.keys()
    if (shards := len(plain) + len(sealed)) > MAX_SHARDS:
        raise UsageError(f"cannot open {run.capture}: {shards} shards; at most {MAX_SHARDS} are read")
    sizes = plain | {shard: _plain_size(run.sealed(shard)) for shard in sealed}
    if sum(sizes[shard] for shard in sealed) > MAX_BLOCKS * BLOCK_BYTES:
        raise UsageError(f"cannot open {run.capture}: sealed shards of more than {MAX_BLOCKS} blocks")
    return dict(sorted(sizes.items())), sorted(sealed)


def _plain_size(path: Path) -> int:
    """Return how many bytes a sealed shard is read as."""
    try:
        with closing(SealedFile(path)) as file:
            return file.size
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}") from None


def _manifest_mismatch(detail: str) -> Damage:
    return Damage(DamageClass.MANIFEST_MISMATCH, None, None, 0, 0, detail)
