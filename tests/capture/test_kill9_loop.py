"""Rules D1 and D2: SIGKILL at any moment of a real capture, and at chosen system calls."""

import random
import signal
import sys
import time
from collections import Counter

import pytest
from support.captures import Capture, assert_prefix_of_sent, heartbeats, read_records, verify
from support.faults import Fault, Faults, need_strace

from pm_data.bundle.damage import TAILS, DamageClass
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import read_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.frame import FLAG_MARKED, Kind
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")

SEED = 20261123
RATE = 2000
USER_SPACE_FRAMES = 4096
USER_SPACE_SECONDS = 0.05


@pytest.fixture(scope="module")
def venue():
    with EmbeddedVenue(VenueOptions(markets=10, rate=RATE, keep_sent=True)) as running:
        yield running


def sent_since(venue, connections):
    """Return how many frames the venue has sent on the connections after the first so many."""
    return sum(len(venue.sent(number)) for number in range(connections + 1, venue.connections + 1))


def recovered_from(run_dir, venue, since):
    """Check what a killed capture left and return the number of its frames."""
    run = RunDir(run_dir)
    if not run.manifest.exists():
        # Killed before it began: nothing is recorded before the manifest is there.
        assert not list(run_dir.glob("capture/*"))
        return 0
    manifest = read_manifest(run)
    bundle = open_bundle(run_dir)
    assert not bundle.live
    verdict = verify(run_dir)
    if manifest.status == "closed":
        assert verdict.ok
    assert verdict.damage == []
    for summary in verdict.summaries:
        assert set(summary.counts) <= TAILS | {DamageClass.IDX_MISMATCH}
    records = read_records(run_dir)
    frames, payload_bytes = Counter(), Counter()
    for record in records:
        if record.kind != Kind.CONTROL:
            frames[record.shard] += 1
            payload_bytes[record.shard] += len(record.payload)
    for beat in heartbeats(run_dir)[-1:]:
        for stated in beat["shards"]:
            assert frames[stated["shard"]] >= stated["written"] >= stated["durable_frames"]
            assert payload_bytes[stated["shard"]] >= stated["written_bytes"]
    replayed = bundle.replay_records(lambda tail: None)
    assert [record for record in replayed if not record.flags & FLAG_MARKED] == records
    return assert_prefix_of_sent(run_dir, venue, since)


MOMENTS = [
    *(("lock", call, 1) for call in ("openat",)),
    *(("capture", call, 1) for call in ("mkdir", "fsync")),
    *((".", "fsync", nth) for nth in (1, 2, 3)),
    *(("manifest.json.tmp", call, nth) for call in ("openat", "write", "fsync", "rename") for nth in (1, 2)),
    *(("fatal.reserve", call, 1) for call in ("openat", "write", "fsync", "unlink")),
    *((f"capture/shard_00.{suffix}", "openat", 1) for suffix in ("frames", "idx")),
    *((f"capture/shard_00.{suffix}", "write", nth) for suffix in ("frames", "idx") for nth in (1, 2, 9)),
    *((f"capture/shard_00.{suffix}", "fdatasync", 1) for suffix in ("frames", "idx")),
    *(("runlog.ndjson", call, 1) for call in ("openat", "write", "fsync")),
]
"""Calls at which a capture is killed: the file, the call, and which time it is made."""


@pytest.mark.parametrize(
    ("file", "call", "nth"),
    [
        pytest.param(*moment, marks=[pytest.mark.long] * (number % 4 != 0))
        for number, moment in enumerate(MOMENTS)
    ],
)
def test_kill9_at_a_call(venue, tmp_path, file, call, nth):
    need_strace()
    since = venue.connections
    fault = Faults(tmp_path / "runs/run", tmp_path / "trace", Fault(file, call, "SIGKILL", str(nth)))
    flags = ["--ws-shards=2", "--duration-seconds=0.3", "--capture-fsync-interval-seconds=0.1"]
    with Capture(venue.urls, tmp_path, *flags, under=fault.command) as capture:
        assert capture.process.wait(20) == -signal.SIGKILL
    recovered_from(capture.run_dir, venue, since)


def kill_while_running(capture, rng, venue, since):
    capture.wait_for_frames(1)
    time.sleep(rng.uniform(0, 0.8))
    sent = sent_since(venue, since)
    capture.process.kill()
    return sent


def kill_while_starting(capture, rng, _venue, _since):
    while not capture.run_dir.exists():
        time.sleep(0.0005)
    time.sleep(rng.uniform(0, 0.05))
    capture.process.kill()


def kill_while_closing(capture, rng, _venue, _since):
    capture.wait_for_frames(1)
    capture.process.send_signal(signal.SIGINT)
    time.sleep(rng.uniform(0, 0.06))
    capture.process.kill()


def kill_loop(venue, tmp_path, kills):
    """Kill captures at random moments; return, of those killed while they ran, the frames that each lost."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    moments = [kill_while_running, kill_while_closing, kill_while_running, kill_while_starting]
    lost = []
    for number in range(kills):
        since = venue.connections
        flags = ["--ws-shards=2", f"--fsync={rng.choice(['interval', 'none', 'every'])}"]
        moment = moments[number % len(moments)]
        with Capture(venue.urls, tmp_path, *flags, run_id=f"run-{number}") as capture:
            sent = moment(capture, rng, venue, since)
            capture.process.wait()
        recovered = recovered_from(capture.run_dir, venue, since)
        if sent is not None:
            lost.append(max(0, sent - recovered))
    print(f"{kills} kills, lost of {RATE} frames/s: {lost}")
    assert max(lost) <= USER_SPACE_FRAMES
    # Half of them, because a frame that was sent may wait in a socket of a machine that is busy.
    assert sorted(lost)[len(lost) // 2] <= RATE * USER_SPACE_SECONDS
    return lost


def test_kill9_loop(venue, tmp_path):
    kill_loop(venue, tmp_path, 6)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_kill9_loop_of_forty(venue, tmp_path):
    kill_loop(venue, tmp_path, 40)
