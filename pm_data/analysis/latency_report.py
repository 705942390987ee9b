"""`latency_report.json`: how a capture fared, from its run log and metrics.

A heartbeat holds quantiles of its own second only. A run's own, over
all its samples, stand in its last line. Where it has none, because the process died, p99 is the
99th percentile of the seconds' p99, which is never too low while every second has as many samples.
"""

from collections import Counter
from typing import Protocol

from pm_data.analysis.audit import HeartbeatAudit
from pm_data.analysis.pressure import PressureStreaks
from pm_data.analysis.runlog import milliseconds, read_lines, text, whole
from pm_data.bundle.manifest import CLOSED
from pm_data.bundle.opening import Bundle
from pm_data.jsonlib import JsonObject

_PLANNED = frozenset({"stop", "rotation", "unneeded"})
"""Causes of a connection that we closed without losing anything by it."""


class _Quantiles:
    """One measure, stated by quantiles each second."""

    def __init__(self, measure: str) -> None:
        self._measure = measure
        self._seconds: dict[str, list[float]] = {"p50": [], "p99": [], "max": []}

    def note(self, line: JsonObject) -> None:
        for quantile, values in self._seconds.items():
            value = milliseconds(line, self._measure, quantile)
            if value is not None:
                values.append(value)

    def fields(self, last_line: JsonObject) -> JsonObject:
        p50, p99, largest = self._seconds.values()
        whole_run = {name: milliseconds(last_line, self._measure, name) for name in self._seconds}
        if None in whole_run.values():
            whole_run = {"p50": _nearest_rank(p50, 50), "p99": _nearest_rank(p99, 99), "max": None}
        # A heartbeat also states what had not ended yet.
        values = [*largest, *(value for value in [whole_run["max"]] if value is not None)]
        return {**whole_run, "max": max(values, default=None)}


class LatencyReport:
    """Follows the lines of a run log and of `metrics/global.ndjson`."""

    def __init__(self, max_frames: int | None, max_bytes: int | None, *, closed: bool = False) -> None:
        """Begin; the queue's bounds are as in `PressureStreaks`, and `closed` as in `HeartbeatAudit`."""
        self._heartbeats = HeartbeatAudit(closed=closed)
        self._pressure = PressureStreaks(max_frames, max_bytes)
        self._reconnects: Counter[str] = Counter()
        self._disconnects: Counter[str] = Counter()
        self._planned: Counter[str] = Counter()
        self._last_state: JsonObject = {}
        self._run_end: JsonObject = {}
        self._loop_lag = _Quantiles("loop_lag_ms")
        self._written = _Quantiles("received_to_written_ms")
        self._first: JsonObject | None = None
        self._last: JsonObject = {}
        self._rates: list[float] = []
        self._queued_max = self._queued_oldest_ms_max = 0
        self._disk_free_bytes: list[int] = []

    def note_runlog(self, entry: JsonObject) -> None:
        """Take a line of the run log into account."""
        self._heartbeats.note(entry)
        record_type = entry.get("record_type")
        if record_type == "heartbeat":
            self._note_heartbeat(entry)
        elif record_type == "run_end":
            self._run_end = self._last_state = entry
        elif record_type == "reconnect":
            self._reconnects[text(entry, "cause") or "unknown"] += 1
        elif record_type == "disconnected":
            cause = text(entry, "cause") or "unknown"
            if cause in _PLANNED:
                self._planned[cause] += cause != "stop"
            else:
                self._disconnects[cause] += 1

    def note_metrics(self, entry: JsonObject) -> None:
        """Take a line of the global metrics into account."""
        self._written.note(entry)

    def fields(self) -> JsonObject:
        """Return the report; the keys of the FAIL gates are those of SEED.md section 11."""
        return {
            "seconds": self._seconds(),
            "heartbeats": self._heartbeats.fields(),
            "reconnects": {"total": self._reconnects.total(), "by_cause": _sorted(self._reconnects)},
            "disconnected": {
                "midrun": {"incidents": self._disconnects.total(), "by_cause": _sorted(self._disconnects)},
                "planned": self._planned.total(),
            },
            "drops": {
                "dropped_messages_total": whole(self._last_state, "dropped"),
                "dropped_bytes_total": whole(self._last_state, "dropped_bytes"),
            },
            "loop_lag_ms": self._loop_lag.fields(self._run_end),
            "received_to_written_ms": self._written.fields(self._run_end),
            "pressure_streaks": self._pressure.fields(),
            "queued": {"max": self._queued_max, "oldest_ms_max": self._queued_oldest_ms_max},
            "frames": {
                "received": whole(self._last_state, "received"),
                "written": whole(self._last_state, "written"),
                "per_second_median": _nearest_rank(self._rates, 50),
                "per_second_max": max(self._rates, default=None),
            },
            "coverage_pct_last": self._last.get("coverage_pct"),
            "disk_free_bytes_min": min(self._disk_free_bytes, default=None),
        }

    def _note_heartbeat(self, entry: JsonObject) -> None:
        self._pressure.note(entry)
        self._loop_lag.note(entry)
        self._queued_max = max(self._queued_max, whole(entry, "queued"))
        self._queued_oldest_ms_max = max(self._queued_oldest_ms_max, whole(entry, "queued_oldest_ms"))
        if whole(entry, "disk_free_bytes"):
            self._disk_free_bytes.append(whole(entry, "disk_free_bytes"))
        if self._first is None:
            self._first = entry
        else:
            elapsed_ns = whole(entry, "hb_mono_ns") - whole(self._last, "hb_mono_ns")
            if elapsed_ns > 0:
                frames = whole(entry, "received") - whole(self._last, "received")
                self._rates.append(round(frames / elapsed_ns * 1e9, 1))
        self._last = self._last_state = entry

    def _seconds(self) -> float:
        if self._first is None:
            return 0.0
        return round((whole(self._last, "hb_mono_ns") - whole(self._first, "hb_mono_ns")) / 1e9, 3)


class Follower(Protocol):
    """Whoever follows the lines that a report is made from."""

    def note_runlog(self, entry: JsonObject) -> None:
        """Take a line of the run log into account."""

    def note_metrics(self, entry: JsonObject) -> None:
        """Take a line of the global metrics into account."""


def report_on(bundle: Bundle, *others: Follower) -> LatencyReport:
    """Return the report on a captured run.

    Args:
        others: told every line too, so that a run of weeks is read once.

    Raises:
        UsageError: it has no run log, as one that was made from files.
        OSError: reading failed.
    """
    run = bundle.run
    report = LatencyReport(
        _setting(bundle, "capture_queue_max_frames"),
        _setting(bundle, "capture_queue_max_bytes"),
        closed=bundle.status == CLOSED,
    )
    for entry in read_lines(run.runlog):
        for follower in (report, *others):
            follower.note_runlog(entry)
    metrics = run.metrics / "global.ndjson"
    if metrics.exists():
        for entry in read_lines(metrics):
            for follower in (report, *others):
                follower.note_metrics(entry)
    return report


def _setting(bundle: Bundle, name: str) -> int | None:
    """Return a setting that the run was captured with; None where its manifest does not tell."""
    value = bundle.manifest.setting(name) if bundle.manifest is not None else None
    return value if type(value) is int else None


def _sorted(counts: Counter[str]) -> JsonObject:
    return dict(sorted(counts.items()))


def _nearest_rank(values: list[float], percent: int) -> float | None:
    if not values:
        return None
    return sorted(values)[-(-len(values) * percent // 100) - 1]
