import pytest
from support.records import shard_records, write_run

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.idx import IdxCheck
from pm_data.bundle.opening import open_bundle

RECORDS = shard_records(0, 8)


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, [RECORDS])


def check(run, **options):
    damage = []
    with IdxCheck(run.idx(0), 0, damage.append, **options) as idx:
        for entries in open_bundle(run.path).reader(0, lambda _damage: None).entries():
            idx.check(entries)
        idx.finish()
    return [(entry.damage_class, entry.record, entry.byte_start, entry.byte_end) for entry in damage]


def test_the_index_can_be_made_again(run):
    entries = open_bundle(run.path).reader(0, pytest.fail).entries()
    assert b"".join(part.data for part in entries) == run.idx(0).read_bytes()


def test_intact(run):
    assert check(run) == []


def test_every_bit_counts(run):
    data = run.idx(0).read_bytes()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        run.idx(0).write_bytes(flipped)
        entry = bit // 8 // 32
        assert check(run) == [(DamageClass.IDX_MISMATCH, entry, entry * 32, entry * 32 + 32)]


def test_cut_at_every_byte(run):
    data = run.idx(0).read_bytes()
    for size in range(len(data)):
        run.idx(0).write_bytes(data[:size])
        entry = size // 32
        assert check(run) == [(DamageClass.IDX_MISMATCH, entry, entry * 32, size)]
        assert check(run, growing=True) == []


def test_too_long(run):
    with run.idx(0).open("ab") as file:
        file.write(bytes(32))
    size = 32 * len(RECORDS)
    assert check(run) == [(DamageClass.IDX_MISMATCH, len(RECORDS), size, size + 32)]
    assert check(run, growing=True) == []


def test_missing(run):
    run.idx(0).unlink()
    assert check(run) == [(DamageClass.IDX_MISMATCH, 0, 0, 0)]


def test_a_link_is_not_followed(run, tmp_path):
    moved = tmp_path / "moved"
    run.idx(0).rename(moved)
    run.idx(0).symlink_to(moved)
    assert [entry[0] for entry in check(run)] == [DamageClass.IDX_MISMATCH]


def test_entries_of_unreadable_records_are_not_judged(run):
    data = bytearray(run.frames(0).read_bytes())
    data[300] ^= 1
    run.frames(0).write_bytes(data)
    assert check(run) == []
