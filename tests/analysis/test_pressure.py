"""Pressure is a queue above half its bound or a lag above 100 ms; five seconds in a row fail."""

import pytest
from support.runlogs import heartbeat

from pm_data.analysis.pressure import PressureStreaks

LAGGING = {"loop_lag_ms": {"p50": 1.0, "p99": 90.0, "max": 100.1}}


def streaks(*changes):
    found = PressureStreaks(1000, 10**6)
    for second, change in enumerate(changes, 1):
        found.note(heartbeat(second, **change))
    return found.fields()


@pytest.mark.parametrize(
    ("change", "pressed"),
    [
        ({"queued": 500}, False),
        ({"queued": 501}, True),
        ({"queued_bytes": 500_001}, True),
        ({"loop_lag_ms": {"p50": 1.0, "p99": 99.0, "max": 100.0}}, False),
        (LAGGING, True),
    ],
)
def test_what_pressure_is(change, pressed):
    assert streaks({}, change, {})["count"] == pressed


def test_four_seconds_pass_and_five_fail():
    four = streaks({}, *[LAGGING] * 4, {})
    assert four == {"count": 1, "max_seconds": 4.0, "failed": False}
    five = streaks({}, LAGGING, {}, *[LAGGING] * 5)
    assert five == {"count": 2, "max_seconds": 5.0, "failed": True}


def test_unknown_bounds_judge_no_queue():
    found = PressureStreaks(None, None)
    found.note(heartbeat(1, queued=10**9))
    assert found.fields()["count"] == 0
