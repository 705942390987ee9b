"""Gaps between heartbeats: a second without one is a second in which the process stood still."""

from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple

from pm_data.analysis.runlog import whole
from pm_data.jsonlib import JsonObject

THRESHOLD_SECONDS = 2.0
"""Longest time between two heartbeats that is good (SEED.md section 11)."""

TOP_GAPS = 10


class HeartbeatGap(NamedTuple):
    """The time between two signs of life.

    Args:
        after_hb: number of the heartbeat before it, from 1; 0 where the run began with it.
    """

    seconds: float
    after_hb: int
    from_mono_ns: int
    to_mono_ns: int
    from_wall_ns_utc: int


class HeartbeatAudit:
    """Follows the run log's lines, in order; its begin and its end count as heartbeats do.

    Args:
        closed: the run ended well, so that a log without its end has lost it: a gap of unknown length. One
            without any sign of life is such a gap in any case.
    """

    def __init__(self, threshold_seconds: float = THRESHOLD_SECONDS, *, closed: bool = False) -> None:
        self.threshold_seconds = threshold_seconds
        self.hb_count = 0
        self.max_gap_seconds = 0.0
        self.top_gaps: list[HeartbeatGap] = []
        self._over = 0
        self._closed = closed
        self._ended = False
        self._last: tuple[int, int] | None = None

    @property
    def lacks_end(self) -> bool:
        """Return whether the log was cut, or never was one."""
        return self._last is None or (self._closed and not self._ended)

    @property
    def gaps_over_threshold(self) -> int:
        """Return how many gaps are too long, the one of unknown length among them."""
        return self._over + self.lacks_end

    def note(self, entry: JsonObject) -> None:
        """Take one line into account."""
        record_type = entry.get("record_type")
        if record_type == "heartbeat":
            self._alive(whole(entry, "hb_mono_ns"), whole(entry, "hb_wall_ns_utc"))
            self.hb_count += 1
        elif record_type in ("run_start", "run_end"):
            self._alive(whole(entry, "mono_ns"), whole(entry, "wall_ns_utc"))
            self._ended = record_type == "run_end"

    def fields(self) -> JsonObject:
        """Return what `capture-audit` prints."""
        return {
            "hb_count": self.hb_count,
            "gaps_over_threshold": self.gaps_over_threshold,
            "max_gap_seconds": round(self.max_gap_seconds, 3),
            "threshold_seconds": self.threshold_seconds,
            "top_gaps": [{**gap._asdict(), "seconds": round(gap.seconds, 3)} for gap in self.top_gaps],
        }

    def _alive(self, mono_ns: int, wall_ns_utc: int) -> None:
        if self._last is not None:
            seconds = (mono_ns - self._last[0]) / 1e9
            self.max_gap_seconds = max(self.max_gap_seconds, seconds)
            self._over += seconds > self.threshold_seconds
            gap = HeartbeatGap(seconds, self.hb_count, self._last[0], mono_ns, self._last[1])
            self.top_gaps = nlargest(TOP_GAPS, [*self.top_gaps, gap])
        self._last = mono_ns, wall_ns_utc


def audit(
    lines: Iterable[JsonObject], threshold_seconds: float = THRESHOLD_SECONDS, *, closed: bool = False
) -> HeartbeatAudit:
    """Return the audit of a whole run log; arguments as `HeartbeatAudit`."""
    found = HeartbeatAudit(threshold_seconds, closed=closed)
    for entry in lines:
        found.note(entry)
    return found
