"""What a capture's page draws over time, from its run log and metrics, in bounded memory."""

from pm_data.analysis.runlog import milliseconds, text, whole
from pm_data.jsonlib import JsonObject
from pm_data.page.thinning import Keep, Thinned

MAX_POINTS = 1000
"""Of each chart; a run of weeks is thinned to as many."""
MAX_SHARDS = 256
MAX_STRETCHES = 2000
"""Of all shards' strips together."""
MAX_MARKS = 500

_COUNTERS: dict[str, Keep] = {"received": "last", "received_bytes": "last"}
_LEVELS: dict[str, Keep] = {
    "queued": "max",
    "queued_oldest_ms": "max",
    "coverage_pct": "min",
    "disk_free_bytes": "min",
}
_QUANTILES = ("p50", "p99", "max")


class CaptureSeries:
    """Follows the lines of a run log and of `metrics/global.ndjson`."""

    def __init__(self) -> None:
        quantiles: dict[str, Keep] = dict.fromkeys(_QUANTILES, "max")
        self.heartbeats = Thinned({**_COUNTERS, **_LEVELS, **quantiles}, MAX_POINTS)
        """Counters, levels and the loop's lag, a row each heartbeat; stamps are monotonic."""
        self.written = Thinned(quantiles, MAX_POINTS)
        """Received to written, a row each second."""
        self.coverage: dict[int, Thinned] = {}
        """Percent of its tokens that have a book, by shard."""
        self.disconnects: list[int] = []
        """Monotonic stamps of connections that ended midrun, the first MAX_MARKS."""
        self._wall_minus_mono_ns: int | None = None

    def note_runlog(self, entry: JsonObject) -> None:
        """Take a line of the run log into account."""
        if self._wall_minus_mono_ns is None and whole(entry, "mono_ns"):
            self._wall_minus_mono_ns = whole(entry, "wall_ns_utc") - whole(entry, "mono_ns")
        record_type = entry.get("record_type")
        if record_type == "heartbeat":
            self._note_heartbeat(entry)
        elif record_type == "disconnected" and text(entry, "cause") != "stop":
            self.disconnects = [*self.disconnects, whole(entry, "mono_ns")][:MAX_MARKS]

    def note_metrics(self, entry: JsonObject) -> None:
        """Take a line of the global metrics into account."""
        self.written.add(whole(entry, "mono_ns"), _quantiles(entry, "received_to_written_ms"))

    def wall_seconds(self, mono_ns: int) -> float:
        """Return when it was, in seconds since 1970 UTC.

        By the wall clock of the run's begin: a later step of it would fold the charts.
        """
        return (mono_ns + (self._wall_minus_mono_ns or 0)) / 1e9

    def _note_heartbeat(self, entry: JsonObject) -> None:
        stamp_ns = whole(entry, "hb_mono_ns")
        row: dict[str, float | None] = {name: whole(entry, name) for name in (*_COUNTERS, *_LEVELS)}
        row["coverage_pct"] = _percent(entry)
        row["disk_free_bytes"] = row["disk_free_bytes"] or None
        self.heartbeats.add(stamp_ns, row | _quantiles(entry, "loop_lag_ms"))
        shards = entry.get("shards")
        named = [fields for fields in shards if isinstance(fields, dict)] if isinstance(shards, list) else []
        for fields in named[:MAX_SHARDS]:
            self._note_shard(whole(fields, "shard"), stamp_ns, fields, len(named))

    def _note_shard(self, shard: int, stamp_ns: int, fields: JsonObject, shards: int) -> None:
        coverage = self.coverage.get(shard)
        if coverage is None:
            if len(self.coverage) == MAX_SHARDS:
                return
            points = max(2, MAX_STRETCHES // min(shards, MAX_SHARDS) // 2 * 2)
            coverage = self.coverage[shard] = Thinned({"coverage_pct": "min"}, min(points, MAX_POINTS))
        coverage.add(stamp_ns, {"coverage_pct": _percent(fields)})


def _percent(entry: JsonObject) -> float | None:
    value = entry.get("coverage_pct")
    return float(value) if isinstance(value, int | float) and 0 <= value <= 100 else None


def _quantiles(entry: JsonObject, measure: str) -> dict[str, float | None]:
    return {quantile: milliseconds(entry, measure, quantile) for quantile in _QUANTILES}
