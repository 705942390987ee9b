import os
import zlib

import pytest
from support.records import manifest, shard_records, write_run

from pm_data.analysis.verify import DAMAGE_KEPT_MAX, verify_bundle, verify_files
from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import encode_record
from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.manifest import write_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.writer import ShardWriter
from pm_data.errors import UsageError

SHARDS = [shard_records(shard, 8) for shard in range(3)]
CLEAN = {"errors": 0, "crc_mismatch": 0, "truncated_shards": 0, "idx_bad_shards": 0}


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, SHARDS)


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def verify(run):
    return verify_bundle(open_bundle(run.path))


def test_clean(run):
    verdict = verify(run)
    assert verdict.ok
    size = sum(run.frames(shard).stat().st_size for shard in range(3))
    assert verdict.totals() == {"records": 33, "bytes": size, **CLEAN}
    assert verdict.summaries[1].fields() == {
        "shard": 1,
        "records": 11,
        "bytes": run.frames(1).stat().st_size,
        "errors": 0,
        "damage": [],
    }


def test_each_kind_of_damage_is_counted(run):
    flip(run.frames(0), 300)
    flip(run.idx(1), 40)
    os.truncate(run.frames(2), run.frames(2).stat().st_size - 1)
    verdict = verify(run)
    assert not verdict.ok
    totals = verdict.totals()
    assert totals["records"] == 31
    # The torn shard's index has an entry too many.
    assert {name: totals[name] for name in CLEAN} == {
        "errors": 4,
        "crc_mismatch": 1,
        "truncated_shards": 1,
        "idx_bad_shards": 2,
    }
    (damage,) = verdict.summaries[0].damage
    record = SHARDS[0][damage.record]
    assert damage.byte_end - damage.byte_start == len(encode_record(record))
    assert damage.byte_start <= 300 < damage.byte_end
    assert damage.fields() == {
        "class": "crc_mismatch",
        "record": damage.record,
        "byte_start": damage.byte_start,
        "byte_end": damage.byte_end,
        "detail": f"next valid record is {damage.record + 1}",
    }


def test_a_closed_shard_cut_between_records_is_truncated(run):
    last = len(encode_record(SHARDS[2][-1]))
    os.truncate(run.frames(2), run.frames(2).stat().st_size - last)
    os.truncate(run.idx(2), run.idx(2).stat().st_size - 32)
    totals = verify(run).totals()
    assert {name: totals[name] for name in CLEAN} == {**CLEAN, "errors": 1, "truncated_shards": 1}


def test_another_file_of_the_same_size_is_found_by_its_digest(run):
    changed = list(SHARDS[1])
    changed[-2] = changed[-2]._replace(payload=b"!" * len(changed[-2].payload))
    run.frames(1).write_bytes(b"".join(map(encode_record, changed)))
    damage = [entry for summary in verify(run).summaries for entry in summary.damage]
    classes = [entry.damage_class for entry in damage]
    assert classes == [DamageClass.IDX_MISMATCH, DamageClass.MANIFEST_MISMATCH]
    assert "sha256" in damage[1].detail


@pytest.mark.parametrize("status", ["closed", "running"])
@pytest.mark.parametrize("count", [1, 2, 9, 12])
def test_shards_of_any_number_and_size_are_told_in_order(tmp_path, status, count):
    shards = [shard_records(shard, shard * 37 % 11 * 300) for shard in range(count)]
    run = write_run(tmp_path, shards, status)
    read = []
    verdict = verify_bundle(open_bundle(run.path), read.append)
    assert verdict.ok
    assert sum(read) == verdict.totals()["bytes"]
    for shard in range(0, count, 2):
        flip(run.frames(shard), 100)
        flip(run.idx(shard), 70)
    verdict = verify(run)
    assert [summary.shard for summary in verdict.summaries] == list(range(count))
    for summary in verdict.summaries:
        alone = verify_files(run.frames(summary.shard), run.idx(summary.shard))
        assert summary == alone.summaries[0]
        assert summary.errors == (2 if summary.shard % 2 == 0 else 0)


def test_another_format_version_in_one_of_many_shards(tmp_path):
    run = write_run(tmp_path, [shard_records(shard, 2000) for shard in range(6)])
    data = bytearray(run.frames(4).read_bytes())
    data[12] = 1
    length = int.from_bytes(data[8:12], "little")
    data[4:8] = zlib.crc32(data[8 : 48 + length]).to_bytes(4, "little")
    run.frames(4).write_bytes(data)
    with pytest.raises(UsageError, match="format version 1"):
        verify(run)


def test_damage_that_belongs_to_no_shard(run):
    run.frames(1).unlink()
    verdict = verify(run)
    assert not verdict.ok
    assert verdict.totals()["errors"] == 1
    assert str(verdict.damage[0]) == "manifest_mismatch: shard_01.frames is missing"


def test_a_run_that_is_being_written_is_clean(tmp_path):
    with create_run_dir(tmp_path, "run") as run:
        write_manifest(run, manifest("run", "running"))
        writer = ShardWriter(run, 0)
        writer.append(SHARDS[0])
        os.write(writer._frames_fd, encode_record(SHARDS[0][0])[:20])
        os.truncate(run.idx(0), 70)
        assert verify(run).ok
        writer.close()
    assert verify(run).totals() | {"records": 0, "bytes": 0} == {
        "records": 0,
        "bytes": 0,
        "errors": 2,
        "crc_mismatch": 0,
        "truncated_shards": 1,
        "idx_bad_shards": 1,
    }


def test_files_by_themselves(run):
    verdict = verify_files(run.frames(2), run.idx(2))
    assert verdict.ok
    assert verdict.summaries[0].shard == 2
    assert verify_files(run.frames(2), None).ok
    assert verify_files(run.frames(2), run.idx(1)).totals()["idx_bad_shards"] == 1
    with pytest.raises(UsageError, match="cannot open"):
        verify_files(run.path / "none", None)


def test_a_file_with_thousands_of_damaged_places_keeps_memory(tmp_path):
    path = tmp_path / "shard_00.frames"
    path.write_bytes(b"".join(b"?" + encode_record(record) for record in shard_records(0, 3000)))
    (summary,) = verify_files(path, None).summaries
    assert summary.errors == summary.records == 3003
    assert len(summary.damage) == DAMAGE_KEPT_MAX
