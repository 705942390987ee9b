"""The grade of `capture-gates`: A strict, B all known and bounded, C anything unaccounted."""

from dataclasses import replace

import pytest
from support.commands import json_line, pm_data
from support.frames import A, B, book, encode
from support.records import control, text, write_run
from support.runlogs import heartbeat, line, quiet_run, write_lines

from pm_data.bundle.manifest import read_manifest, write_manifest
from pm_data.frame import Control

SUBSCRIBED = (Control.SUBSCRIBED, 1, {"tokens": [A, B], "reason": "initial"})
AGAIN = (Control.SUBSCRIBED, 2, {"tokens": [A, B], "reason": "reconnect"})
CLOSED = (Control.CLOSED, 1, {"code": 1011, "reason": "", "cause": "venue"})
RESOLVED = {"event_type": "market_resolved", "market": "0xabc", "assets_ids": [A, B], "winning_asset_id": A}


def gap(cause="closed", frames=0, tokens=(A, B)):
    fields = {"cause": cause, "tokens": list(tokens), "frames": frames, "bytes": 10 * frames}
    return (Control.GAP, 1, {**fields, "first_mono_ns": None, "last_mono_ns": None})


def run_of(data_dir, *stream, status="closed", reason="stop", first_book_seconds=None):
    """Write a run of one shard: its universe, both subscriptions and books, `stream`, its end.

    Args:
        first_book_seconds: as the run was set; its records are 1 ns apart.
    """
    whole = [SUBSCRIBED, book(A), book(B), *stream, (Control.END, 0, {"reason": reason})]
    records = [control(0, 0, 1000, Control.UNIVERSE, markets=[], removed=[])]
    conn = 1
    for seq, what in enumerate(whole, 1):
        stamp = 1000 + seq
        if isinstance(what, bytes):
            records.append(text(0, seq, stamp, what, conn))
        else:
            kind, of, fields = what
            conn = max(conn, of)
            records.append(control(0, seq, stamp, kind, of, **fields))
    run = write_run(data_dir, [records], status)
    if first_book_seconds is not None:
        settings = {"capture_first_book_seconds": {"value": first_book_seconds, "origin": "default"}}
        write_manifest(run, replace(read_manifest(run), config=settings))
    write_lines(run.runlog, quiet_run())
    return run


def grade_of(run):
    done = pm_data("capture-gates", "--run-dir", run.path)
    answer = json_line(done)
    assert f"grade {answer['grade']}" in done.stderr
    assert (answer["grade"] == "A") == (not answer["grade_reasons"])
    return answer


def with_disconnects(run, *causes):
    lines = quiet_run()
    write_lines(
        run.runlog, [*lines[:5], *(line("disconnected", 4.5, cause=cause) for cause in causes), *lines[5:]]
    )


def test_a_run_that_lost_nothing(tmp_path):
    answer = grade_of(run_of(tmp_path))
    assert (answer["grade"], answer["ok"]) == ("A", True)
    assert answer["gaps"] == {"count": 0, "unbounded": 0, "longest_seconds": 0.0, "by_cause": {}}


def test_a_gap_that_a_full_book_ended(tmp_path):
    run = run_of(tmp_path, CLOSED, gap(), AGAIN, book(A), book(B))
    with_disconnects(run, "venue", "network", "idle", "rotation", "venue")
    answer = grade_of(run)
    assert (answer["grade"], answer["ok"]) == ("B", False)
    assert answer["gaps"]["count"] == 2
    assert answer["gaps"]["unbounded"] == 0
    assert answer["gaps"]["by_cause"] == {"closed": 2}
    assert answer["disconnects_by_source"] == {"planned": 1, "venue": 2, "ours": 1, "network": 1}
    assert answer["grade_reasons"][0] == "gate reconnects fails"


def test_a_gap_without_an_end(tmp_path):
    answer = grade_of(run_of(tmp_path, CLOSED, gap(), AGAIN, book(A)))
    assert answer["grade"] == "C"
    assert answer["grade_reasons"] == ["1 gaps of tokens end with no full book"]


def test_a_gap_whose_time_was_not_over_when_the_run_ended(tmp_path):
    answer = grade_of(run_of(tmp_path, CLOSED, gap(), AGAIN, book(A), first_book_seconds=30.0))
    assert (answer["grade"], answer["gaps"]["count"], answer["gaps"]["unbounded"]) == ("B", 2, 0)


@pytest.mark.parametrize(("asked_again", "grade"), [(False, "B"), (True, "C")])
def test_a_token_that_is_not_wanted_any_more_needs_no_book(tmp_path, asked_again, grade):
    """The redrive ladder unsubscribes too, and asks again."""
    left = (Control.UNSUBSCRIBED, 1, {"tokens": [A, B], "reason": "removed"})
    again = [SUBSCRIBED] if asked_again else []
    run = run_of(tmp_path, gap(), left, *again)
    assert grade_of(run)["grade"] == grade


def test_a_token_that_came_at_the_end_needs_no_book_yet(tmp_path):
    late = (Control.SUBSCRIBED, 1, {"tokens": ["333"], "reason": "universe"})
    assert grade_of(run_of(tmp_path, late, first_book_seconds=30.0))["grade"] == "A"


def test_a_gap_that_goes_on_in_the_next_bundle(tmp_path):
    answer = grade_of(run_of(tmp_path, CLOSED, gap(), AGAIN, book(A), reason="rotation"))
    assert (answer["grade"], answer["gaps"]["unbounded"]) == ("B", 0)
    assert answer["grade_reasons"] == [
        "2 gaps of tokens, each with its cause and its end, or going on in the next bundle"
    ]


def test_a_resolved_token_needs_no_book(tmp_path):
    answer = grade_of(run_of(tmp_path, gap(), encode(RESOLVED)))
    assert (answer["grade"], answer["gaps"]["unbounded"]) == ("B", 0)


@pytest.mark.parametrize(("told", "grade"), [(3, "B"), (2, "C")])
def test_dropped_frames_must_be_told_of_in_the_stream(tmp_path, told, grade):
    run = run_of(tmp_path, gap("drop", told), book(A), book(B))
    lost = {"received": 1000, "written": 997, "dropped": 3, "dropped_bytes": 30}
    lines = [entry | lost if entry["record_type"] == "run_end" else entry for entry in quiet_run()]
    write_lines(run.runlog, lines)
    assert grade_of(run)["grade"] == grade


def test_frames_that_nobody_accounts_for(tmp_path):
    run = run_of(tmp_path)
    lines = [
        entry | {"written": 999} if entry["record_type"] == "run_end" else entry for entry in quiet_run()
    ]
    write_lines(run.runlog, lines)
    assert grade_of(run)["grade_reasons"] == ["received is not written + dropped"]


@pytest.mark.parametrize("spoil", ["status", "damage", "fatal", "missing"])
def test_what_is_never_better_than_c(tmp_path, spoil):
    if spoil == "status":
        run = run_of(tmp_path, status="running")
    elif spoil == "missing":
        run = run_of(tmp_path, (Control.SUBSCRIBED, 2, {"tokens": ["333"], "reason": "initial"}))
    else:
        run = run_of(tmp_path)
    if spoil == "damage":
        data = bytearray(run.frames(0).read_bytes())
        data[len(data) // 2] ^= 1
        run.frames(0).write_bytes(data)
    if spoil == "fatal":
        run.fatal.write_text("{}")
    assert grade_of(run)["grade"] == "C"


def test_a_gate_that_fails_without_a_loss(tmp_path):
    run = run_of(tmp_path)
    late = {"p50": 1.0, "p99": 10.1, "max": 40.0}
    lines = quiet_run()
    lines[3] = heartbeat(3, loop_lag_ms=late)
    write_lines(run.runlog, lines)
    answer = grade_of(run)
    assert (answer["grade"], answer["grade_reasons"]) == ("B", ["gate loop_lag fails"])
