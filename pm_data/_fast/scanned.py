"""What a scan over a shard's bytes gives back; both twins share this type."""

from typing import NamedTuple

from pm_data.frame import Record


class Scanned(NamedTuple):
    """The valid records found, one directly after the other, and where the scan stood at its end.

    Args:
        checksums: of each record.
        start: offset in the buffer behind the last record.
        seq: number that the next record should have.
        last_mono_ns: stamp of the last record; as given where there was none.
        last_wall_ns_utc: its wall clock; 0 where there was none.
        need: bytes that the next record needs to be judged; 0 where the next bytes are no next record.
    """

    records: list[Record]
    checksums: list[int]
    start: int
    seq: int
    last_mono_ns: int
    last_wall_ns_utc: int
    need: int
