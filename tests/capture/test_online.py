"""What a capture does when something goes wrong: the venue, the disk, the queue, the process."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time

import pytest
from support.captures import (
    Capture,
    assert_prefix_of_sent,
    controls,
    heartbeats,
    read_records,
    runlog,
    verify,
)

from pm_data.bundle.damage import TAILS, DamageClass
from pm_data.bundle.format import HEADER_SIZE, MAGIC
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import read_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.frame import Control
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="needs Unix resource limits and signals")


@pytest.fixture(scope="module")
def venue():
    with EmbeddedVenue(VenueOptions(markets=40, rate=1000, keep_sent=True)) as running:
        yield running


def assert_fatal(capture, cause):
    """Check everything that a fatal end leaves, and return `fatal.json`."""
    code, line = capture.finish()
    assert code == 3, capture.stderr
    assert line["ok"] is False
    assert line["status"] == "fatal"
    fatal = json.loads((capture.run_dir / "fatal.json").read_text())
    assert fatal["cause"] == cause
    assert f"fatal: {cause}" in capture.stderr
    assert not (capture.run_dir / "fatal.reserve").exists()
    assert read_manifest(RunDir(capture.run_dir)).status == "fatal"
    json.loads((capture.run_dir / "missing_tokens.json").read_text())
    for path in (capture.run_dir / "capture").glob("*.frames"):
        last = capture.run_dir / f"last_frames_{path.stem}.bin"
        assert last.read_bytes()[: len(MAGIC)] == MAGIC
    heartbeats(capture.run_dir)
    return fatal


@UNIX
def test_full_disk_ends_the_run_with_its_prefix_intact(venue, tmp_path):
    import resource

    with Capture(venue.urls, tmp_path, "--ws-shards=2") as capture:
        capture.wait_for_frames(200)
        # Every further write past this size is torn at exactly this byte, as on a full disk.
        largest = max(path.stat().st_size for path in (capture.run_dir / "capture").iterdir())
        limit = largest + 100_001
        resource.prlimit(capture.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        fatal = assert_fatal(capture, "write_error")
    assert fatal["shard"] in (0, 1)
    assert "File too large" in fatal["message"]
    assert verify(capture.run_dir).ok
    written = assert_prefix_of_sent(capture.run_dir, venue)
    end = runlog(capture.run_dir)[-1]
    assert (end["record_type"], end["reason"]) == ("run_end", "fatal")
    assert end["written"] == written


@UNIX
def test_disk_without_a_free_byte(venue, tmp_path):
    data_dir = tmp_path / "disk"
    data_dir.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", data_dir], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs root, to mount a small disk")
    try:
        with Capture(venue.urls, data_dir, "--capture-min-free-bytes=0", "--ws-shards=2") as capture:
            code, line = capture.finish()
        assert code == 3, capture.stderr
        assert line["status"] == "fatal"
        fatal = json.loads((capture.run_dir / "fatal.json").read_text())
        assert fatal["cause"] == "write_error"
        assert "No space left on device" in fatal["message"]
        assert read_manifest(RunDir(capture.run_dir)).status == "fatal"
        # The disk may have refused an index's last entries after it took their records.
        damaged = {
            damage.damage_class for shard in verify(capture.run_dir).summaries for damage in shard.damage
        }
        assert damaged <= {DamageClass.IDX_MISMATCH}
        assert assert_prefix_of_sent(capture.run_dir, venue) == line["written"]
    finally:
        subprocess.run(["umount", data_dir], check=True)


@UNIX
def test_kill_leaves_a_prefix_and_a_manifest(venue, tmp_path):
    with Capture(venue.urls, tmp_path, "--ws-shards=2") as capture:
        lines = capture.wait_for_frames(1500)
        capture.process.kill()
        capture.process.wait()
    assert read_manifest(RunDir(capture.run_dir)).status == "running"
    assert open_bundle(capture.run_dir).status == "interrupted"
    verdict = verify(capture.run_dir)
    for summary in verdict.summaries:
        assert set(summary.counts) <= TAILS
    recovered = assert_prefix_of_sent(capture.run_dir, venue)
    stated = [line for line in lines if line["record_type"] == "heartbeat"][-1]
    assert recovered >= stated["written"] >= stated["durable_frames"] > 0


def test_venue_gone_and_back(tmp_path):
    with contextlib.ExitStack() as stack:
        with EmbeddedVenue(VenueOptions(markets=10, rate=500)) as first:
            port = int(first.urls.gamma_base_url.rpartition(":")[2])
            capture = stack.enter_context(Capture(first.urls, tmp_path, "--ws-shards=2"))
            capture.wait_for_frames(100)
        stack.enter_context(EmbeddedVenue(VenueOptions(markets=10, rate=500, port=port)))
        capture.wait_until(lambda lines: sum(line["record_type"] == "connected" for line in lines) == 4)
        before = max(line.get("received", 0) for line in runlog(capture.run_dir))
        capture.wait_for_frames(before + 300)
        code, line = capture.interrupt()
    assert code == 0, capture.stderr
    assert line["received"] == line["written"]
    assert verify(capture.run_dir).ok
    kinds = [line["record_type"] for line in runlog(capture.run_dir)]
    assert kinds.count("disconnected") == 4  # two by the venue's end, two by ours
    assert kinds.count("reconnect") >= 2
    gaps = controls(capture.run_dir, Control.GAP)
    assert [gap["cause"] for gap in gaps] == ["closed", "closed"]
    assert sorted(len(gap["tokens"]) for gap in gaps) == [10, 10]
    ends = controls(capture.run_dir, Control.END)
    assert ends == [{"reason": "stop"}] * 2
    heartbeats(capture.run_dir)


def test_stop_before_the_first_connection(venue, tmp_path):
    with Capture(venue.urls, tmp_path) as capture:
        while "recording" not in capture.process.stderr.readline():
            pass
        code, line = capture.interrupt()
    assert code == 0, capture.stderr
    assert line["status"] == "closed"
    assert verify(capture.run_dir).ok
    assert controls(capture.run_dir, Control.END) == [{"reason": "stop"}] * 8


@UNIX
@pytest.mark.parametrize("pause_seconds", [0.001, 0.01, 0.03])
def test_second_ctrl_c_ends_at_once_and_keeps_what_came(venue, tmp_path, pause_seconds):
    with Capture(venue.urls, tmp_path) as capture:
        capture.wait_for_frames(300)
        capture.process.send_signal(signal.SIGINT)
        time.sleep(pause_seconds)
        capture.process.send_signal(signal.SIGINT)
        capture.process.wait(5)
    assert capture.process.returncode in (0, 130, -signal.SIGINT)
    for summary in verify(capture.run_dir).summaries:
        assert set(summary.counts) <= TAILS
    assert assert_prefix_of_sent(capture.run_dir, venue) >= 300


def test_new_markets_are_followed_into_the_manifest(venue, tmp_path):
    flags = ["--capture-universe-refresh-interval-seconds=0.2", "--ws-shards=2"]
    with Capture(venue.urls, tmp_path, *flags) as capture:
        capture.wait_until(lambda lines: any(line.get("added") for line in lines))
        assert capture.interrupt()[0] == 0
    universe = {}
    for change in controls(capture.run_dir, Control.UNIVERSE):
        universe |= {tuple(market["asset_ids"]): market for market in change["markets"]}
        for asset_id in change["removed"]:
            universe = {pair: market for pair, market in universe.items() if asset_id not in pair}
    manifest = read_manifest(RunDir(capture.run_dir))
    assert {tuple(market["asset_ids"]): market for market in manifest.markets} == universe


def test_connections_without_data_are_fatal(venue, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    flags = [f"--clob-ws-url=ws://127.0.0.1:{free}/", "--capture-confirm-timeout-seconds=1", "--ws-shards=2"]
    with Capture(venue.urls, tmp_path, *flags) as capture:
        fatal = assert_fatal(capture, "confirm")
    assert "none of 2 connections" in fatal["message"]
    missing = json.loads((capture.run_dir / "missing_tokens.json").read_text())
    manifest = read_manifest(RunDir(capture.run_dir))
    assert sum(map(len, missing.values())) == 2 * len(manifest.markets)
    assert controls(capture.run_dir, Control.END) == [{"reason": "fatal"}] * 2
    assert [record["record_type"] for record in runlog(capture.run_dir)][-2:] == ["fatal", "run_end"]


def test_too_little_disk_space_is_fatal(venue, tmp_path):
    with Capture(venue.urls, tmp_path, f"--capture-min-free-bytes={2**62}") as capture:
        fatal = assert_fatal(capture, "disk_low")
    assert str(2**62) in fatal["message"]
    assert verify(capture.run_dir).ok


def test_a_drop_is_fatal(venue, tmp_path):
    with Capture(venue.urls, tmp_path, "--capture-queue-max-bytes=2000") as capture:
        assert_fatal(capture, "drop")
    assert verify(capture.run_dir).ok
    dropped = runlog(capture.run_dir)[-1]["dropped"]
    assert dropped == sum(gap["frames"] for gap in controls(capture.run_dir, Control.GAP)) > 0


def test_drops_may_be_allowed_and_are_counted_where_they_happened(venue, tmp_path):
    flags = ["--capture-queue-max-bytes=4000", "--no-capture-drop-fatal", "--ws-shards=2"]
    with Capture(venue.urls, tmp_path, *flags) as capture:
        capture.wait_for_frames(2000)
        code, line = capture.interrupt()
    assert code == 0, capture.stderr
    assert line["dropped"] > 0
    assert line["received"] == line["written"] + line["dropped"]
    heartbeats(capture.run_dir)
    gaps = [gap for gap in controls(capture.run_dir, Control.GAP) if gap["cause"] == "drop"]
    assert sum(gap["frames"] for gap in gaps) == line["dropped"]
    assert all(len(gap["tokens"]) >= 40 for gap in gaps)
    assert verify(capture.run_dir).ok


@pytest.mark.parametrize("mode", ["none", "every"])
def test_sync_modes(venue, tmp_path, mode):
    with Capture(venue.urls, tmp_path, f"--fsync={mode}", "--ws-shards=2") as capture:
        capture.wait_for_frames(500)
        assert capture.interrupt()[0] == 0
    beats = heartbeats(capture.run_dir)
    for beat in beats[:-1]:
        if mode == "none":
            assert beat["durable_frames"] == 0
        else:
            assert beat["durable_frames"] == beat["written"]
    assert verify(capture.run_dir).ok


def test_stamps_strictly_increase_over_all_shards(venue, tmp_path):
    with Capture(venue.urls, tmp_path) as capture:
        capture.wait_for_frames(500)
        assert capture.interrupt()[0] == 0
    stamps = [record.rx_mono_ns for record in read_records(capture.run_dir)]
    assert stamps == sorted(set(stamps))
    manifest = read_manifest(RunDir(capture.run_dir))
    assert manifest.shards is not None
    for seal in manifest.shards:
        assert seal.bytes == RunDir(capture.run_dir).frames(seal.shard).stat().st_size
        assert seal.bytes > seal.records * HEADER_SIZE
    assert len(manifest.markets) >= 40
