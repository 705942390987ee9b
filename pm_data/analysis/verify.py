"""Hold every byte of a bundle against its checksums, its index and its manifest; write nothing."""

from dataclasses import dataclass, field
from pathlib import Path

from pm_data.bundle.damage import TAILS, Damage, DamageClass
from pm_data.bundle.idx import IdxCheck
from pm_data.bundle.opening import Bundle
from pm_data.bundle.reader import ShardReader
from pm_data.jsonlib import JsonObject

DAMAGE_KEPT_MAX = 1000
"""Damaged places of a shard that are kept; a file of a stranger may have millions."""


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


def verify_bundle(bundle: Bundle) -> Verdict:
    """Check every shard of a run, and its manifest.

    Raises:
        UsageError: a file cannot be opened, or is of a format version unknown here.
        OSError: reading failed.
    """
    summaries = []
    for shard in bundle.sizes:
        summary = ShardSummary(shard)
        reader = bundle.reader(shard, summary.add)
        with IdxCheck(bundle.run.idx(shard), shard, summary.add, growing=bundle.live) as idx:
            summaries.append(_read(reader, idx, summary))
    return Verdict(bundle.damage, summaries)


def verify_files(frames: Path, idx: Path | None) -> Verdict:
    """Check a `.frames` file by itself, and an `.idx` file against it.

    Raises:
        UsageError: a file cannot be opened, or is of a format version unknown here.
        OSError: reading failed.
    """
    summary = ShardSummary(None)
    reader = ShardReader(frames, None, summary.add)
    if idx is None:
        return Verdict([], [_read(reader, None, summary)])
    with IdxCheck(idx, None, summary.add) as check:
        return Verdict([], [_read(reader, check, summary)])


def _read(reader: ShardReader, idx: IdxCheck | None, summary: ShardSummary) -> ShardSummary:
    for block in reader.blocks():
        if idx is not None:
            idx.check(block)
    if idx is not None:
        idx.finish()
    summary.shard, summary.records, summary.bytes = reader.shard, reader.records, reader.bytes
    return summary
