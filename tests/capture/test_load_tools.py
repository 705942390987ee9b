"""The tools that load a whole capture, here for a minute and for a moment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def report_of(tool, *flags):
    """Run a tool and return its JSON line."""
    done = subprocess.run(
        [sys.executable, TOOLS / tool, *map(str, flags)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_a_minute_of_mixed_faults():
    flags = ("--seconds", 60, "--markets", 200, "--rate", 400, "--shards", 4, "--connection-max-seconds", 20)
    report = report_of("soak_plant.py", *flags)
    assert all(report["checks"].values())
    assert report["unbalanced_heartbeats"] == 0
    assert report["gaps"]["closed"]
    assert report["settled_slope_mb_per_hour"] is None  # a minute tells nothing about an hour


@pytest.mark.long
def test_capture_benchmark_writes_all_that_it_sends():
    flags = ("--frames", 20_000, "--rounds", 1, "--markets", 40, "--rate", 1000, "--rate-seconds", 2)
    report = report_of("bench_capture.py", *flags)
    assert report["speed_beside_websockets"] > 0
    assert 0 < report["received_to_written_ms"]["p50"] <= report["received_to_written_ms"]["p99"]
