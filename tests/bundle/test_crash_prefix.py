"""Rule D1: whatever byte a crash stops at, what is read is a prefix of what was written.

Three shards hold 200 frames; each shard is cut at every byte, with its index as it was, cut, and missing.
"""

import os

import pytest
from support.records import run_order, shard_records, write_run

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import IDX_ENTRY_SIZE, encode_record
from pm_data.bundle.idx import IdxCheck
from pm_data.bundle.opening import open_bundle
from pm_data.frame import Control

SHARDS = [shard_records(shard, 66 + (shard > 0)) for shard in range(3)]
FRAMES = sum(record.kind == 1 for records in SHARDS for record in records)


@pytest.fixture
def run(tmp_path):
    assert FRAMES == 200
    return write_run(tmp_path, SHARDS, status="running")


@pytest.mark.parametrize("index", ["intact", "cut", "missing"])
@pytest.mark.parametrize("shard", range(3))
def test_crash_prefix_every_byte(run, shard, index):
    records = SHARDS[shard]
    ends = [0]
    for record in records:
        ends.append(ends[-1] + len(encode_record(record)))
    written_index = run.idx(shard).read_bytes()
    if index == "missing":
        run.idx(shard).unlink()
    bundle = open_bundle(run.path)
    whole = len(records)
    for size in range(ends[-1], -1, -1):
        os.truncate(run.frames(shard), size)
        if size < ends[whole]:
            whole -= 1
        if index == "cut":
            os.truncate(run.idx(shard), len(written_index) * size // ends[-1])
        damage = []
        batches = bundle.reader(shard, damage.append).batches()
        assert [record for batch in batches for record in batch] == records[:whole]
        torn = [] if size == ends[whole] else [(DamageClass.TORN_TAIL, shard, whole, ends[whole], size)]
        assert [entry[:5] for entry in damage] == torn
        judged = []
        entries = list(bundle.reader(shard, judged.append).entries())
        assert judged == damage
        assert b"".join(part.data for part in entries) == written_index[: whole * IDX_ENTRY_SIZE]
        wrong = []
        with IdxCheck(run.idx(shard), shard, wrong.append) as check:
            for part in entries:
                check.check(part)
            check.finish()
        assert {entry.damage_class for entry in wrong} <= {DamageClass.IDX_MISMATCH}
        kept = None if index == "missing" else run.idx(shard).read_bytes()
        assert bool(wrong) == (kept != written_index[: whole * IDX_ENTRY_SIZE])


def test_crash_prefix_of_the_whole_run(run):
    """Each size that a crash of shard 1 can leave, in steps, with a replay of the whole run."""
    full = run.frames(1).stat().st_size
    bundle = open_bundle(run.path)
    for size in range(full, 0, -41):
        os.truncate(run.frames(1), size)
        tails = []
        replayed = list(bundle.replay_records(tails.append))
        kept = [record for record in bundle.records(lambda _damage: None) if record.shard == 1]
        assert kept == SHARDS[1][: len(kept)]
        written = [record for record in replayed if record.control != Control.GAP]
        assert written == run_order(SHARDS[0], kept, SHARDS[2])
        gaps = [record.shard for record in replayed if record.control == Control.GAP]
        assert gaps == ([1] if kept and len(kept) < len(SHARDS[1]) else [])
