"""Rule D9: the N-th write, sync, open or rename of a real capture fails, once or for good.

Whatever fails: each shard ends with a whole record (D1), no shard is written any more, `fatal.json`
or stderr says why, the command ends with exit 3 within 5 s, and the accounts are exact (A1).
"""

import itertools
import json
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.captures import (
    Capture,
    assert_balanced,
    assert_prefix_of_sent,
    heartbeats,
    read_records,
    run_command,
    runlog,
    verify,
)
from support.faults import Fault, Faults, need_strace

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import read_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.errors import UsageError
from pm_data.frame import Kind
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on open files")
END_SECONDS = 5.0
VENUE = VenueOptions(markets=4, rate=500, keep_sent=True)
SIDE_BY_SIDE = 4

FRAMES, IDX, MANIFEST = "capture/shard_00.frames", "capture/shard_00.idx", "manifest.json.tmp"
ERRORS = {
    "write": ("ENOSPC", "EIO", "EROFS", "EDQUOT", "EFBIG"),
    "openat": ("EMFILE", "ENOSPC", "EIO", "EROFS", "EDQUOT"),
    "fsync": ("EIO", "ENOSPC", "EROFS", "EDQUOT"),
    "fdatasync": ("EIO", "ENOSPC", "EROFS", "EDQUOT"),
    "rename": ("EIO", "ENOSPC", "EROFS", "EDQUOT"),
}
CALLS = [
    *((FRAMES, "write", nth) for nth in (1, 2, 3, 4, 5, 6, 10, 20)),
    *((IDX, "write", nth) for nth in (1, 2, 3, 4, 5, 6, 10, 20)),
    *((FRAMES, "fdatasync", nth) for nth in (1, 2, 3)),
    *((IDX, "fdatasync", nth) for nth in (1,)),
    *((file, "openat", 1) for file in (FRAMES, IDX, "runlog.ndjson", "metrics/shard_00.ndjson")),
    *(("capture", call, nth) for call in ("openat", "fsync") for nth in (1, 2)),
    *(("runlog.ndjson", "write", nth) for nth in (1, 2, 3)),
    *(("runlog.ndjson", "fsync", nth) for nth in (1,)),
    *(("metrics/shard_00.ndjson", "write", nth) for nth in (1,)),
    *((MANIFEST, call, nth) for call in ("openat", "write", "fsync", "rename") for nth in (1, 2)),
    *(("fatal.reserve", call, 1) for call in ("openat", "write", "fsync")),
]
SWEEP = [
    Fault(file, call, error, f"{nth}{for_good}")
    for file, call, nth in CALLS
    for error in ERRORS[call]
    for for_good in ("", "+")
]
_SHUFFLED = random.Random(3).sample(SWEEP, len(SWEEP))
SAMPLE = list({(fault.file, fault.call): fault for fault in _SHUFFLED}.values())
"""For the short stage: one fault of each call on each file."""
SWEPT = list({(fault.file, fault.call, fault.when): fault for fault in _SHUFFLED}.values())
"""For the long stage: one error for each; tools/soak_io_errors.py takes all of them."""


def name_of(fault):
    return " ".join(fault)


def begins(fault):
    """Return whether a capture meets the fault before anything is recorded."""
    return fault.file == "fatal.reserve" or (fault.file == MANIFEST and fault.when[0] == "1")


@pytest.fixture(scope="module")
def venue():
    with EmbeddedVenue(VENUE) as running:
        yield running


def capture_with(venue, tmp_path, *faults, flags=()):
    """Run a capture with these faults to its end, within the time allowed; return both."""
    need_strace()
    made = Faults(tmp_path / "runs/run", tmp_path / "trace", *faults)
    flags = ["--ws-shards=2", "--duration-seconds=1.1", "--capture-fsync-interval-seconds=0.1", *flags]
    with Capture(venue.urls, tmp_path, *flags, under=made.command) as capture:
        code, line = capture.finish()
    assert made.first() is not None, "the fault never came about"
    assert made.seconds_since() < END_SECONDS
    assert code == 3, capture.stderr
    assert all(text.startswith("pm_data capture: ") for text in capture.stderr.splitlines())
    assert not list(capture.run_dir.glob("*.tmp"))
    return made, capture, line


def assert_whole_records(venue, capture, line):
    """Hold what was recorded against D1 and A1."""
    damage = {entry.damage_class for shard in verify(capture.run_dir).summaries for entry in shard.damage}
    assert damage <= {DamageClass.IDX_MISMATCH}
    assert assert_prefix_of_sent(capture.run_dir, venue) == line["written"]
    heartbeats(capture.run_dir)
    for entry in runlog(capture.run_dir):
        if entry["record_type"] == "run_end":
            assert_balanced(entry)
            assert entry["written"] == line["written"]


def check(venue, tmp_path, fault):
    """Run a capture with this fault and check all that D9 demands."""
    made, capture, line = capture_with(venue, tmp_path, fault)
    assert not (capture.run_dir / "fatal.reserve").exists()
    fatal = json.loads((capture.run_dir / "fatal.json").read_text())
    if begins(fault):
        assert line is None
        assert "cannot begin" in capture.stderr
    else:
        assert line["status"] == "fatal"
        assert f"fatal: {fatal['cause']}" in capture.stderr
        assert_whole_records(venue, capture, line)
    is_sync = fault.call == "fdatasync" or (fault.call, fault.file) == ("fsync", "runlog.ndjson")
    assert fatal["cause"] == ("sync_error" if is_sync else "write_error")
    if fault.call == "fdatasync":
        assert made.failed("fdatasync") == (1, 0), "a failed sync was tried again"
    if fault.file == MANIFEST and fault.when.endswith("+"):
        # The manifest that could not be replaced stands, whole.
        if begins(fault):
            with pytest.raises(UsageError, match=r"manifest\.json"):
                open_bundle(capture.run_dir)
        else:
            assert read_manifest(RunDir(capture.run_dir)).status == "running"
    else:
        assert read_manifest(RunDir(capture.run_dir)).status == "fatal"


@pytest.mark.parametrize("fault", SAMPLE, ids=name_of)
def test_io_error_nth_call(venue, tmp_path, fault):
    check(venue, tmp_path, fault)


def sweep_all(tmp_path, faults):
    """Check all of these; the captures mostly wait, so several run at a time, each on a venue of its own."""
    tally = Counter()

    def sweep(lane):
        with EmbeddedVenue(VENUE) as venue:
            for number in range(lane, len(faults), SIDE_BY_SIDE):
                (tmp_path / str(number)).mkdir()
                check(venue, tmp_path / str(number), faults[number])
                tally[faults[number].call] += 1

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(sweep, range(SIDE_BY_SIDE)))
    print(f"{tally.total()} faults: {dict(tally)}")
    assert tally.total() == len(faults)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_io_error_nth_call_swept(tmp_path):
    need_strace()
    sweep_all(tmp_path, SWEPT)


def test_where_fatal_json_cannot_be_written_stderr_says_so(venue, tmp_path):
    faults = Fault(FRAMES, "write", "EIO", "5+"), Fault("fatal.reserve", "rename", "EIO", "1")
    _made, capture, line = capture_with(venue, tmp_path, *faults)
    assert not (capture.run_dir / "fatal.json").exists()
    assert "fatal: write_error (shard 0): [Errno 5] Input/output error" in capture.stderr
    assert "cannot write fatal.json: [Errno 5] Input/output error" in capture.stderr
    assert read_manifest(RunDir(capture.run_dir)).status == "fatal"
    assert_whole_records(venue, capture, line)


def test_where_nothing_can_be_written_any_more_stderr_says_so(venue, tmp_path):
    """As a disk that turns read-only: the third write of every thread and all after it."""
    files = FRAMES, IDX, MANIFEST, "fatal.reserve", "runlog.ndjson", "missing_tokens.json"
    faults = [Fault(file, "write", "EROFS", "3+") for file in files]
    _made, capture, line = capture_with(venue, tmp_path, *faults)
    assert "fatal: write_error" in capture.stderr
    for name in ("fatal.json", "manifest.json"):
        assert f"cannot write {name}: [Errno 30] Read-only file system" in capture.stderr
    assert read_manifest(RunDir(capture.run_dir)).status == "running"
    assert_whole_records(venue, capture, line)


def test_what_came_before_a_refused_write_is_synced(venue, tmp_path):
    made, capture, line = capture_with(
        venue, tmp_path, Fault(FRAMES, "write", "EDQUOT", "5+"), flags=["--fsync=none"]
    )
    assert [call for _, call, _ in made.calls()][-1] == "fdatasync"
    assert_whole_records(venue, capture, line)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("lock", "openat", "EROFS", "1"),
        Fault("capture", "mkdir", "ENOSPC", "1"),
        Fault(".", "fsync", "EIO", "1"),
    ],
    ids=name_of,
)
def test_a_run_directory_that_cannot_be_made_is_no_capture(venue, tmp_path, fault):
    need_strace()
    made = Faults(tmp_path / "runs/run", tmp_path / "trace", fault)
    with Capture(venue.urls, tmp_path, under=made.command) as capture:
        assert capture.finish() == (74, None)
    assert made.first() is not None
    assert capture.stderr.count("\n") == 1
    with pytest.raises(UsageError, match=r"manifest\.json"):
        open_bundle(capture.run_dir)


def under_limit(descriptors):
    """Return a command that runs another with so many file descriptors, three of them taken."""
    # Without the `-W error` of the tests: asyncio leaves a loop half made, which only that option shows.
    return ["sh", "-c", f'ulimit -n {descriptors}; python=$1; shift 3; exec "$python" "$@"', "sh"]


@UNIX
@pytest.mark.parametrize("descriptors", [10, 11, 13, 15])
def test_too_few_file_descriptors(venue, tmp_path, descriptors):
    """EMFILE by the real limit, wherever it strikes."""
    flags = ["--ws-shards=2", "--duration-seconds=1.1"]
    with Capture(venue.urls, tmp_path, *flags, under=under_limit(descriptors)) as capture:
        code, line = capture.finish()
    assert code == 3, capture.stderr
    assert "Too many open files" in (capture.run_dir / "fatal.json").read_text()
    assert read_manifest(RunDir(capture.run_dir)).status == "fatal"
    assert_whole_records(venue, capture, line)


@UNIX
def test_no_file_descriptor_for_the_event_loop(venue, tmp_path):
    with Capture(venue.urls, tmp_path, under=under_limit(7)) as capture:
        assert capture.process.wait(10) == 3
    assert json.loads((capture.run_dir / "fatal.json").read_text())["cause"] == "system_error"
    assert read_manifest(RunDir(capture.run_dir)).status == "fatal"


OFFLINE = [
    Fault(FRAMES, "write", "ENOSPC", "2"),
    Fault(FRAMES, "write", "EIO", "1+"),
    Fault(IDX, "write", "EDQUOT", "2"),
    Fault(FRAMES, "fdatasync", "EIO", "1+"),
    Fault("capture/shard_01.frames", "openat", "EMFILE", "1"),
    Fault("capture/shard_01.frames", "write", "EFBIG", "1"),
    Fault(MANIFEST, "fsync", "EIO", "2"),
    Fault(MANIFEST, "rename", "EROFS", "1"),
]


@pytest.mark.parametrize("fault", OFFLINE, ids=name_of)
def test_io_error_nth_call_offline(tmp_path, fault):
    need_strace()
    fixtures = tmp_path / "fixtures"
    fixtures.mkdir()
    lines = [b'{"n":%d,"pad":"%s"}' % (number, b"x" * 500) for number in range(8000)]
    for name in ("a.ndjson", "b.ndjson"):
        (fixtures / name).write_bytes(b"\n".join(lines))
    run_dir = tmp_path / "runs/run"
    made = Faults(run_dir, tmp_path / "trace", fault)
    flags = ["--offline", f"--fixtures-dir={fixtures}", f"--data-dir={tmp_path}", "--run-id=run"]
    done = run_command("capture", *flags, under=made.command)
    assert made.seconds_since() < END_SECONDS
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.count("\n") == 1
    assert json.loads((run_dir / "fatal.json").read_text())["cause"] == "write_error"
    assert open_bundle(run_dir).status == "fatal"
    if fault.call == "fdatasync":
        assert made.failed("fdatasync") == (1, 0)
    damage = {entry.damage_class for shard in verify(run_dir).summaries for entry in shard.damage}
    assert damage <= {DamageClass.IDX_MISMATCH}
    for _shard, group in itertools.groupby(read_records(run_dir), key=lambda record: record.shard):
        payloads = [record.payload for record in group if record.kind != Kind.CONTROL]
        assert payloads == lines[: len(payloads)]
