"""`capture-coverage` on runs made for it, and on a capture of a venue that loses things."""

from dataclasses import replace

import pytest
from support.captures import Capture
from support.commands import json_line, pm_data
from support.records import control, text, write_run

from pm_data.bundle.manifest import read_manifest, write_manifest
from pm_data.frame import Control
from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions


def book(asset_id):
    return f'{{"asset_id":"{asset_id}","bids":[],"asks":[],"event_type":"book","timestamp":"1"}}'.encode()


def gap(seq, stamp, tokens, cause="closed", since=None):
    fields = {"cause": cause, "tokens": tokens, "frames": 0, "bytes": 0}
    return control(0, seq, stamp, Control.GAP, 1, **fields, first_mono_ns=since, last_mono_ns=None)


def coverage(run_dir):
    done = pm_data("capture-coverage", "--run-dir", run_dir)
    return done.returncode, json_line(done), done.stderr


def test_tokens_their_books_and_their_gaps(tmp_path):
    run = write_run(
        tmp_path,
        [
            [
                control(0, 0, 10, Control.UNIVERSE, markets=[], removed=[]),
                control(0, 1, 20, Control.SUBSCRIBED, 1, tokens=["1", "2", "3"], reason="initial"),
                text(0, 2, 30, book("1")),
                text(0, 3, 40, book("2")),
                gap(4, 50, ["1", "3"], since=40),
                gap(5, 60, ["1"], "silent", since=55),
                text(0, 6, 70, book("1"), conn=2),
                text(0, 7, 80, book("1")),
                gap(8, 90, ["2"]),
                control(0, 9, 100, Control.END, reason="stop"),
            ]
        ],
    )
    code, found, err = coverage(run.path)
    assert code == 1
    assert found == {
        "ok": False,
        "tokens": [
            {
                **{"asset_id": "1", "shard": 0, "subscribed_ns": 20, "first_book_ns": 30, "state": "live"},
                "gaps": [{"cause": "closed", "from_ns": 40, "to_ns": 80}],
            },
            {
                **{"asset_id": "2", "shard": 0, "subscribed_ns": 20, "first_book_ns": 40, "state": "suspect"},
                "gaps": [{"cause": "closed", "from_ns": 90, "to_ns": None}],
            },
            {
                **{"asset_id": "3", "shard": 0, "subscribed_ns": 20, "first_book_ns": None, "state": "new"},
                "gaps": [],
            },
        ],
        "missing": ["3"],
    }
    assert "3 tokens (live 1, suspect 1, new 1), 2 gaps (closed 2; 1 not ended), 1 missing" in err


CARRIED = {
    **{"market": None, "cause": "", "ts_event": None, "tick_size_e6": None, "bids": [], "asks": []},
    **dict.fromkeys(("bid_px_e6", "bid_sz_e6", "ask_px_e6", "ask_sz_e6")),
    **dict.fromkeys(("last_trade_price_e6", "last_trade_size_e6")),
}


def test_what_a_rotation_cuts_in_two_is_lost_in_neither_bundle(tmp_path):
    """Gaps and first books that the next bundle brings to an end, and those that this one begins with."""
    shards = [
        control(0, 0, 10, Control.UNIVERSE, markets=[], removed=[]),
        control(0, 1, 20, Control.SUBSCRIBED, 1, tokens=["1", "2", "3", "4"], reason="carried"),
        control(
            0, 2, 21, Control.CARRIED, 1, asset_id="1", **CARRIED | {"status": "suspect", "cause": "gap"}
        ),
        control(0, 3, 22, Control.CARRIED, 1, asset_id="2", **CARRIED | {"status": "resolved", "cause": "1"}),
        control(0, 4, 23, Control.CARRIED, 1, asset_id="3", **CARRIED | {"status": "new"}),
        text(0, 5, 30, book("1")),
        text(0, 6, 40, book("4")),
        gap(7, 50, ["4"]),
        control(0, 8, 2 * 10**9, Control.SUBSCRIBED, 1, tokens=["5"], reason="refresh"),
        control(0, 9, 2 * 10**9 + 1, Control.END, reason="rotation"),
    ]
    run = write_run(tmp_path, [shards])
    settings = {"capture_first_book_seconds": {"value": 1.5, "origin": "flag"}}
    write_manifest(run, replace(read_manifest(run), config=settings))
    code, found, _err = coverage(run.path)
    assert (code, found["missing"]) == (1, ["3"])
    tokens = {token["asset_id"]: token for token in found["tokens"]}
    assert [tokens[name]["first_book_ns"] for name in "12345"] == [21, 22, None, 40, None]
    assert tokens["1"]["gaps"] == [{"cause": "gap", "from_ns": 21, "to_ns": 30}]
    assert tokens["4"]["gaps"] == [{"cause": "closed", "from_ns": 50, "to_ns": None}]
    assert not any(tokens[name]["gaps"] for name in "235")


def test_damage_is_named_and_is_exit_1(tmp_path):
    records = [
        control(0, 0, 10, Control.UNIVERSE, markets=[], removed=[]),
        control(0, 1, 20, Control.SUBSCRIBED, 1, tokens=["1"], reason="initial"),
        text(0, 2, 30, book("1")),
        control(0, 3, 40, Control.END, reason="stop"),
    ]
    run = write_run(tmp_path, [records])
    assert coverage(run.path)[0] == 0
    with run.frames(0).open("r+b") as file:
        file.seek(-5, 2)
        file.write(b"!")
    code, found, err = coverage(run.path)
    assert (code, found["ok"], found["missing"]) == (1, False, [])
    assert "crc_mismatch" in err or "torn_tail" in err


@pytest.mark.parametrize("cure", ["connection", "none"])
def test_only_what_was_lost_is_reported(tmp_path, cure):
    """Every injected loss lies inside a reported window, and no clean token has one."""
    fault = parse_fault(f"freeze_token:token=3,after=0.5,cure={cure}")
    with EmbeddedVenue(VenueOptions(markets=6, rate=600, faults=(fault,))) as venue:
        frozen = venue.asset_ids[3]
        flags = ["--ws-shards=2", "--capture-first-book-seconds=0.5", "--capture-witness-silent-seconds=0.4"]
        flags += ["--capture-witness-grace-seconds=0.1", "--no-capture-universe-refresh-enable"]
        with Capture(venue.urls, tmp_path, *flags, "--duration-seconds=3.5") as capture:
            assert capture.finish()[0] == 0
    code, found, _err = coverage(capture.run_dir)
    assert (code, found["missing"]) == (0, [])
    assert len(found["tokens"]) >= 10
    for token in found["tokens"]:
        if token["asset_id"] != frozen:
            assert token["gaps"] == []
            assert token["state"] in ("live", "resolved")
        else:
            assert {gap["cause"] for gap in token["gaps"]} == {"silent"}
            first = token["gaps"][0]
            assert first["from_ns"] - token["first_book_ns"] < 1e9
            assert first["to_ns"] is not None
