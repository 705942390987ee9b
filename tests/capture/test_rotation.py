"""A capture that rotates: bundle after bundle on the same sockets, and no frame between two."""

import itertools
import json
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from support.captures import Capture, controls, read_records, run_command, runlog, verify
from support.faults import Fault, Faults, need_strace
from support.rotations import (
    assert_as_sent,
    assert_chain,
    assert_replays_as_one,
    assert_stamps_rise,
    bundles_of,
)

from pm_data.analysis.slice import Span, make_slice
from pm_data.bundle.damage import TAILS, DamageClass
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import read_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.frame import FLAG_MARKED, Control, control_fields
from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="needs Unix signals")
SEED = 20261126
ROTATED = VenueOptions(markets=10, rate=800, keep_sent=True)
"""The venue of the captures that are cut short."""


@pytest.fixture(scope="module")
def rotated(tmp_path_factory):
    """A capture with four bundles, its JSON line and its venue."""
    data_dir = tmp_path_factory.mktemp("rotated")
    with EmbeddedVenue(VenueOptions(markets=40, rate=1500, keep_sent=True)) as venue:
        with Capture(venue.urls, data_dir, "--ws-shards=3", "--rotate-seconds=1") as capture:
            capture.wait_for_frames(500)
            deadline = time.monotonic() + 30
            while len(bundles_of(data_dir)) < 4:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.4)
            code, line = capture.interrupt()
        assert code == 0, capture.stderr
        yield data_dir, line, venue


def test_no_frame_falls_between_two_bundles(rotated):
    data_dir, line, venue = rotated
    run_dirs = bundles_of(data_dir)
    assert len(run_dirs) >= 4
    assert [run_dir.name for run_dir in run_dirs[:3]] == ["run", "run-0002", "run-0003"]
    assert venue.connections == 3
    assert assert_as_sent(run_dirs, venue) == line["received"] == line["written"] > 3000
    assert_stamps_rise(run_dirs)
    assert_chain(run_dirs, line)
    assert line["run_dir"] == str(run_dirs[-1])


def test_each_bundle_alone_replays_to_its_part_of_the_whole(rotated, core):
    assert assert_replays_as_one(bundles_of(rotated[0]), core) > 1000


def test_a_bundle_begins_as_a_slice_of_the_whole_would(rotated, tmp_path):
    """Its opening's payloads are those of a slice that begins with the same record."""
    first, second, *_others = bundles_of(rotated[0])  # the first leaves nothing out of the second's opening
    end_ns = max(record.rx_mono_ns for record in read_records(first) if record.control == Control.END)
    made = make_slice(open_bundle(first), Span(from_ns=end_ns), None, tmp_path, "slice")
    ours, slices = (
        [
            (record.shard, record.conn, record.control, record.flags, record.payload)
            for record in read_records(path)
            if record.flags & FLAG_MARKED and record.control != Control.END
        ]
        for path in (second, made.run.path)
    )
    assert ours == slices


@pytest.mark.parametrize("command", ["capture-gates", "capture-coverage", "capture-audit", "capture-inspect"])
def test_a_rotation_is_no_reconnect_no_gap_and_no_silence(rotated, command):
    for run_dir in bundles_of(rotated[0]):
        done = run_command(command, "--run-dir", run_dir)
        found = json.loads(done.stdout)
        if command == "capture-gates":
            failed = {gate["name"] for gate in found["gates"] if not gate["ok"]}
            assert failed <= {"loop_lag"}  # of a machine that does other things
            assert found["gaps"]["count"] == 0
            assert found["grade"] in ("A", "B")
        elif command == "capture-inspect":
            manifest = read_manifest(RunDir(run_dir))
            assert (found["previous"], found["next"]) == (manifest.previous, manifest.next)
        elif command == "capture-coverage" and run_dir == bundles_of(rotated[0])[-1]:
            # The venue makes markets all the time: what it made just before Ctrl-C may have no book yet.
            new = [token["asset_id"] for token in found["tokens"] if token["state"] == "new"]
            assert found["missing"] == new
            assert len(new) < len(found["tokens"]) / 4
        else:
            assert done.returncode == 0, done.stderr


def test_bundles_hold_what_a_troubled_session_needs(tmp_path):
    """Closes, silent tokens, replaced connections, markets that come and go, across every cut."""
    faults = tuple(
        parse_fault(text)
        for text in ("close:code=1006,after=0.9,conns=3", "freeze_token:token=3,after=0.2", "lost:every=50")
    )
    options = VenueOptions(seed=7, markets=30, rate=1200, keep_sent=True, faults=faults)
    flags = [
        *("--ws-shards=3", "--rotate-seconds=1", "--duration-seconds=7"),
        *("--ws-connection-max-seconds=1.3", "--capture-first-book-seconds=0.4"),
        *("--capture-universe-refresh-interval-seconds=0.3", "--capture-universe-grace-seconds=0.2"),
        *("--capture-witness-silent-seconds=0.3", "--capture-witness-grace-seconds=0.1"),
    ]
    with EmbeddedVenue(options) as venue:
        with Capture(venue.urls, tmp_path, *flags) as capture:
            code, line = capture.finish()
        run_dirs = bundles_of(tmp_path)
        assert code == 0, capture.stderr
        assert_as_sent(run_dirs, venue, whole=False)
    assert_chain(run_dirs, line)
    assert_stamps_rise(run_dirs)
    assert_replays_as_one(run_dirs)
    later = run_dirs[1:]
    assert any(gap["cause"] == "closed" for run_dir in run_dirs for gap in controls(run_dir, Control.GAP))
    assert any(controls(run_dir, Control.HANDOVER) for run_dir in later)
    carried = {fields["status"] for run_dir in later for fields in controls(run_dir, Control.CARRIED)}
    assert "suspect" in carried
    conns = [
        record.conn
        for run_dir in run_dirs
        for record in read_records(run_dir)
        if record.control == Control.OPENED and not record.flags & FLAG_MARKED
    ]
    assert len(conns) == len(set(conns))


def test_drops_stay_with_their_bundle(tmp_path):
    flags = ["--capture-queue-max-bytes=4000", "--no-capture-drop-fatal", "--ws-shards=2"]
    flags += ["--rotate-seconds=1", "--duration-seconds=3.5"]
    options = VenueOptions(markets=40, rate=1500)
    with EmbeddedVenue(options) as venue, Capture(venue.urls, tmp_path, *flags) as capture:
        code, line = capture.finish()
    assert code == 0, capture.stderr
    assert line["dropped"] > 0
    run_dirs = bundles_of(tmp_path)
    assert_chain(run_dirs, line)
    for run_dir in run_dirs:
        dropped = sum(gap["frames"] for gap in controls(run_dir, Control.GAP) if gap["cause"] == "drop")
        assert dropped == read_manifest(RunDir(run_dir)).totals.dropped
    assert_replays_as_one(run_dirs)


def test_a_run_id_that_is_taken_is_stepped_over(tmp_path):
    (tmp_path / "runs" / "run-0002").mkdir(parents=True)
    flags = ["--rotate-seconds=1", "--duration-seconds=1.5"]
    options = VenueOptions(markets=4, rate=100)
    with EmbeddedVenue(options) as venue, Capture(venue.urls, tmp_path, *flags) as capture:
        code, line = capture.finish()
    assert code == 0, capture.stderr
    assert line["run_ids"] == ["run", "run-0003"]


def test_a_run_id_too_long_for_what_follows_is_refused_at_the_start(tmp_path):
    flag, options = "--rotate-seconds=3600", VenueOptions(markets=4, rate=100)
    with EmbeddedVenue(options) as venue, Capture(venue.urls, tmp_path, flag, run_id="r" * 60) as capture:
        code, line = capture.finish()
    assert (code, line) == (78, None)
    assert "is too long to rotate" in capture.stderr
    assert not (tmp_path / "runs").exists()


def rotating(venue, data_dir, *flags, under=(), run_id="run"):
    return Capture(
        venue.urls, data_dir, "--ws-shards=2", "--rotate-seconds=1", *flags, under=under, run_id=run_id
    )


@pytest.fixture(scope="module")
def venue():
    with EmbeddedVenue(ROTATED) as running:
        yield running


def moments(count):
    """Return moments of a rotation: a file that shows how far it is, and how long after it was made.

    The new bundle's directory is made first, its run log at the cut.
    """
    rng = random.Random(SEED)
    return [
        (("capture", "runlog.ndjson")[place % 2], rng.uniform(0, (0.02, 0.06)[place % 2]))
        for place in range(count)
    ]


@contextmanager
def at_moment(venue, data_dir, moment):
    """Yield a capture at this moment of its first rotation."""
    name, pause = moment
    path = data_dir / "runs" / "run-0002" / name
    with rotating(venue, data_dir) as capture:
        deadline = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(pause)
        yield capture


@UNIX
def test_ctrl_c_at_any_moment_of_a_rotation_closes_what_there_is(tmp_path):
    chosen = moments(8)

    def interrupt(number):
        data_dir = tmp_path / str(number)
        with EmbeddedVenue(ROTATED) as venue:
            with at_moment(venue, data_dir, chosen[number]) as capture:
                code, line = capture.interrupt()
            assert code == 0, capture.stderr
            run_dirs = bundles_of(data_dir)
            assert sorted((data_dir / "runs").iterdir()) == run_dirs, "a directory without a bundle was left"
            assert_chain(run_dirs, line)
            assert_as_sent(run_dirs, venue)
            assert_replays_as_one(run_dirs)
        return len(run_dirs)

    with ThreadPoolExecutor(2) as executor:
        counts = list(executor.map(interrupt, range(len(chosen))))
    print(f"seed {SEED}: {counts}")
    assert 2 in counts


def assert_believable(data_dir, venue):
    """Hold what a killed capture left against D1: closed bundles are whole, the last ones prefixes."""
    run_dirs = bundles_of(data_dir)
    statuses = []
    for run_dir in run_dirs:
        bundle = open_bundle(run_dir)
        assert not bundle.live
        statuses.append(bundle.status)
        verdict = verify(run_dir)
        assert verdict.damage == []
        if bundle.status == "closed":
            assert verdict.ok
        for summary in verdict.summaries:
            assert set(summary.counts) <= TAILS | {DamageClass.IDX_MISMATCH}
        beats = [line for line in runlog(run_dir) if line["record_type"] == "heartbeat"]
        frames = sum(record.kind != 3 and not record.flags & FLAG_MARKED for record in read_records(run_dir))
        assert all(frames >= beat["written"] for beat in beats)
        list(bundle.replay_records(lambda tail: None))
    assert_stamps_rise(run_dirs)
    assert_as_sent(run_dirs, venue, whole=False)
    return statuses


KILLED = [
    ("run-0002", "lock", "openat", 1),
    ("run-0002", "capture", "mkdir", 1),
    *(("run-0002", "manifest.json.tmp", call, 1) for call in ("openat", "write", "fsync", "rename")),
    *(("run-0002", "fatal.reserve", call, 1) for call in ("openat", "fsync")),
    *(("run-0002", f"capture/shard_00.{suffix}", "openat", 1) for suffix in ("frames", "idx")),
    *(("run-0002", f"capture/shard_0{shard}.frames", "write", nth) for shard in (0, 1) for nth in (1, 2, 3)),
    *(("run", f"capture/shard_0{shard}.idx", "fdatasync", 1) for shard in (0, 1)),
    ("run", "runlog.ndjson", "fsync", 1),
    ("run", "fatal.reserve", "unlink", 1),
]
"""Calls of a rotation at which the capture is killed: run, file, call, and which time it is made."""


@UNIX
@pytest.mark.parametrize(
    ("run_id", "file", "call", "nth"),
    [
        pytest.param(*moment, marks=[pytest.mark.long] * (place % 4 != 0))
        for place, moment in enumerate(KILLED)
    ],
)
def test_kill9_at_a_call_of_a_rotation(tmp_path, run_id, file, call, nth):
    need_strace()
    fault = Faults(tmp_path / "runs" / run_id, tmp_path / "trace", Fault(file, call, "SIGKILL", str(nth)))
    with EmbeddedVenue(VenueOptions(markets=10, rate=300, keep_sent=True)) as venue:
        with rotating(venue, tmp_path, "--duration-seconds=4", under=fault.command) as capture:
            assert capture.process.wait(30) == -signal.SIGKILL
        statuses = assert_believable(tmp_path, venue)
    assert statuses[0] in ("interrupted", "closed")
    assert statuses[1:] in ([], ["interrupted"])


@UNIX
def test_kill9_at_random_moments_around_a_rotation(tmp_path):
    chosen = moments(8)

    def kill(number):
        data_dir = tmp_path / str(number)
        with EmbeddedVenue(ROTATED) as venue:
            with at_moment(venue, data_dir, chosen[number]) as capture:
                capture.process.kill()
                capture.process.wait()
            return assert_believable(data_dir, venue)

    with ThreadPoolExecutor(2) as executor:
        left = list(executor.map(kill, range(len(chosen))))
    print(f"seed {SEED}: {left}")


NOT_BEGUN = [
    ("capture", "mkdir"),
    ("lock", "openat"),
    ("manifest.json.tmp", "write"),
    ("fatal.reserve", "write"),
    ("capture/shard_01.frames", "openat"),
]


@UNIX
@pytest.mark.parametrize(("file", "call"), NOT_BEGUN)
def test_a_full_disk_before_the_cut_ends_the_capture_in_its_bundle(venue, tmp_path, file, call):
    need_strace()
    fault = Faults(tmp_path / "runs" / "run-0002", tmp_path / "trace", Fault(file, call, "ENOSPC", "1+"))
    since = venue.connections
    with rotating(venue, tmp_path, "--duration-seconds=5", under=fault.command) as capture:
        code, line = capture.finish()
    assert code == 3, capture.stderr
    assert (line["status"], line["run_ids"]) == ("fatal", ["run"])
    fatal = json.loads((tmp_path / "runs" / "run" / "fatal.json").read_text())
    assert fatal["cause"] == "write_error"
    assert "the next bundle cannot begin" in fatal["message"]
    assert "No space left" in fatal["message"]
    assert verify(capture.run_dir).ok
    assert {end["reason"] for end in controls(capture.run_dir, Control.END)} == {"fatal"}
    assert venue.connections == since + 2
    if file not in ("lock", "capture"):  # a directory that is not all there yet may be somebody else's
        assert not (tmp_path / "runs" / "run-0002").exists()


@UNIX
def test_a_full_disk_at_the_opening_ends_the_new_bundle_and_leaves_the_old_whole(tmp_path):
    need_strace()
    fault = Faults(
        tmp_path / "runs" / "run-0002",
        tmp_path / "trace",
        Fault("capture/shard_01.frames", "write", "ENOSPC", "1+"),
    )
    with EmbeddedVenue(ROTATED) as venue:
        with rotating(venue, tmp_path, "--duration-seconds=5", under=fault.command) as capture:
            code, line = capture.finish()
        assert_as_sent(bundles_of(tmp_path), venue, whole=False)
    assert code == 3, capture.stderr
    assert (line["ok"], line["status"], line["run_ids"]) == (False, "fatal", ["run", "run-0002"])
    old, new = bundles_of(tmp_path)
    assert read_manifest(RunDir(old)).status == "closed"
    assert verify(old).ok
    assert not (old / "fatal.json").exists()
    assert json.loads((new / "fatal.json").read_text())["cause"] == "write_error"
    assert verify(new).ok


@UNIX
def test_an_old_bundle_that_cannot_be_sealed_ends_the_capture(tmp_path):
    need_strace()
    fault = Faults(
        tmp_path / "runs" / "run", tmp_path / "trace", Fault("fatal.reserve", "unlink", "EIO", "1")
    )
    with EmbeddedVenue(ROTATED) as venue:
        with rotating(venue, tmp_path, "--duration-seconds=5", under=fault.command) as capture:
            code, line = capture.finish()
        assert_as_sent(bundles_of(tmp_path), venue)
    assert code == 3, capture.stderr
    assert line["ok"] is False
    old, new = bundles_of(tmp_path)
    assert read_manifest(RunDir(old)).status == "fatal"
    message = json.loads((new / "fatal.json").read_text())["message"]
    assert message.startswith("run: manifest.json: ")
    assert_replays_as_one([old, new])


def test_what_left_the_universe_long_ago_is_not_carried_on(tmp_path):
    """It is in the opening after it left, and in none after that."""
    flags = [
        *("--capture-universe-refresh-interval-seconds=0.2", "--capture-universe-grace-seconds=0"),
        *("--rotate-seconds=1", "--duration-seconds=5.5", "--ws-shards=2"),
    ]
    options = VenueOptions(seed=3, markets=30, rate=3000)
    with EmbeddedVenue(options) as venue, Capture(venue.urls, tmp_path, *flags) as capture:
        code, _line = capture.finish()
    assert code == 0, capture.stderr
    run_dirs = bundles_of(tmp_path)
    openings = [
        {
            token
            for record in read_records(run_dir)
            if record.control == Control.UNIVERSE and record.flags & FLAG_MARKED
            for token in control_fields(record)["removed"]
        }
        for run_dir in run_dirs
    ]
    assert any(openings[:-1])
    for before, now in itertools.pairwise(openings):
        assert not before & now
