"""Open a run for reading. Nothing here or below writes (rule D6)."""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from pm_data.bundle.damage import TAILS, Damage, DamageClass
from pm_data.bundle.format import frames_name
from pm_data.bundle.layout import RunDir, is_being_written
from pm_data.bundle.manifest import CLOSED, RUNNING, Manifest, read_manifest
from pm_data.bundle.merge import merged
from pm_data.bundle.reader import ShardReader
from pm_data.bundle.tails import ShardTokens
from pm_data.errors import DamageError, UsageError
from pm_data.frame import Record

INTERRUPTED = "interrupted"
"""Status of a run whose manifest says running, while nobody holds its lock."""

_FRAMES_NAME = re.compile(r"shard_([0-9]{2,9})\.frames")


@dataclass(frozen=True)
class Bundle:
    """A run as it was when it was opened.

    Args:
        manifest: None where it is damaged.
        sizes: shard number to bytes of its `.frames` file, by shard.
        live: a process is writing it; what it had when opened is read.
        damage: what is wrong beside the records themselves.
    """

    run: RunDir
    manifest: Manifest | None
    sizes: dict[int, int]
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

    def reader(self, shard: int, on_damage: Callable[[Damage], None]) -> ShardReader:
        """Return a reader of one shard."""
        seals = (self.manifest.shards if self.manifest is not None else None) or []
        return ShardReader(
            self.run.frames(shard),
            shard,
            on_damage,
            size=self.sizes[shard],
            seal=next((seal for seal in seals if seal.shard == shard), None),
            growing=self.live,
        )

    def records(
        self, on_damage: Callable[[Damage], None], shards: Collection[int] | None = None
    ) -> Iterator[Record]:
        """Return all records that can be read, in the order of the run.

        Args:
            on_damage: is told of what was skipped; `damage` is not repeated.
            shards: those to read; None for all.
        """
        chosen = [shard for shard in self.sizes if shards is None or shard in shards]
        streams = [_batches(self.reader(shard, on_damage)) for shard in chosen]
        return chain.from_iterable(merged(streams))

    def replay_records(
        self, on_tail: Callable[[Damage], None], on_damage: Callable[[Damage], None] | None = None
    ) -> Iterator[Record]:
        """Return the records for a replay, in the order of the run (rule D8).

        A shard whose tail a crash tore is ended by a GAP record for its tokens, marked, with the
        class of the tail as its cause.

        Args:
            on_tail: is told of each such tail.
            on_damage: is told of any other damage, and what can be read is returned; `damage` is not
                repeated. None where such damage ends the replay.

        Raises:
            DamageError: without `on_damage`, at any damage but a tail, at once or when it is met.
        """
        if on_damage is None:
            if self.damage:
                raise DamageError(f"{self.run.path}: {self.damage[0]}")
            on_damage = self._refuse
        streams = [self._replay_batches(shard, on_tail, on_damage) for shard in self.sizes]
        return chain.from_iterable(merged(streams))

    def _refuse(self, damage: Damage) -> None:
        raise DamageError(f"{self.run.path}: {damage}")

    def _replay_batches(
        self, shard: int, on_tail: Callable[[Damage], None], on_damage: Callable[[Damage], None]
    ) -> Iterator[list[Record]]:
        tails: list[Damage] = []

        def judge(damage: Damage) -> None:
            if self.status == CLOSED or damage.damage_class not in TAILS:
                on_damage(damage)
            else:
                tails.append(damage)

        reader = self.reader(shard, judge)
        tokens = ShardTokens()
        for batch in _batches(reader):
            for record in batch:
                if record.control:
                    tokens.note(record)
            yield batch
        for tail in tails:
            on_tail(tail)
            if reader.records:
                yield [tokens.gap_after(reader, tail)]


def open_bundle(run_dir: Path) -> Bundle:
    """Open the run in this directory: closed, ended otherwise, or still being written.

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
    live = manifest is not None and manifest.status == RUNNING and is_being_written(run)
    sizes = _shard_sizes(run)
    if manifest is not None and manifest.shards is not None:
        sealed = {seal.shard for seal in manifest.shards}
        for shard in sorted(sealed ^ sizes.keys()):
            wrong = "is missing" if shard in sealed else "is not in the manifest"
            damage.append(_manifest_mismatch(f"{frames_name(shard)} {wrong}"))
    elif not live:
        # Shards are numbered from 0 on; the first hole tells enough.
        hole = next(number for number in count() if number not in sizes)
        if hole < len(sizes):
            damage.append(_manifest_mismatch(f"{frames_name(hole)} is missing"))
    return Bundle(run, manifest, sizes, live, damage)


def _shard_sizes(run: RunDir) -> dict[int, int]:
    sizes = {}
    try:
        if not stat.S_ISDIR(os.lstat(run.capture).st_mode):
            raise UsageError(f"cannot open {run.capture}: not a directory")
        with os.scandir(run.capture) as listing:
            for entry in listing:
                match = _FRAMES_NAME.fullmatch(entry.name)
                if match is None or frames_name(int(match[1])) != entry.name:
                    continue
                found = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(found.st_mode):
                    raise UsageError(f"cannot open {entry.path}: not a regular file")
                sizes[int(match[1])] = found.st_size
    except OSError as error:
        raise UsageError(f"cannot open {run.capture}: {error.strerror}") from None
    return dict(sorted(sizes.items()))


def _manifest_mismatch(detail: str) -> Damage:
    return Damage(DamageClass.MANIFEST_MISMATCH, None, None, 0, 0, detail)


def _batches(reader: ShardReader) -> Iterator[list[Record]]:
    for block in reader.blocks():
        yield block.records
