"""Heartbeat gaps are found wherever the process stood still, at the run's begin and end too."""

import pytest
from support.runlogs import BEGIN_NS, SECOND_NS, quiet_run

from pm_data.analysis.audit import TOP_GAPS, audit


def without(lines, first, last):
    """Return the lines without the heartbeats of these seconds."""
    gone = range(BEGIN_NS + first * SECOND_NS, BEGIN_NS + last * SECOND_NS + 1)
    return [entry for entry in lines if entry["mono_ns"] not in gone or entry["record_type"] == "run_start"]


def test_a_quiet_run_has_none():
    found = audit(quiet_run(10))
    assert (found.hb_count, found.gaps_over_threshold, found.max_gap_seconds) == (10, 0, 1.0)


@pytest.mark.parametrize(
    ("first", "last", "seconds", "after"), [(4, 6, 4.0, 3), (1, 3, 4.0, 0), (8, 10, 3.2, 7)]
)
def test_a_gap_is_named(first, last, seconds, after):
    found = audit(without(quiet_run(10), first, last))
    assert found.gaps_over_threshold == 1
    assert found.max_gap_seconds == pytest.approx(seconds)
    worst = found.fields()["top_gaps"][0]
    assert (worst["seconds"], worst["after_hb"]) == (seconds, after)
    assert worst["to_mono_ns"] - worst["from_mono_ns"] == seconds * SECOND_NS


def test_the_threshold_is_allowed_and_no_more():
    lines = without(quiet_run(10), 5, 5)
    assert audit(lines, 2.0).gaps_over_threshold == 0
    assert audit(lines, 1.999).gaps_over_threshold == 1


def test_only_the_longest_gaps_are_listed():
    found = audit(quiet_run(50), 0.5)
    assert found.gaps_over_threshold == 50
    assert len(found.top_gaps) == TOP_GAPS
