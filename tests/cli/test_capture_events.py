"""`capture-events`: every field of a kind, the hash lines, filters, and damaged bundles."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from support.bundles import make_bundle, stamped
from support.commands import ROOT, json_line, pm_data
from support.frames import A, B, book, encode, trade

from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import read_manifest, write_manifest


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    tick = {"event_type": "tick_size_change", "asset_id": A, "new_tick_size": "0.001", "timestamp": "x"}
    frames = [book(A, asks=[]), trade(A, size=""), encode(tick), book(B)]
    text = "".join(stamped(100 + number, frame) for number, frame in enumerate(frames))
    return make_bundle(tmp_path_factory.mktemp("events"), {"a.ndjson": text})


def events(run_dir, *arguments):
    done = pm_data("capture-events", "--run-dir", run_dir, *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_field_is_there_and_absent_ones_are_null(run_dir):
    first, second, third, _fourth = events(run_dir)
    assert first == {
        "kind": "top_of_book",
        "seq": 1,
        "market_id": A,
        "bid_px_e6": 400_000,
        "bid_sz_e6": 10_000_000,
        "ask_px_e6": None,
        "ask_sz_e6": None,
        "ts_event": 1_000_000_000,
        "ts_recv": 100,
    }
    assert second == {
        "kind": "trade",
        "seq": 2,
        "market_id": A,
        "side": "buy",
        "price_e6": 460_000,
        "size_e6": None,
        "ts_event": 1_002_000_000,
        "ts_recv": 101,
    }
    assert third == {
        "kind": "status",
        "seq": 3,
        "market_id": A,
        "status": "tick_size",
        "cause": "0.001",
        "ts_event": None,
        "ts_recv": 102,
    }


def test_the_hash_lines_hash_to_events_hash(run_dir):
    done = pm_data("capture-events", "--run-dir", run_dir, "--hash-lines")
    assert done.stdout.splitlines()[:3] == [
        f"1|top_of_book|{A}|400000|10000000|||1000000000|100",
        f"2|trade|{A}|buy|460000||1002000000|101",
        f"3|status|{A}|tick_size|0.001||102",
    ]
    line = json_line(pm_data("run", "--mode", "replay", "--run-dir", run_dir, "--print-hash"))
    assert hashlib.sha256(done.stdout.encode()).hexdigest() == line["events_hash"]


@pytest.mark.parametrize(
    ("arguments", "seqs"),
    [
        (["--market", B], [4]),
        (["--kind", "trade", "--kind", "status"], [2, 3]),
        (["--from-ns", "101", "--to-ns", "103"], [2, 3]),
        (["--first", "2", "--last", "3"], [2, 3]),
    ],
)
def test_filters(run_dir, arguments, seqs):
    assert [event["seq"] for event in events(run_dir, *arguments)] == seqs


def test_a_damaged_bundle_is_printed_as_far_as_it_can_be_read(run_dir, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(run_dir, broken)
    frames = broken / "capture" / "shard_00.frames"
    frames.write_bytes(frames.read_bytes().replace(b"last_trade_price", b"Last_trade_price", 1))
    done = pm_data("capture-events", "--run-dir", broken, "--hash-lines")
    assert done.returncode == 1
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert [line[1:5] for line in lines if line[1] == "status"] == [
        ["status", A, "suspect", "salvage"],
        ["status", A, "tick_size", "0.001"],
    ]
    assert [line[1] for line in lines] == ["top_of_book", "status", "status", "top_of_book"]
    assert "crc_mismatch" in done.stderr
    replayed = pm_data("run", "--mode", "replay", "--run-dir", broken, "--salvage", "--print-hash")
    assert json_line(replayed)["events_hash"] == hashlib.sha256(done.stdout.encode()).hexdigest()


def test_after_a_torn_tail_the_tokens_of_the_shard_have_a_gap(run_dir, tmp_path):
    torn = tmp_path / "torn"
    shutil.copytree(run_dir, torn)
    run = RunDir(torn)
    manifest = read_manifest(run)
    write_manifest(run, replace(manifest, status="running", shards=None, totals=None))
    frames = torn / "capture" / "shard_00.frames"
    frames.write_bytes(frames.read_bytes()[:-5])
    done = pm_data("capture-events", "--run-dir", torn, "--hash-lines")
    assert done.returncode == 1
    assert "torn_tail" in done.stderr
    assert done.stdout.splitlines()[-2:] == [
        f"5|status|{A}|suspect|gap||103",
        f"6|status|{B}|suspect|gap||103",
    ]
    replayed = pm_data("run", "--mode", "replay", "--run-dir", torn, "--print-hash")
    assert json_line(replayed)["events_hash"] == hashlib.sha256(done.stdout.encode()).hexdigest()


def test_an_unknown_kind_is_one_line(run_dir):
    done = pm_data("capture-events", "--run-dir", run_dir, "--kind", "nonsense")
    assert (done.returncode, len(done.stderr.splitlines())) == (78, 1)


def test_a_pipe_that_closes_early_is_no_error(tmp_path):
    frames = [book(A, bids=[("0.40", str(size))]) for size in range(1, 5_000)]
    text = "".join(stamped(number, frame) for number, frame in enumerate(frames))
    run_dir = make_bundle(tmp_path, {"a.ndjson": text})
    command = [sys.executable, "-m", "pm_data", "capture-events", "--run-dir", str(run_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)
