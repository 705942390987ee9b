"""Sealed shards: read as if plain, whole or plain after a kill at any call, damage within a block."""

import shutil
import signal
import subprocess
import sys

import pytest
from support.captures import run_command
from support.faults import Fault, Faults, need_strace
from support.records import manifest, run_order, shard_records, text, write_run

from pm_data.analysis.verify import verify_bundle
from pm_data.bundle import sealing
from pm_data.bundle.damage import DamageClass
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import read_manifest, write_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.repair import repair_run
from pm_data.bundle.sealed_format import BLOCK_BYTES, ENTRY, FOOTER
from pm_data.bundle.sealing import Outcome, seal_run
from pm_data.bundle.source import SealedFile
from pm_data.errors import DamageError, UsageError

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


def long_shard(shard):
    """Return the records of about five blocks that do not shrink to nothing."""
    records = shard_records(shard, 3)[:-1]
    for number in range(40):
        payload = b"".join(b"%x" % (number * 7919 + place * place * 104729) for place in range(2000))
        records.append(text(shard, len(records), 10_000 + number, payload))
    return records


SHARDS = [long_shard(0), shard_records(1, 5), []]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("plain"), SHARDS)


@pytest.fixture
def run(tmp_path, plain):
    return RunDir(shutil.copytree(plain.path, tmp_path / "run"))


def nobody(_size):
    pass


@pytest.fixture
def sealed(run):
    seal_run(run.path, nobody)
    return run


def found(run):
    """Return the records that can be read, and the classes of damage."""
    damage = []
    records = list(open_bundle(run.path).records(damage.append))
    return records, [entry.damage_class for entry in damage]


def test_a_sealed_run_is_read_as_if_plain(run):
    digest = read_manifest(run).digest
    read = []
    shards = seal_run(run.path, read.append)
    assert {shard.outcome for shard in shards} == {Outcome.SEALED}
    assert sum(read) == 2 * sum(shard.bytes for shard in shards)
    assert sorted(path.name for path in run.capture.glob("*.frames*")) == [
        f"shard_0{shard}.frames.zst" for shard in range(3)
    ]
    assert run.sealed(0).stat().st_size == shards[0].stored_bytes < shards[0].bytes
    assert found(run) == (run_order(*SHARDS), [])
    assert verify_bundle(open_bundle(run.path)).ok
    assert read_manifest(run).digest == digest
    assert list(open_bundle(run.path).replay_records(pytest.fail)) == run_order(*SHARDS)


def test_the_tools_of_zstandard_make_it_plain_again(plain, sealed):
    if shutil.which("zstd") is None:
        pytest.skip("needs the command zstd")
    subprocess.run(["zstd", "-dq", "--rm", *sealed.capture.glob("*.zst")], check=True)
    for shard in range(3):
        assert sealed.frames(shard).read_bytes() == plain.frames(shard).read_bytes()
        assert not sealed.sealed(shard).exists()


def test_it_can_be_read_from_any_place(plain, sealed):
    data = plain.frames(0).read_bytes()
    source = SealedFile(sealed.sealed(0))
    assert source.size == len(data)
    for start in (0, BLOCK_BYTES - 1, 3 * BLOCK_BYTES, 5, len(data) - 1, len(data)):
        buffer = bytearray(10)
        source.seek(start)
        count = source.readinto(memoryview(buffer))
        assert buffer[:count] == data[start : start + count]
        assert count == min(10, len(data) - start, BLOCK_BYTES - start % BLOCK_BYTES)
    source.close()


def test_sealing_again_changes_nothing(sealed):
    before = [sealed.sealed(shard).stat().st_mtime_ns for shard in range(3)]
    assert {shard.outcome for shard in seal_run(sealed.path, nobody)} == {Outcome.ALREADY}
    assert [sealed.sealed(shard).stat().st_mtime_ns for shard in range(3)] == before


def test_an_index_of_a_sealed_shard_can_be_repaired(sealed):
    index = sealed.idx(0).read_bytes()
    sealed.idx(0).unlink()
    repair_run(sealed.path)
    assert sealed.idx(0).read_bytes() == index


def test_where_both_are_there_the_plain_one_is_read(plain, sealed):
    shutil.copy(plain.frames(0), sealed.frames(0))
    sealed.sealed(0).write_bytes(b"half written")
    assert found(sealed) == (run_order(*SHARDS), [])
    assert seal_run(sealed.path, nobody)[0].outcome is Outcome.SEALED
    assert not sealed.frames(0).exists()
    assert found(sealed) == (run_order(*SHARDS), [])


@pytest.mark.parametrize("status", ["running", "fatal"])
def test_only_a_closed_run_is_sealed(run, sealed, status):
    write_manifest(run, manifest("run", status))
    with pytest.raises(DamageError, match="in a run that is not closed"):
        seal_run(run.path, nobody)
    with pytest.raises(DamageError, match="in a run that is not closed"):
        list(open_bundle(run.path).replay_records(pytest.fail))


def test_an_interrupted_run_is_not_sealed(run):
    write_manifest(run, manifest("run", "running"))
    with pytest.raises(UsageError, match="it is interrupted, not closed"):
        seal_run(run.path, nobody)
    assert not list(run.capture.glob("*.zst*"))


def test_a_damaged_shard_is_not_sealed(run):
    data = bytearray(run.frames(0).read_bytes())
    data[1000] ^= 1
    run.frames(0).write_bytes(data)
    with pytest.raises(DamageError, match=r"shard_00\.frames: .* the manifest says"):
        seal_run(run.path, nobody)
    assert run.frames(0).read_bytes() == data
    assert not list(run.capture.glob("shard_00.frames.zst*"))


def test_what_reads_back_as_other_bytes_takes_no_shard_away(run, monkeypatch):
    monkeypatch.setattr(sealing, "encode_seek_table", lambda stored, size: b"no table")
    monkeypatch.setattr("pm_data.bundle.zstd._LEVEL", 1)
    before = run.frames(1).read_bytes()
    real = sealing.write_all
    monkeypatch.setattr(sealing, "write_all", lambda fd, data: real(fd, data[:-1] + b"?"))
    with pytest.raises(DamageError, match=r"frames\.zst\.tmp: "):
        seal_run(run.path, nobody)
    assert run.frames(1).read_bytes() == before
    assert not list(run.capture.glob("*.zst*"))


def test_a_shard_that_would_shrink_too_much_is_left(tmp_path):
    run = write_run(tmp_path, [[*shard_records(0, 1)[:-1], text(0, 3, 9_000, bytes(1_000_000))]])
    (shard,) = seal_run(run.path, nobody)
    assert shard.outcome is Outcome.LEFT
    assert [path.name for path in sorted(run.capture.iterdir())] == ["shard_00.frames", "shard_00.idx"]


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
def test_bitflip_in_a_sealed_shard(tmp_path, step):
    """Each bit is found, or inert: all bytes come out, says the SHA-256 of the manifest."""
    run = write_run(tmp_path, [shard_records(0, 5)])
    records = found(run)[0]
    seal_run(run.path, nobody)
    data = run.sealed(0).read_bytes()
    inert = []
    for bit in range(0, 8 * len(data), step):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        run.sealed(0).write_bytes(flipped)
        if verify_bundle(open_bundle(run.path)).ok:
            assert found(run) == (records, [])
            inert.append(bit)
            continue
        with pytest.raises(DamageError):
            list(open_bundle(run.path).replay_records(pytest.fail))
        read, _damage = found(run)
        assert read == (records if bit // 8 >= len(data) - 25 else []), bit
    print(f"{len(inert)} of {8 * len(data)} bits are inert: the same bytes come out, by their SHA-256")
    assert len(inert) < len(data) / 4


def block_starts(path):
    """Return where each block begins in a sealed file, and where the last ends."""
    data = path.read_bytes()
    count, _, _ = FOOTER.unpack(data[-FOOTER.size :])
    table = len(data) - FOOTER.size - count * ENTRY.size
    starts = [0]
    for number in range(count):
        starts.append(starts[-1] + ENTRY.unpack_from(data, table + number * ENTRY.size)[0])
    return starts


def test_damage_inside_a_block_is_named_and_reading_goes_on_behind_it(sealed):
    starts = block_starts(sealed.sealed(0))
    data = bytearray(sealed.sealed(0).read_bytes())
    data[(starts[1] + starts[2]) // 2] ^= 255
    sealed.sealed(0).write_bytes(data)
    (summary, *_others) = verify_bundle(open_bundle(sealed.path)).summaries
    seal, records = summary.damage
    assert (seal.damage_class, seal.byte_start, seal.byte_end) == (
        DamageClass.SEAL_MISMATCH,
        starts[1],
        starts[2],
    )
    assert seal.detail == "block 1 cannot be decoded"
    assert records.damage_class is DamageClass.CRC_MISMATCH
    assert records.record == seal.record
    assert records.byte_start < BLOCK_BYTES + 20_000
    assert 2 * BLOCK_BYTES <= records.byte_end < 2 * BLOCK_BYTES + 20_000
    read, _damage = found(sealed)
    lost = [record.seq for record in SHARDS[0] if record not in read]
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert len(lost) < 20
    gaps = []
    salvaged = list(open_bundle(sealed.path).replay_records(pytest.fail, gaps.append))
    assert gaps == [seal, records]
    assert len(salvaged) == len(read) + 1


@pytest.mark.parametrize("where", [-1, -5, -9, -12, -16, "cut"])
def test_a_damaged_seek_table_loses_no_record(sealed, where):
    data = bytearray(sealed.sealed(0).read_bytes())
    if where == "cut":
        del data[-20:]
    else:
        data[where] ^= 128
    sealed.sealed(0).write_bytes(data)
    assert found(sealed) == (run_order(*SHARDS), [DamageClass.SEAL_MISMATCH])
    with pytest.raises(DamageError, match="the seek table is damaged"):
        list(open_bundle(sealed.path).replay_records(pytest.fail))


def test_a_sealed_shard_cut_at_any_block_reads_as_a_prefix(sealed):
    starts = block_starts(sealed.sealed(0))
    data = sealed.sealed(0).read_bytes()
    for start in starts:
        for size in (start, start + 3, min(start + 1000, len(data) - 1)):
            sealed.sealed(0).write_bytes(data[:size])
            read, damage = found(sealed)
            own = [record for record in read if record.shard == 0]
            assert own == SHARDS[0][: len(own)]
            assert not verify_bundle(open_bundle(sealed.path)).ok
            assert DamageClass.SEAL_MISMATCH in damage


def test_without_the_extra_one_line_says_what_to_install(sealed, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "zstandard.py").write_text("raise ImportError\n")
    done = run_command("capture-verify", f"--run-dir={sealed.path}", environment={"PYTHONPATH": str(hidden)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("a sealed shard needs the extra zstd: pip install 'pm_data[zstd]'\n")
    assert done.stderr.count("\n") == 1


SEALED = "capture/shard_01.frames.zst.tmp"
MOMENTS = [
    *((SEALED, "openat", nth) for nth in (1, 2)),
    *((SEALED, "write", nth) for nth in (1, 2)),
    *((SEALED, call, 1) for call in ("fsync", "rename")),
    *(("capture", "fsync", nth) for nth in (1, 2)),
    *(("capture/shard_01.frames", call, 1) for call in ("openat", "unlink")),
]


@UNIX
@pytest.mark.parametrize(
    ("file", "call", "nth"),
    [
        pytest.param(*moment, marks=[pytest.mark.long] * (number % 4 != 0))
        for number, moment in enumerate(MOMENTS)
    ],
)
def test_kill9_at_a_call_of_sealing(run, tmp_path, file, call, nth):
    need_strace()
    faults = Faults(run.path, tmp_path / "trace", Fault(file, call, "SIGKILL", str(nth)))
    done = run_command("capture-seal", f"--run-dir={run.path}", under=faults.command)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert found(run) == (run_order(*SHARDS), [])
    assert verify_bundle(open_bundle(run.path)).ok
    seal_run(run.path, nobody)
    assert found(run) == (run_order(*SHARDS), [])
    assert not list(run.capture.glob("*.frames")) + list(run.capture.glob("*.tmp"))


@UNIX
@pytest.mark.parametrize(
    "fault",
    [
        Fault(SEALED, "write", "ENOSPC", "1"),
        Fault(SEALED, "fsync", "EIO", "1"),
        Fault(SEALED, "rename", "EROFS", "1"),
    ],
    ids=" ".join,
)
def test_a_disk_that_refuses_leaves_the_plain_shard(run, tmp_path, fault):
    need_strace()
    faults = Faults(run.path, tmp_path / "trace", fault)
    done = run_command("capture-seal", f"--run-dir={run.path}", under=faults.command)
    assert (done.returncode, done.stdout) == (74, "")
    assert done.stderr.count("\n") == 1
    assert run.frames(1).exists()
    assert not list(run.capture.glob("*.tmp"))
    assert found(run) == (run_order(*SHARDS), [])
