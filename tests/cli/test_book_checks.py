"""`--book-checks` and `capture-verify --books`: every command tells of the same lost update."""

import hashlib

import pytest
from support.bundles import make_bundle, stamped
from support.commands import json_line, pm_data
from support.hashed_market import HashedMarket


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    market = HashedMarket()
    frames = [market.opening(), *market.change((0, 430, 900))]
    market.change((0, 410, 7))  # lost
    frames += [*market.change((0, 425, 5)), *market.change((0, 420, 6))]  # suspect from here on
    frames += [*market.change((0, 435, 5)), *market.change((0, 435, 0)), *market.change((0, 410, 7))]
    frames += [*market.change((0, 440, 6)), *market.change((0, 440, 0))]
    text = "".join(stamped(100 + number, frame) for number, frame in enumerate(frames))
    return make_bundle(tmp_path_factory.mktemp("checks"), {"a.ndjson": text})


def replay(run_dir, mode):
    settings = ("toy_spread.min_spread_e6=1", "toy_spread.urgency=taker", "toy_spread.order_type=market")
    return pm_data(
        *("run", "--mode", "replay", "--run-dir", run_dir, "--strategy", "toy_spread"),
        *(word for setting in settings for word in ("--strategy-params", setting)),
        *("--print-hash", "--stable-json", *(("--book-checks", mode) if mode else ())),
    )


def test_count_changes_no_event_no_intent_and_no_hash(run_dir):
    plain, off, count, suspect = (
        json_line(replay(run_dir, mode)) for mode in (None, "off", "count", "suspect")
    )
    assert plain == off
    assert (off["book_checks"], count["book_checks"], suspect["book_checks"]) == ("off", "count", "suspect")
    for key in ("canonical_events", "intents", "fills", "final_hash", "events_hash"):
        assert off[key] == count[key]
    assert suspect["events_hash"] != off["events_hash"]
    assert suspect["fills"] < off["fills"]
    assert "hash_failed" not in off["counters"]
    assert count["counters"]["hash_failed"] == suspect["counters"]["hash_failed"] == 8
    assert count["counters"]["hash_incidents"] == 1


def test_the_line_and_the_events_are_the_same_on_both_cores(run_dir, core):
    """The compiled replay reads ahead of its loop, capture-events does not: both must say the same."""
    line = json_line(
        pm_data(
            *("run", "--mode", "replay", "--run-dir", run_dir, "--print-hash", "--book-checks", "suspect"),
            PM_DATA_CORE=core.name,
        )
    )
    lines = pm_data(
        *("capture-events", "--run-dir", run_dir, "--hash-lines", "--book-checks", "suspect"),
        PM_DATA_CORE=core.name,
    )
    assert hashlib.sha256(lines.stdout.encode()).hexdigest() == line["events_hash"]
    statuses = [text.split("|")[3:5] for text in lines.stdout.splitlines() if "|status|" in text]
    assert statuses == [["suspect", "hash"]] * 2 + [["live", ""]] * 2


def test_verify_reports_the_incident_and_finds_no_damage(run_dir):
    done = pm_data("capture-verify", "--run-dir", run_dir, "--books")
    line = json_line(done)
    assert (done.returncode, line["ok"], line["books"]["ok"]) == (0, True, False)
    (incident,) = line["books"]["incidents"]
    assert (incident["bursts"], incident["leg_hashes"], incident["recovered"]) == (4, 8, True)
    assert "2 tokens, 4 bursts, 8 hashes failed, recovered" in done.stderr
    assert [token["hash_failed"] for token in line["books"]["tokens"]] == [4, 4]
    assert line["books"]["totals"]["hash_verified"] == 10
    assert "books" not in json_line(pm_data("capture-verify", "--run-dir", run_dir))


def test_books_are_those_of_a_run(run_dir):
    done = pm_data("capture-verify", "--frames", run_dir / "capture" / "shard_00.frames", "--books")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pm_data capture-verify: --books goes with --run-dir\n"


def test_the_recorded_feed_has_one_incident(tmp_path, shared_data):
    text = (shared_data / "ws_market_20260927.ndjson").read_text()
    line = json_line(
        pm_data("capture-verify", "--books", "--run-dir", make_bundle(tmp_path, {"a.ndjson": text}))
    )
    totals = line["books"]["totals"]
    assert (totals["hash_verified"], totals["hash_failed"], totals["best_agreed"]) == (48, 16, 58)
    (incident,) = line["books"]["incidents"]
    assert (len(incident["asset_ids"]), incident["bursts"], incident["leg_hashes"]) == (2, 8, 16)


def test_live_equals_replay_with_suspect_books(tmp_path):
    done = pm_data(
        *("prove", "--duration-seconds", "2", "--strategy", "toy_spread", "--book-checks", "suspect"),
        cwd=tmp_path,
    )
    line = json_line(done)
    assert (done.returncode, line["ok"], line["book_checks"]) == (0, True, "suspect"), done.stderr
