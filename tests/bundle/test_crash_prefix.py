"""Rule D1: whatever byte a crash stops at, what is read is a prefix of what was written."""

import os

import pytest
from support.records import read_shard, run_order, shard_records, write_run

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import encode_record
from pm_data.bundle.idx import IdxCheck, entries
from pm_data.bundle.opening import open_bundle
from pm_data.frame import Control

SHARDS = [shard_records(shard, 66 + shard) for shard in range(3)]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, SHARDS, status="running")


@pytest.mark.parametrize("shard", range(3))
def test_crash_prefix_every_byte(run, shard):
    records = SHARDS[shard]
    ends = [0]
    for record in records:
        ends.append(ends[-1] + len(encode_record(record)))
    index = run.idx(shard).read_bytes()
    bundle = open_bundle(run.path)
    whole = len(records)
    for size in range(ends[-1], -1, -1):
        os.truncate(run.frames(shard), size)
        if size < ends[whole]:
            whole -= 1
        damage = []
        blocks = list(bundle.reader(shard, damage.append).blocks())
        assert [record for block in blocks for record in block.records] == records[:whole]
        torn = [] if size == ends[whole] else [(DamageClass.TORN_TAIL, shard, whole, ends[whole], size)]
        assert [entry[:5] for entry in damage] == torn
        assert b"".join(entry for block in blocks for entry in entries(block)) == index[: whole * 32]


@pytest.mark.parametrize("index", ["intact", "cut", "missing"])
def test_crash_prefix_whatever_became_of_the_index(run, index):
    """Each size that a crash of shard 1 can leave, in steps, with a replay of the whole run."""
    full = run.frames(1).stat().st_size
    if index == "missing":
        run.idx(1).unlink()
    for size in range(full, 0, -41):
        os.truncate(run.frames(1), size)
        if index == "cut":
            os.truncate(run.idx(1), run.idx(1).stat().st_size * size // full)
        bundle = open_bundle(run.path)
        tails = []
        replayed = list(bundle.replay_records(tails.append))
        kept, damage = read_shard(bundle, 1)
        assert tails == damage
        written = [record for record in replayed if record.control != Control.GAP]
        assert written == run_order(SHARDS[0], kept, SHARDS[2])
        found = []
        with IdxCheck(run.idx(1), 1, found.append) as check:
            for block in bundle.reader(1, lambda _damage: None).blocks():
                check.check(block)
            check.finish()
        intact = index == "intact" and len(kept) == len(SHARDS[1])
        assert {entry.damage_class for entry in found} <= {DamageClass.IDX_MISMATCH}
        if index != "cut":
            assert bool(found) != intact
