"""Hold every byte of a bundle against its checksums, its index and its manifest; write nothing."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from pm_data import osdep
from pm_data.bundle.damage import TAILS, Damage, DamageClass
from pm_data.bundle.digest import Hashing
from pm_data.bundle.idx import IdxCheck
from pm_data.bundle.opening import Bundle
from pm_data.bundle.reader import ShardReader
from pm_data.jsonlib import JsonObject

DAMAGE_KEPT_MAX = 1000
"""Damaged places of a shard that are kept; a file of a stranger may have millions."""


def _nobody(_size: int) -> None:
    pass


@dataclass
class ShardSummary:
    """What was found in one shard.

    Args:
        shard: None for a file whose records name none.
        records: that can be read, and their `bytes`.
        damage: the first damaged places, at most `DAMAGE_KEPT_MAX`.
        counts: of all damaged places by class.
    """

    shard: int | None
    records: int = 0
    bytes: int = 0
    damage: list[Damage] = field(default_factory=list)
    counts: dict[DamageClass, int] = field(default_factory=dict)

    def add(self, damage: Damage) -> None:
        """Count one damaged place."""
        self.counts[damage.damage_class] = self.counts.get(damage.damage_class, 0) + 1
        if len(self.damage) < DAMAGE_KEPT_MAX:
            self.damage.append(damage)

    def fields(self) -> JsonObject:
        """Return the summary as `capture-verify` prints it."""
        return {
            "shard": self.shard,
            "records": self.records,
            "bytes": self.bytes,
            "errors": self.errors,
            "damage": [damage.fields() for damage in self.damage],
        }

    @property
    def errors(self) -> int:
        """Return the number of damaged places."""
        return sum(self.counts.values())

    @property
    def is_truncated(self) -> bool:
        """Return whether the file's end is torn, zero, or before where the manifest says."""
        short = (
            damage.damage_class is DamageClass.MANIFEST_MISMATCH and damage.byte_end > damage.byte_start
            for damage in self.damage
        )
        return not TAILS.isdisjoint(self.counts) or any(short)


@dataclass(frozen=True)
class Verdict:
    """What was found in a bundle, or in one shard's files.

    Args:
        damage: what belongs to no shard.
    """

    damage: list[Damage]
    summaries: list[ShardSummary]

    @property
    def ok(self) -> bool:
        """Return whether nothing at all is wrong."""
        return self.errors == 0

    @property
    def errors(self) -> int:
        """Return the number of damaged places."""
        return len(self.damage) + sum(summary.errors for summary in self.summaries)

    def totals(self) -> JsonObject:
        """Return the totals as `capture-verify` prints them."""
        counts = [summary.counts for summary in self.summaries]
        return {
            "records": sum(summary.records for summary in self.summaries),
            "bytes": sum(summary.bytes for summary in self.summaries),
            "errors": self.errors,
            "crc_mismatch": sum(count.get(DamageClass.CRC_MISMATCH, 0) for count in counts),
            "truncated_shards": sum(summary.is_truncated for summary in self.summaries),
            "idx_bad_shards": sum(DamageClass.IDX_MISMATCH in count for count in counts),
        }


def verify_bundle(bundle: Bundle, on_read: Callable[[int], None] = _nobody) -> Verdict:
    """Check every shard of a run, and its manifest, on all processors.

    Args:
        on_read: is told how many bytes more were checked, from any thread.

    Raises:
        UsageError: a file cannot be opened, or is of a format version unknown here.
        OSError: reading failed.
    """
    workers = osdep.usable_processors()
    given_up = threading.Event()
    summaries = {shard: ShardSummary(shard) for shard in bundle.sizes}

    def steps(shard: int, hashing: Hashing) -> Iterator[None]:
        note = summaries[shard].add
        reader = bundle.reader(shard, note, hashing)
        with IdxCheck(bundle.run.idx(shard), shard, note, growing=bundle.live) as idx:
            yield from _steps(reader, idx, summaries[shard], count)

    def count(size: int) -> None:
        if given_up.is_set():
            raise CancelledError
        on_read(size)

    def check_two(shards: Sequence[int]) -> None:
        hashing = Hashing(by_two=True)
        for _ in zip_longest(*(steps(shard, hashing) for shard in shards)):
            pass

    def check_one(shard: int) -> None:
        # Where each processor has a shard to read, there is none left to take digests beside.
        for _ in steps(shard, Hashing(spare if len(bundle.sizes) < workers else None)):
            pass

    with ThreadPoolExecutor(workers) as pool, ThreadPoolExecutor(workers) as spare:
        largest_first = sorted(bundle.sizes, key=lambda shard: -bundle.sizes[shard])
        if len(bundle.sizes) < 2 * workers:
            work = [pool.submit(check_one, shard) for shard in largest_first]
        else:
            pairs = [largest_first[place : place + 2] for place in range(0, len(largest_first), 2)]
            work = [pool.submit(check_two, pair) for pair in pairs]
        try:
            for done in work:
                done.result()
        except BaseException:
            given_up.set()
            pool.shutdown(cancel_futures=True)
            raise
    return Verdict(bundle.damage, list(summaries.values()))


def verify_files(frames: Path, idx: Path | None, on_read: Callable[[int], None] = _nobody) -> Verdict:
    """Check a `.frames` file by itself, and an `.idx` file against it; arguments as `verify_bundle`.

    Raises:
        UsageError: a file cannot be opened, or is of a format version unknown here.
        OSError: reading failed.
    """
    summary = ShardSummary(None)
    reader = ShardReader(frames, None, summary.add)

    def note(damage: Damage) -> None:
        summary.add(damage._replace(shard=reader.shard))

    with nullcontext() if idx is None else IdxCheck(idx, None, note) as check:
        for _ in _steps(reader, check, summary, on_read):
            pass
    return Verdict([], [summary])


def _steps(
    reader: ShardReader, idx: IdxCheck | None, summary: ShardSummary, on_read: Callable[[int], None]
) -> Iterator[None]:
    """Check a shard, a buffer at a time, into its summary."""
    before = 0
    for entries in reader.entries():
        if idx is not None:
            idx.check(entries)
        on_read(reader.bytes - before)
        before = reader.bytes
        yield
    if idx is not None:
        idx.finish()
    summary.shard, summary.records, summary.bytes = reader.shard, reader.records, reader.bytes
