"""`capture-books`: full books at a moment, at steps, at the end, and of a damaged bundle."""

import json

import pytest
from support.bundles import make_bundle, stamped
from support.commands import pm_data
from support.frames import MARKET, A, B, book, change


@pytest.fixture
def run_dir(tmp_path):
    frames = [
        book(A, bids=[("0.39", "1"), ("0.40", "10")]),
        book(B),
        change((A, "BUY", "0.41", "3")),
        change((A, "BUY", "0.41", "0")),
    ]
    text = "".join(stamped(1_000 * (number + 1), frame) for number, frame in enumerate(frames))
    return make_bundle(tmp_path, {"a.ndjson": text})


def books(run_dir, *arguments, returncode=0):
    done = pm_data("capture-books", "--run-dir", run_dir, *arguments)
    assert done.returncode == returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_every_token_at_the_end_with_all_levels_best_first(run_dir):
    (first, second), _errors = books(run_dir)
    assert first == {
        "at_ns": 4_000,
        "market_id": A,
        "market": MARKET,
        "status": "live",
        "cause": "",
        "ts_event": 1_001_000_000,
        "ts_recv": 4_000,
        "seq": 4,
        "bids": [[400_000, 10_000_000], [390_000, 1_000_000]],
        "asks": [[460_000, 20_000_000]],
    }
    assert (second["market_id"], second["ts_recv"], second["seq"]) == (B, 2_000, 2)


@pytest.mark.parametrize(
    ("at", "best"),
    [("999", None), ("1000", 400_000), ("2999", 400_000), ("3000", 410_000), ("99999", 400_000)],
)
def test_a_moment_includes_its_own_records(run_dir, at, best):
    lines, errors = books(run_dir, "--at", at, "--market", A, "--depth", "1")
    assert [line["bids"][0][0] for line in lines] == ([] if best is None else [best])
    assert all((line["at_ns"], len(line["bids"])) == (int(at), 1) for line in lines)
    assert ("nothing is known of 111" in errors) == (best is None)


def test_steps_from_the_first_record_on(run_dir):
    lines, _errors = books(run_dir, "--every", "0.0000015", "--market", A, "--market", B, "--market", A)
    assert [(line["at_ns"], line["market_id"]) for line in lines] == [
        *((1_000, A), (2_500, A), (2_500, B), (4_000, A), (4_000, B))
    ]


def test_a_moment_and_steps_exclude_each_other(run_dir):
    _lines, errors = books(run_dir, "--at", "1", "--every", "1", returncode=2)
    assert "not allowed with" in errors


def test_a_damaged_bundle_is_read_as_far_as_it_can_be(run_dir):
    frames = run_dir / "capture" / "shard_00.frames"
    data = bytearray(frames.read_bytes())
    data[data.index(b"0.39") + 2] ^= 1  # in the first book
    frames.write_bytes(data)
    (only, other), errors = books(run_dir, returncode=1)
    assert (only["market_id"], other["market_id"], other["status"]) == (B, A, "new")
    assert "crc_mismatch" in errors
