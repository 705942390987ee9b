"""Run logs and metrics as a capture writes them, for those who judge them."""

import json

SECOND_NS = 1_000_000_000
BEGIN_NS = 5 * SECOND_NS
SHARD_LAG = {"p50": 0.4, "p99": 1.9, "max": 2.5}


def heartbeat(second, **changes):
    """Return the heartbeat of that second of a run."""
    mono_ns = BEGIN_NS + second * SECOND_NS
    stamps = {"mono_ns": mono_ns, "hb_mono_ns": mono_ns, "wall_ns_utc": mono_ns, "hb_wall_ns_utc": mono_ns}
    accounts = {"received": 100 * second, "written": 100 * second, "dropped": 0, "queued": 0}
    sizes = {"dropped_bytes": 0, "queued_bytes": 0, "queued_oldest_ms": 0}
    measures = {"coverage_pct": 100.0, "loop_lag_ms": SHARD_LAG, "disk_free_bytes": 10**10}
    return {"record_type": "heartbeat", **stamps, **accounts, **sizes, **measures, **changes}


def line(record_type, second, **fields):
    """Return another line of the run log."""
    mono_ns = BEGIN_NS + int(second * SECOND_NS)
    return {"record_type": record_type, "mono_ns": mono_ns, "wall_ns_utc": mono_ns, **fields}


def quiet_run(seconds=10):
    """Return the lines of a run in which nothing went wrong."""
    last = {"received": 100 * seconds, "written": 100 * seconds, "dropped": 0, "dropped_bytes": 0}
    return [
        line("run_start", 0),
        *(heartbeat(second) for second in range(1, seconds + 1)),
        line("disconnected", seconds + 0.1, cause="stop", conn=1),
        line("run_end", seconds + 0.2, reason="stop", **last),
    ]


def write_lines(path, lines):
    """Write an NDJSON file."""
    path.write_text("".join(json.dumps(entry) + "\n" for entry in lines), encoding="utf-8")
