"""`run --salvage` (rule D8): damage is skipped, counted, and met as a gap."""

import os

import pytest
from support.commands import json_line, pm_data
from support.frames import A, B, book, change
from support.records import control, text, write_run

from pm_data.bundle.format import encode_record
from pm_data.frame import Control

HASH = ("--print-hash", "--stable-json")


def shard(number, token):
    """Return a shard whose token is asked for again on a new connection, by a network that broke."""
    stamps = range(10 + number, 1000, 10)
    frames = [
        (Control.UNIVERSE, 0, {"markets": [], "removed": []}),
        (Control.SUBSCRIBED, 1, {"tokens": [token], "reason": "initial"}),
        (None, 1, book(token)),
        (None, 1, change((token, "BUY", "0.41", "5"))),
        (Control.CLOSED, 1, {"code": None, "reason": "", "cause": "network"}),
        (Control.GAP, 1, {"cause": "closed", "tokens": [token]}),
        (Control.SUBSCRIBED, 2, {"tokens": [token], "reason": "reconnect"}),
        (None, 2, book(token, bids=[("0.30", "7")])),
        (None, 2, change((token, "BUY", "0.31", "5"))),
        (Control.END, 0, {"reason": "stop"}),
    ]
    conns = 2 * number
    return [
        text(number, seq, stamp, what, conn + conns)
        if kind is None
        else control(number, seq, stamp, kind, conn and conn + conns, **what)
        for seq, (stamp, (kind, conn, what)) in enumerate(zip(stamps, frames, strict=False))
    ]


SHARDS = [shard(0, A), shard(1, B)]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, SHARDS)


def replay(run, *arguments, **environment):
    return pm_data("run", "--mode", "replay", "--run-dir", run.path, *arguments, **environment)


def damage(run, *numbers, shard=0):
    """Flip a bit in some records of a shard."""
    data = bytearray(run.frames(shard).read_bytes())
    for number in numbers:
        data[len(b"".join(map(encode_record, SHARDS[shard][:number]))) + 50] ^= 1
    run.frames(shard).write_bytes(data)


def statuses(run):
    """Return (market, status, cause) of each status event, and the kinds and prices of all."""
    done = pm_data("capture-events", "--run-dir", run.path, "--hash-lines")
    lines = [line.split("|") for line in done.stdout.splitlines()]
    return [tuple(line[2:5]) for line in lines if line[1] == "status"], lines


def test_what_is_skipped_is_counted_and_named(run):
    damage(run, 3)
    damage(run, 2, 7, shard=1)
    refused = replay(run, *HASH)
    assert (refused.returncode, refused.stdout) == (1, "")
    done = replay(run, "--salvage", *HASH)
    line = json_line(done)
    assert (done.returncode, line["ok"], line["salvaged"]) == (0, True, 3)
    assert "final_hash" in line
    assert "skipped shard 0: crc_mismatch at record 3, bytes " in done.stderr
    assert len(done.stderr.splitlines()) == 3


def test_without_damage_the_hashes_are_those_of_a_plain_replay(run):
    plain, salvaged = json_line(replay(run, *HASH)), json_line(replay(run, "--salvage", *HASH))
    assert salvaged == plain | {"salvaged": 0}


def test_the_tokens_are_suspect_until_the_next_full_book(run):
    damage(run, 3)
    found, lines = statuses(run)
    assert found[0] == (A, "suspect", "salvage")
    # The connection's own gap then finds the token suspect already; B's is as ever.
    assert found == [
        (A, "suspect", "salvage"),
        (B, "suspect", "gap"),
        (A, "live", ""),
        (B, "live", ""),
    ]
    tops = [line[3] for line in lines if line[1:3] == ["top_of_book", A]]
    assert tops == ["400000", "300000", "310000"]


def test_a_reconnect_that_was_skipped_does_not_shut_the_new_connection_out(run):
    damage(run, 4, 5, 6)
    found, lines = statuses(run)
    assert [status for status in found if status[0] == A] == [(A, "suspect", "salvage"), (A, "live", "")]
    assert [line[3] for line in lines if line[1:3] == ["top_of_book", A]][-1] == "310000"


def test_a_lost_end_of_a_closed_shard_is_a_gap(run):
    size = len(encode_record(SHARDS[0][-1])) + len(encode_record(SHARDS[0][-2]))
    os.truncate(run.frames(0), run.frames(0).stat().st_size - size)
    line = json_line(replay(run, "--salvage", *HASH))
    assert line["salvaged"] == 1
    assert [status for status in statuses(run)[0] if status[0] == A][-1] == (A, "suspect", "salvage")


def test_a_damaged_manifest_is_skipped_too(run):
    plain = json_line(replay(run, *HASH))
    run.manifest.write_bytes(run.manifest.read_bytes().replace(b"offline", b"Offline"))
    assert replay(run, *HASH).returncode == 1
    assert json_line(replay(run, "--salvage", *HASH)) == plain | {"salvaged": 1}


def test_the_torn_tail_of_an_interrupted_run_needs_no_salvage(tmp_path):
    run = write_run(tmp_path, SHARDS, status="running")
    os.truncate(run.frames(1), run.frames(1).stat().st_size - 3)
    plain = replay(run, *HASH)
    assert plain.returncode == 0
    assert "was interrupted" in plain.stderr
    assert json_line(replay(run, "--salvage", *HASH)) == json_line(plain) | {"salvaged": 0}
    assert statuses(run)[0][-1] == (B, "suspect", "gap")


def test_both_cores_salvage_alike(run, both_cores):
    damage(run, 3, 4)
    damage(run, 8, shard=1)
    lines = {replay(run, "--salvage", *HASH, PM_DATA_CORE=core.name).stdout for core in both_cores}
    assert len(lines) == 1


def test_salvage_goes_with_a_replay():
    done = pm_data("run", "--mode", "live", "--salvage")
    assert (done.returncode, done.stderr) == (2, "pm_data run: --salvage goes with --mode replay\n")
