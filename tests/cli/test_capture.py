"""The `capture` command as a user runs it, against the embedded venue over real sockets."""

import json
import signal
import socket

import pytest
from support.captures import (
    Capture,
    assert_prefix_of_sent,
    controls,
    heartbeats,
    run_command,
    runlog,
    venue_flags,
    verify,
)

from pm_data.frame import Control
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions


@pytest.fixture(scope="module")
def venue():
    with EmbeddedVenue(VenueOptions(markets=40, rate=1000, keep_sent=True)) as running:
        yield running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_in_a_clean_bundle(venue, tmp_path, number):
    with Capture(venue.urls, tmp_path, "--ws-shards=4") as capture:
        capture.wait_for_frames(1000)
        code, line = capture.interrupt(number)
    assert code == 0
    assert list(line) == ["ok", "run_id", "run_dir", "status", "received", "written", "dropped"]
    assert line["ok"] is True
    assert line["status"] == "closed"
    assert line["run_id"] == "run"
    assert line["run_dir"] == str(capture.run_dir)
    assert line["received"] == line["written"] >= 1000
    assert line["dropped"] == 0
    assert str(capture.run_dir) in capture.stderr
    assert verify(capture.run_dir).ok
    assert assert_prefix_of_sent(capture.run_dir, venue) == line["written"]
    beats = heartbeats(capture.run_dir)
    assert beats[-1]["queued"] == 0
    assert beats[-1]["received"] == line["received"]
    assert beats[-1]["durable_frames"] == line["written"]
    assert sorted(path.name for path in capture.run_dir.iterdir()) == [
        "capture",
        "lock",
        "manifest.json",
        "metrics",
        "runlog.ndjson",
    ]


def test_duration_ends_the_run(venue, tmp_path):
    flags = ["--data-dir", tmp_path, *venue_flags(venue.urls), "--duration-seconds", "1"]
    done = run_command("capture", *flags)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["status"] == "closed"
    assert verify(tmp_path / "runs" / line["run_id"]).ok
    assert runlog(tmp_path / "runs" / line["run_id"])[-1]["reason"] == "duration"


def test_environment_wins_over_a_flag_and_says_so(venue, tmp_path):
    flags = ["--ws-shards=5", "--duration-seconds=0.5"]
    with Capture(venue.urls, tmp_path, *flags, environment={"PM_DATA_WS_SHARDS": "3"}) as capture:
        assert capture.finish()[0] == 0
    assert "PM_DATA_WS_SHARDS overrides --ws-shards" in capture.stderr
    assert len(list((capture.run_dir / "capture").glob("*.frames"))) == 3
    manifest = json.loads((capture.run_dir / "manifest.json").read_text())
    assert manifest["config"]["ws_shards"] == {"value": 3, "origin": "environment"}


def test_says_that_shards_were_added_and_markets_left_out(venue, tmp_path):
    flags = ["--ws-shards=2", "--ws-tokens-per-shard-max=8", "--capture-max-markets=20"]
    with Capture(venue.urls, tmp_path, *flags, "--duration-seconds=0.5") as capture:
        assert capture.finish()[0] == 0
    assert "5 connections instead of 2 (ws_shards)" in capture.stderr
    assert "only the 20 largest markets (capture_max_markets)" in capture.stderr
    assert len(list((capture.run_dir / "capture").glob("*.frames"))) == 5


def universe(run_dir):
    manifest = json.loads((run_dir / "manifest.json").read_text())
    return {market["condition_id"] for market in manifest["markets"]}


def test_named_markets_only(venue, tmp_path):
    first, second, third = (book.listing for book in venue.books[:3])
    tokens = tmp_path / "tokens.txt"
    tokens.write_text(f"# one that is there, one that is not\n{third.asset_ids[1]}\n1234\n")
    flags = [f"--market={first.slug}", f"--market={second.condition_id}", f"--tokens-file={tokens}"]
    with Capture(venue.urls, tmp_path, *flags, "--duration-seconds=0.5") as capture:
        assert capture.finish()[0] == 0
    assert "1 of 2 tokens of the file belong to no active binary market" in capture.stderr
    wanted = {first.condition_id, second.condition_id, third.condition_id}
    assert universe(capture.run_dir) == wanted
    subscribed = {
        token for fields in controls(capture.run_dir, Control.SUBSCRIBED) for token in fields["tokens"]
    }
    assert subscribed == {token for listing in (first, second, third) for token in listing.asset_ids}


def test_markets_of_a_tag_only(venue, tmp_path):
    with Capture(venue.urls, tmp_path, "--tag=21", "--duration-seconds=0.5") as capture:
        assert capture.finish()[0] == 0
    kinds = {book.listing.condition_id: book.listing.fee_type for book in venue.books}
    assert {kinds[condition] for condition in universe(capture.run_dir)} == {"crypto_fees"}


def test_name_that_no_market_has_is_a_mistake(venue, tmp_path):
    with Capture(venue.urls, tmp_path, "--market=no-such-market") as capture:
        code, line = capture.finish()
    assert (code, line) == (2, None)
    assert "'no-such-market' is no slug, condition id or token of an active" in capture.stderr
    assert not (tmp_path / "runs").exists()


def test_refuses_a_used_run_id(venue, tmp_path):
    used = tmp_path / "runs" / "run"
    used.mkdir(parents=True)
    with Capture(venue.urls, tmp_path) as capture:
        code, line = capture.finish()
    assert (code, line) == (2, None)
    assert capture.stderr.count("\n") == 1
    assert "'run' is used already" in capture.stderr
    assert list(used.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "code", "text"),
    [
        (["--offline"], 2, "--offline needs --fixtures-dir"),
        (["--fixtures-dir=x"], 2, "--fixtures-dir goes with --offline"),
        (["--offline", "--fixtures-dir=x", "--duration-seconds=1"], 2, "--duration-seconds goes with"),
        (["--run-id=../x"], 78, "'../x'"),
        (["--ws-shards=none"], 78, "--ws-shards: 'none' is not a whole number"),
        (["--fsync=sometimes"], 78, "'sometimes' is not one of none, interval, every"),
        (["--offline", "--fixtures-dir=x", "--market=x"], 2, "go with an online capture"),
        (["--market=a b"], 78, "--market: 'a b' is no slug, condition id or token"),
        (["--tag=politics"], 78, "--tag: 'politics' is no number of a tag"),
        (["--tokens-file=nowhere"], 2, "--tokens-file: nowhere: No such file or directory"),
        (["--nonsense=x"], 2, "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, flags, code, text):
    done = run_command("capture", "--data-dir", tmp_path, *flags)
    assert done.returncode == code
    assert done.stdout == ""
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_no_venue_is_said_before_a_run_directory_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    done = run_command("capture", "--data-dir", tmp_path, f"--gamma-base-url=http://127.0.0.1:{free}")
    assert done.returncode == 69
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_offline_makes_a_bundle(tmp_path):
    fixtures = tmp_path / "fixtures"
    fixtures.mkdir()
    (fixtures / "a.ndjson").write_text('{"event_type":"x"}\n[]\n')
    flags = ["--offline", "--fixtures-dir", fixtures, "--data-dir", tmp_path, "--run-id", "run"]
    done = run_command("capture", *flags)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["received"], line["written"], line["status"]) == (2, 2, "closed")
    assert verify(tmp_path / "runs" / "run").ok
