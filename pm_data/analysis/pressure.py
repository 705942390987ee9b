"""Streaks of heartbeats under pressure: a queue above half its bound, or a loop that lags."""

from pm_data.analysis.runlog import milliseconds, whole
from pm_data.jsonlib import JsonObject

LAG_LIMIT_MS = 100.0
FAIL_SECONDS = 5.0
"""A streak this long fails the run (SPEC.md section 12)."""


class PressureStreaks:
    """Follows the heartbeats of a run, in order.

    Args:
        max_frames: bound of the queue, as the run was set; `max_bytes` alike. None where unknown.
    """

    def __init__(self, max_frames: int | None, max_bytes: int | None) -> None:
        self._bounds = (("queued", max_frames), ("queued_bytes", max_bytes))
        self.count = 0
        self.max_seconds = 0.0
        self._last_mono_ns: int | None = None
        self._began_mono_ns: int | None = None

    def note(self, heartbeat: JsonObject) -> None:
        """Take one heartbeat into account; each speaks for the time since the one before."""
        mono_ns = whole(heartbeat, "hb_mono_ns")
        if not self._is_pressed(heartbeat):
            self._began_mono_ns = None
        else:
            if self._began_mono_ns is None:
                self.count += 1
                self._began_mono_ns = mono_ns if self._last_mono_ns is None else self._last_mono_ns
            self.max_seconds = max(self.max_seconds, (mono_ns - self._began_mono_ns) / 1e9)
        self._last_mono_ns = mono_ns

    def fields(self) -> JsonObject:
        """Return the streaks as `latency_report.json` holds them."""
        # Five heartbeats in a row may lie a millisecond less than 5 s apart.
        seconds = round(self.max_seconds, 1)
        return {"count": self.count, "max_seconds": seconds, "failed": seconds >= FAIL_SECONDS}

    def _is_pressed(self, heartbeat: JsonObject) -> bool:
        if (milliseconds(heartbeat, "loop_lag_ms", "max") or 0.0) > LAG_LIMIT_MS:
            return True
        return any(bound is not None and 2 * whole(heartbeat, name) > bound for name, bound in self._bounds)
