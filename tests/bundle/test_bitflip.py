"""Every bit of a small closed run: its flip is found, or it changes nothing that is replayed."""

import pytest
from support.records import shard_records, write_run

from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.opening import open_bundle
from pm_data.errors import PmDataError

SHARDS = [shard_records(shard, 1) for shard in range(2)]
NAMES = ["manifest.json", "capture/shard_00.frames", "capture/shard_01.idx"]


@pytest.mark.parametrize("name", NAMES)
def test_bitflip_detection(tmp_path, name):
    run = write_run(tmp_path, SHARDS)
    records = list(open_bundle(run.path).replay_records(pytest.fail))
    path = run.path / name
    data = path.read_bytes()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        verdict = verify_bundle(open_bundle(run.path))
        assert not verdict.ok, f"bit {bit} of {name}"
        if name.endswith(".idx"):
            assert list(open_bundle(run.path).replay_records(pytest.fail)) == records
        else:
            with pytest.raises(PmDataError):
                list(open_bundle(run.path).replay_records(pytest.fail))
        if name.endswith(".frames"):
            damage = []
            kept = list(open_bundle(run.path).records(damage.append))
            assert damage
            assert set(kept) < set(records)
    path.write_bytes(data)
    assert verify_bundle(open_bundle(run.path)).ok
