import os
import time

import pytest
from support.records import (
    TOKENS,
    control,
    manifest,
    read_shard,
    run_order,
    shard_records,
    text,
    write_run,
)

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import encode_record
from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.manifest import Parent, SliceRange, write_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.writer import ShardWriter
from pm_data.errors import DamageError, UsageError
from pm_data.frame import FLAG_MARKED, Control, control_fields

SHARDS = [shard_records(shard, 8) for shard in range(3)]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, SHARDS)


@pytest.fixture
def interrupted(tmp_path):
    return write_run(tmp_path, SHARDS, status="running")


def cut(path, count):
    os.truncate(path, path.stat().st_size - count)


def test_closed(run):
    bundle = open_bundle(run.path)
    assert (bundle.status, bundle.live, bundle.damage) == ("closed", False, [])
    assert list(bundle.records(pytest.fail)) == run_order(*SHARDS)
    assert list(bundle.replay_records(pytest.fail)) == run_order(*SHARDS)
    assert list(bundle.records(pytest.fail, [1])) == SHARDS[1]


def test_iteration_may_be_given_up(run):
    assert next(open_bundle(run.path).records(pytest.fail)) == SHARDS[0][0]


def test_a_torn_tail_of_an_interrupted_run_is_followed_by_a_gap(interrupted):
    cut(interrupted.frames(1), 5)
    bundle = open_bundle(interrupted.path)
    assert bundle.status == "interrupted"
    tails = []
    records = list(bundle.replay_records(tails.append))
    (gap,) = (record for record in records if record.control == Control.GAP)
    assert [tail.damage_class for tail in tails] == [DamageClass.TORN_TAIL]
    assert records.index(gap) == records.index(SHARDS[1][-2]) + 1
    assert (gap.shard, gap.seq, gap.rx_mono_ns) == (1, SHARDS[1][-1].seq, SHARDS[1][-2].rx_mono_ns)
    assert gap.flags & FLAG_MARKED
    fields = control_fields(gap)
    assert (fields["cause"], fields["tokens"]) == ("interrupted", TOKENS)
    records.remove(gap)
    assert records == run_order(SHARDS[0], SHARDS[1][:-1], SHARDS[2])


def test_the_gap_names_the_tokens_asked_for_last(tmp_path):
    records = [
        control(0, 0, 1, Control.SUBSCRIBED, 1, tokens=["b", "a", "c"], reason="initial"),
        control(0, 1, 2, Control.UNSUBSCRIBED, 1, tokens=["a", 5], reason="refresh"),
        control(0, 2, 3, Control.HANDOVER, 2, tokens=["d"]),
        control(0, 3, 4, Control.SUBSCRIBED, 1, tokens="x"),
        text(0, 4, 5),
    ]
    run = write_run(tmp_path, [records], status="fatal")
    with run.frames(0).open("ab") as file:
        file.write(bytes(10))
    gap = list(open_bundle(run.path).replay_records(lambda _tail: None))[-1]
    assert control_fields(gap)["tokens"] == ["b", "c", "d"]
    assert control_fields(gap)["cause"] == "interrupted"


def test_a_shard_torn_in_its_first_record_has_no_gap(interrupted):
    os.truncate(interrupted.frames(1), 20)
    tails = []
    records = list(open_bundle(interrupted.path).replay_records(tails.append))
    assert records == run_order(SHARDS[0], SHARDS[2])
    assert len(tails) == 1


def test_a_shard_of_an_interrupted_run_cut_between_records_ends_with_the_same_gap(interrupted):
    cut(interrupted.frames(1), 5)
    torn = list(open_bundle(interrupted.path).replay_records(lambda _tail: None))
    cut(interrupted.frames(1), len(encode_record(SHARDS[1][-1])) - 5)
    assert list(open_bundle(interrupted.path).replay_records(pytest.fail)) == torn


def test_a_torn_tail_of_a_closed_run_is_not_replayed(run):
    cut(run.frames(1), 5)
    bundle = open_bundle(run.path)
    with pytest.raises(DamageError, match="shard 1: torn_tail"):
        list(bundle.replay_records(pytest.fail))
    damage = []
    assert list(bundle.records(damage.append)) == run_order(SHARDS[0], SHARDS[1][:-1], SHARDS[2])
    assert [entry.damage_class for entry in damage] == [DamageClass.TORN_TAIL]


def test_a_closed_run_cut_between_records_is_not_replayed(run):
    cut(run.frames(1), 48 + len(SHARDS[1][-1].payload))
    with pytest.raises(DamageError, match="manifest_mismatch"):
        list(open_bundle(run.path).replay_records(pytest.fail))


@pytest.mark.parametrize("status", ["closed", "running", "fatal"])
def test_damage_in_the_middle_is_never_replayed(tmp_path, status):
    run = write_run(tmp_path, SHARDS, status)
    data = bytearray(run.frames(2).read_bytes())
    data[250] ^= 1
    run.frames(2).write_bytes(data)
    with pytest.raises(DamageError, match="crc_mismatch"):
        list(open_bundle(run.path).replay_records(pytest.fail))


@pytest.mark.parametrize("status", ["closed", "running"])
def test_a_gap_stands_in_the_place_of_skipped_damage(tmp_path, status):
    run = write_run(tmp_path, SHARDS, status)
    offsets = [len(b"".join(map(encode_record, SHARDS[2][:number]))) for number in range(len(SHARDS[2]))]
    data = bytearray(run.frames(2).read_bytes())
    for number in (4, 5, 8):
        data[offsets[number] + 50] ^= 1
    run.frames(2).write_bytes(data)
    damage = []
    records = list(open_bundle(run.path).replay_records(pytest.fail, damage.append))
    assert [entry.record for entry in damage] == [4, 8]
    gaps = [record for record in records if record.control == Control.GAP]
    assert [(gap.shard, gap.seq, gap.rx_mono_ns) for gap in gaps] == [
        (2, number, SHARDS[2][number - 1].rx_mono_ns) for number in (4, 8)
    ]
    for gap in gaps:
        assert gap.flags & FLAG_MARKED
        assert (control_fields(gap)["cause"], control_fields(gap)["tokens"]) == ("salvage", TOKENS)
    kept = [record for record in SHARDS[2] if record.seq not in (4, 5, 8)]
    assert records == run_order(*SHARDS[:2], sorted(kept + gaps, key=lambda record: record.seq))


def test_damage_at_the_start_and_the_end_of_a_closed_shard(run):
    """Before the first record that can be read nothing is known; after the last one all is lost."""
    data = run.frames(1).read_bytes()
    run.frames(1).write_bytes(b"?" + data[1:-3])
    damage = []
    records = list(open_bundle(run.path).replay_records(pytest.fail, damage.append))
    assert [entry.damage_class for entry in damage] == [DamageClass.CRC_MISMATCH, DamageClass.TORN_TAIL]
    (gap,) = (record for record in records if record.control == Control.GAP)
    assert (gap.shard, gap.seq, control_fields(gap)["cause"]) == (1, SHARDS[1][-1].seq, "salvage")


def test_the_index_does_not_matter(run):
    for shard in range(3):
        run.idx(shard).unlink()
    assert list(open_bundle(run.path).replay_records(pytest.fail)) == run_order(*SHARDS)


def test_a_damaged_manifest_hides_no_record(run):
    run.manifest.write_bytes(run.manifest.read_bytes().replace(b"offline", b"online "))
    bundle = open_bundle(run.path)
    assert (bundle.status, bundle.manifest) == ("unknown", None)
    assert [entry.damage_class for entry in bundle.damage] == [DamageClass.MANIFEST_MISMATCH]
    assert list(bundle.records(pytest.fail)) == run_order(*SHARDS)
    with pytest.raises(DamageError, match="digest"):
        bundle.replay_records(pytest.fail)


def test_a_missing_shard_is_damage(run):
    run.frames(1).unlink()
    (damage,) = open_bundle(run.path).damage
    assert "shard_01.frames is missing" in str(damage)


def test_a_missing_shard_of_an_interrupted_run_is_damage(interrupted):
    interrupted.frames(1).unlink()
    (damage,) = open_bundle(interrupted.path).damage
    assert "shard_01.frames is missing" in str(damage)


@pytest.mark.parametrize(
    ("files", "missing"), [([1, 4], None), ([1], None), ([], None), ([4], 1), ([1, 6], 4), ([0, 1], None)]
)
def test_an_interrupted_slice_has_shards_of_its_parents_numbers(tmp_path, files, missing):
    parent = Parent("p", "0" * 64, SliceRange([1, 4, 6]))
    with create_run_dir(tmp_path, "slice") as run:
        write_manifest(run, manifest("slice", "running", parent=parent))
        for shard in files:
            run.frames(shard).write_bytes(b"")
    expected = [] if missing is None else [f"manifest_mismatch: shard_{missing:02d}.frames is missing"]
    assert [str(entry) for entry in open_bundle(run.path).damage] == expected


def test_a_shard_that_the_manifest_does_not_know_is_damage(run):
    run.frames(3).write_bytes(b"")
    (damage,) = open_bundle(run.path).damage
    assert "shard_03.frames is not in the manifest" in str(damage)


def test_other_files_are_none_of_ours(run):
    for name in ("shard_00.frames.torn", "shard_1.frames", "shard_001.frames", "notes"):
        (run.capture / name).write_bytes(b"?")
    assert open_bundle(run.path).damage == []


def test_a_run_that_is_being_written_is_its_prefix_at_opening(tmp_path):
    with create_run_dir(tmp_path, "run") as run:
        write_manifest(run, manifest("run", "running"))
        writer = ShardWriter(run, 0)
        writer.append(SHARDS[0][:4])
        os.write(writer._frames_fd, b"\xf7PM")
        bundle = open_bundle(run.path)
        os.truncate(run.frames(0), writer.extent.bytes)
        writer.append(SHARDS[0][4:])
        assert (bundle.status, bundle.live) == ("running", True)
        assert list(bundle.replay_records(pytest.fail)) == SHARDS[0][:4]
        assert read_shard(open_bundle(run.path), 0) == (SHARDS[0], [])
        writer.close()
    assert open_bundle(run.path).status == "interrupted"


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_what_is_no_regular_file_is_refused(run, tmp_path, kind):
    outside = tmp_path / "outside"
    run.frames(1).rename(outside)
    if kind == "link":
        run.frames(1).symlink_to(outside)
    elif kind == "fifo":
        os.mkfifo(run.frames(1))
    else:
        run.frames(1).mkdir()
    began = time.monotonic()
    with pytest.raises(UsageError, match="not a regular file"):
        open_bundle(run.path)
    assert time.monotonic() - began < 1


def test_a_linked_capture_directory_is_refused(run, tmp_path):
    run.capture.rename(tmp_path / "outside")
    run.capture.symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="not a directory"):
        open_bundle(run.path)


def test_what_is_no_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="cannot open"):
            open_bundle(path)
