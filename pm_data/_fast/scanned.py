"""Where a scan over a shard's bytes came to; both twins share this type."""

from typing import NamedTuple


class Scanned(NamedTuple):
    """Where a scan stood at its end, behind valid records that follow one another directly.

    Args:
        start: offset in the buffer behind the last record.
        seq: number that the next record should have.
        last_mono_ns: stamp of the last record; as given where there was none.
        last_wall_ns_utc: its wall clock; 0 where there was none.
        need: bytes that the next record needs to be judged; 0 where the next bytes are no next record.
    """

    start: int
    seq: int
    last_mono_ns: int
    last_wall_ns_utc: int
    need: int
