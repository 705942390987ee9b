"""What can be wrong with a bundle, by class (rule D7)."""

from enum import StrEnum
from typing import NamedTuple

from pm_data.jsonlib import JsonObject


class DamageClass(StrEnum):
    """The classes of damage; docs/bundle-format.md defines them."""

    TORN_TAIL = "torn_tail"
    ZERO_TAIL = "zero_tail"
    CRC_MISMATCH = "crc_mismatch"
    SEQ_GAP = "seq_gap"
    IDX_MISMATCH = "idx_mismatch"
    MANIFEST_MISMATCH = "manifest_mismatch"
    SEAL_MISMATCH = "seal_mismatch"


TAILS = frozenset({DamageClass.TORN_TAIL, DamageClass.ZERO_TAIL})
"""What a crash leaves. Replay accepts these in a run that was not closed (rule D8)."""


class Damage(NamedTuple):
    """One damaged place.

    Args:
        damage_class: its class.
        shard: where; None when it belongs to the whole bundle.
        record: number of the first record that cannot be read there; None as for `shard`.
        byte_start: first byte, in `.frames`; for `idx_mismatch` in `.idx`, for `seal_mismatch` in the
            sealed file.
        byte_end: the byte after the last one; equal to `byte_start` where bytes are missing.
        detail: what was expected, for people.
    """

    damage_class: DamageClass
    shard: int | None
    record: int | None
    byte_start: int
    byte_end: int
    detail: str

    def fields(self) -> JsonObject:
        """Return the damage as `capture-verify` prints it."""
        return {
            "class": self.damage_class.value,
            "record": self.record,
            "byte_start": self.byte_start,
            "byte_end": self.byte_end,
            "detail": self.detail,
        }

    def __str__(self) -> str:
        if self.shard is None:
            return f"{self.damage_class.value}: {self.detail}"
        return (
            f"shard {self.shard}: {self.damage_class.value} at record {self.record}, "
            f"bytes {self.byte_start} to {self.byte_end}: {self.detail}"
        )
