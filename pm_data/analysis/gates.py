"""The FAIL gates of a capture: each with its figure, its limit, and where to look (SEED.md section 11)."""

from typing import Any, NamedTuple

from pm_data.analysis.pressure import FAIL_SECONDS
from pm_data.analysis.verify import Verdict
from pm_data.bundle.damage import DamageClass
from pm_data.jsonlib import JsonObject

LAG_P99_LIMIT_MS = 10
LAG_MAX_LIMIT_MS = 100


class Gate(NamedTuple):
    """One gate's verdict.

    Args:
        look: what to look at where it fails; not part of the JSON line.
    """

    name: str
    ok: bool
    value: Any
    limit: Any
    look: str

    def fields(self) -> JsonObject:
        """Return the gate as `capture-gates` prints it."""
        return {"name": self.name, "ok": self.ok, "value": self.value, "limit": self.limit}


def gates(report: JsonObject, verdict: Verdict, *, has_fatal: bool) -> list[Gate]:
    """Judge a capture.

    Args:
        report: the fields of its `LatencyReport`.
        verdict: of every record of the bundle; damage to an index, which is never the truth, does not count.
        has_fatal: whether the run directory has a `fatal.json`.
    """
    heartbeats, midrun = report["heartbeats"], report["disconnected"]["midrun"]
    reconnects = {"reconnects": report["reconnects"]["total"], "disconnected": midrun["incidents"]}
    causes = ", ".join(f"{cause} {count}" for cause, count in midrun["by_cause"].items())
    dropped = report["drops"]["dropped_messages_total"]
    lag, pressure = report["loop_lag_ms"], report["pressure_streaks"]
    lags = {"p99": lag["p99"], "max": lag["max"]}
    lag_limits = {"p99": LAG_P99_LIMIT_MS, "max": LAG_MAX_LIMIT_MS}
    damaged = sum(
        count
        for summary in verdict.summaries
        for damage_class, count in summary.counts.items()
        if damage_class is not DamageClass.IDX_MISMATCH
    ) + len(verdict.damage)
    none = {"reconnects": 0, "disconnected": 0}
    over = heartbeats["gaps_over_threshold"]
    return [
        Gate("heartbeat_gaps", not over, over, 0, "capture-audit: top_gaps; runlog.ndjson around them"),
        Gate("reconnects", reconnects == none, reconnects, none, f"runlog.ndjson: disconnected ({causes})"),
        Gate("drops", not dropped, dropped, 0, "runlog.ndjson: heartbeats' queued; capture-inspect: gaps"),
        Gate(
            "loop_lag",
            all(lags[name] is None or lags[name] <= limit for name, limit in lag_limits.items()),
            lags,
            lag_limits,
            "runlog.ndjson: heartbeats' loop_lag_ms; what else ran on the machine",
        ),
        Gate(
            "pressure",
            not pressure["failed"],
            pressure["max_seconds"],
            FAIL_SECONDS,
            "runlog.ndjson: heartbeats' queued and loop_lag_ms; metrics/ for each shard",
        ),
        Gate("crc", not damaged, damaged, 0, "capture-verify: its lines name every damaged place"),
        Gate("fatal", not has_fatal, has_fatal, False, "fatal.json: cause and message"),
    ]
