"""Rule D6: a repair moves torn tails away, makes indices again, and loses nothing, wherever it is killed."""

import os
import shutil
import signal
import sys

import pytest
from support.records import manifest, shard_records, text, write_run

from pm_data.analysis.verify import verify_bundle
from pm_data.bundle import repair
from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import encode_record
from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.manifest import FATAL, Totals, write_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.repair import repair_run
from pm_data.bundle.writer import ShardWriter
from pm_data.errors import UsageError

SHARDS = [shard_records(shard, 8) for shard in range(3)]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, SHARDS, status="running")


def cut(path, count):
    os.truncate(path, path.stat().st_size - count)


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def contents(run):
    return {path.name: path.read_bytes() for path in run.capture.iterdir()}


def torn_names(run):
    return sorted(path.name for path in run.capture.glob("*.torn*"))


def replayed(run):
    return list(open_bundle(run.path).replay_records(lambda _tail: None))


def test_a_torn_tail_is_moved_beside_and_the_run_is_clean(run):
    written = run.frames(1).read_bytes()
    cut(run.frames(1), 5)
    tail = len(encode_record(SHARDS[1][-1])) - 5
    before = replayed(run)
    repairs = repair_run(run.path)
    assert [(done.damage.damage_class, done.damage.shard, done.moved_to) for done in repairs] == [
        (DamageClass.TORN_TAIL, 1, "capture/shard_01.frames.torn"),
        (DamageClass.IDX_MISMATCH, 1, None),
    ]
    assert (run.capture / "shard_01.frames.torn").read_bytes() == written[-tail - 5 : -5]
    assert run.frames(1).read_bytes() == written[: -tail - 5]
    assert verify_bundle(open_bundle(run.path)).ok
    assert open_bundle(run.path).status == "interrupted"
    assert replayed(run) == before
    assert repair_run(run.path) == []


def test_a_zero_tail_is_moved_with_its_holes(run):
    with run.frames(0).open("ab") as file:
        file.write(b"\xf7PM")
        file.truncate(file.tell() + 2**33)
    (done,) = repair_run(run.path)
    assert done.damage.damage_class is DamageClass.ZERO_TAIL
    moved = (run.capture / "shard_00.frames.torn").stat()
    assert moved.st_size == 2**33 + 3
    assert moved.st_blocks * 512 < 2**24
    assert verify_bundle(open_bundle(run.path)).ok


def test_an_older_torn_file_is_never_overwritten(run):
    for name in ("shard_01.frames.torn", "shard_01.frames.torn.1"):
        (run.capture / name).write_bytes(b"older")
    cut(run.frames(1), 5)
    tail = run.frames(1).read_bytes()[-len(encode_record(SHARDS[1][-1])) + 5 :]
    assert repair_run(run.path)[0].moved_to == "capture/shard_01.frames.torn.2"
    assert [(run.capture / name).read_bytes() for name in torn_names(run)] == [b"older", b"older", tail]


@pytest.mark.parametrize("index", ["missing", "short", "long", "wrong", "link"])
def test_an_index_is_made_again_byte_for_byte(run, index, tmp_path):
    written = run.idx(2).read_bytes()
    if index == "missing":
        run.idx(2).unlink()
    elif index == "short":
        cut(run.idx(2), 33)
    elif index == "long":
        run.idx(2).write_bytes(written + bytes(64))
    elif index == "wrong":
        flip(run.idx(2), 40)
    else:
        run.idx(2).rename(tmp_path / "outside")
        run.idx(2).symlink_to(tmp_path / "outside")
    (done,) = repair_run(run.path)
    assert (done.damage.damage_class, done.damage.shard) == (DamageClass.IDX_MISMATCH, 2)
    assert run.idx(2).read_bytes() == written
    assert not run.idx(2).is_symlink()


def test_damage_in_the_middle_stays_and_what_follows_it_too(run):
    """The tail behind it is moved; the index keeps what it knew of the record that cannot be read."""
    flip(run.frames(0), 300)
    cut(run.frames(0), 3)
    kept, index = run.frames(0).read_bytes(), run.idx(0).read_bytes()
    flip(run.idx(0), 1)
    repairs = repair_run(run.path)
    assert [done.damage.damage_class for done in repairs] == [DamageClass.TORN_TAIL, DamageClass.IDX_MISMATCH]
    (tail,) = torn_names(run)
    assert run.frames(0).read_bytes() + (run.capture / tail).read_bytes() == kept
    assert run.idx(0).read_bytes() == index[:-32]
    (damage,) = verify_bundle(open_bundle(run.path)).summaries[0].damage
    assert damage.damage_class is DamageClass.CRC_MISMATCH


def test_entries_of_which_nothing_is_known_are_zero(run):
    index = run.idx(0).read_bytes()
    flip(run.frames(0), 300)
    run.idx(0).unlink()
    repair_run(run.path)
    (damage,) = verify_bundle(open_bundle(run.path)).summaries[0].damage
    at = damage.record * 32
    assert run.idx(0).read_bytes() == index[:at] + bytes(32) + index[at + 32 :]


def test_a_closed_run_keeps_a_tail_that_its_manifest_knows(tmp_path):
    run = write_run(tmp_path, SHARDS)
    cut(run.frames(0), 5)
    run.idx(1).unlink()
    before = run.frames(0).read_bytes()
    assert [done.damage.shard for done in repair_run(run.path)] == [0, 1]
    assert run.frames(0).read_bytes() == before
    assert torn_names(run) == []
    classes = [damage.damage_class for damage in verify_bundle(open_bundle(run.path)).summaries[0].damage]
    assert classes == [DamageClass.TORN_TAIL]


@pytest.mark.parametrize("status", ["closed", FATAL])
def test_bytes_behind_what_a_manifest_seals_are_moved(tmp_path, status):
    with create_run_dir(tmp_path, "run") as run:
        writer = ShardWriter(run, 0)
        writer.append(SHARDS[0])
        writer.close()
        seals, totals = [writer.seal()], Totals(8, 8, 0)
        write_manifest(run, manifest("run", status, shards=seals, totals=totals))
    with run.frames(0).open("ab") as file:
        file.write(encode_record(text(0, len(SHARDS[0]), 10**6))[:-1])
    assert not verify_bundle(open_bundle(run.path)).ok
    (done,) = repair_run(run.path)
    assert done.moved_to is not None
    assert verify_bundle(open_bundle(run.path)).ok


def test_a_damaged_manifest_allows_no_tail_to_be_moved(run):
    cut(run.frames(0), 5)
    run.manifest.write_bytes(b"{}")
    size = run.frames(0).stat().st_size
    assert [done.damage.damage_class for done in repair_run(run.path)] == [DamageClass.IDX_MISMATCH]
    assert run.frames(0).stat().st_size == size


def test_a_run_that_is_being_written_is_refused(tmp_path):
    with create_run_dir(tmp_path, "run") as run:
        write_manifest(run, manifest("run", "running"))
        ShardWriter(run, 0).close()
        with run.frames(0).open("ab") as file:
            file.write(b"\xf7P")
        before = contents(run)
        with pytest.raises(UsageError, match="a process is writing it"):
            repair_run(run.path)
        assert contents(run) == before
    assert len(repair_run(run.path)) == 1


def test_a_run_without_a_lock_file_can_be_repaired(run):
    run.lock.unlink()
    cut(run.frames(0), 1)
    assert len(repair_run(run.path)) == 2


def test_what_is_no_run_is_left_alone(tmp_path):
    with pytest.raises(UsageError, match="cannot open"):
        repair_run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_number_beyond_all_sense_makes_no_huge_index(tmp_path):
    run = write_run(tmp_path, [[text(0, 0, 1)]], status="running")
    for seq in (2**62, 2**63 - 1):
        with run.frames(0).open("ab") as file:
            file.write(encode_record(text(0, seq, 2)))
    with run.frames(0).open("ab") as file:
        file.write(encode_record(text(0, 2**64 - 1, 3)))
    index = run.idx(0).read_bytes()
    assert repair_run(run.path) == []
    assert run.idx(0).read_bytes() == index
    (summary,) = verify_bundle(open_bundle(run.path)).summaries
    assert (summary.records, [damage.record for damage in summary.damage]) == (
        3,
        [1, 2**62, 2**62 + 1, 2**63],
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill9_at_every_line_of_a_repair(run, tmp_path):
    (run.capture / "shard_01.frames.torn").write_bytes(b"older")
    cut(run.frames(1), 5)
    run.idx(2).unlink()
    expected_run = shutil.copytree(run.path, tmp_path / "expected")
    torn = contents(run)
    before = replayed(run)
    repair_run(expected_run)
    expected = {path.name: path.read_bytes() for path in (expected_run / "capture").iterdir()}
    shutil.copytree(run.path, tmp_path / "torn")
    line = 0
    while _repair_killed_at(run, line):
        left = contents(run)
        for name in ("shard_00.frames", "shard_02.frames", "shard_01.frames.torn", "shard_00.idx"):
            assert left[name] == torn[name], line
        frames = left["shard_01.frames"]
        assert torn["shard_01.frames"] in (frames, frames + left.get("shard_01.frames.torn.1", b"")), line
        assert replayed(run) == before
        repair_run(run.path)
        done = {name: data for name, data in contents(run).items() if not name.endswith(".tmp")}
        assert done == expected, line
        shutil.rmtree(run.path)
        shutil.copytree(tmp_path / "torn", run.path)
        line += 1
    assert line > 100


def _repair_killed_at(run, line):
    """Repair in a process that kills itself before the given line of the module; False when it had fewer."""
    child = os.fork()
    if child == 0:
        left = line

        def trace(frame, event, _argument):
            nonlocal left
            if frame.f_code.co_filename != repair.__file__:
                return None
            if event == "line":
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
            return trace

        sys.settrace(trace)
        try:
            repair_run(run.path)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
