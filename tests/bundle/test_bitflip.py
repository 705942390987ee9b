"""Every bit of a small run: its flip is found, or it changes nothing; never another hash with exit 0."""

import contextlib

import pytest
from support.frames import A, B
from support.records import control, text, write_run

from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.damage import TAILS
from pm_data.bundle.format import encode_record
from pm_data.bundle.opening import open_bundle
from pm_data.config import Config
from pm_data.errors import PmDataError
from pm_data.frame import Control
from pm_data.runtime import entrypoint
from pm_data.strategy.loading import load_strategies

NAMES = ["manifest.json", "capture/shard_00.frames", "capture/shard_01.idx"]


def shard(number, token):
    book = b'{"asset_id":"%s","bids":[],"asks":[%s]}'
    return [
        control(number, 0, 1, Control.SUBSCRIBED, 1, tokens=[token]),
        text(number, 1, 2 + number, book % (token.encode(), b'{"price":".4","size":"9"}')),
        text(number, 2, 4 + number, book % (token.encode(), b"")),
        control(number, 3, 9, Control.END, reason="x"),
    ]


SHARDS = [shard(0, A), shard(1, B)]
LAST = len(encode_record(SHARDS[0][-1]))


def replay(run):
    """Return (final_hash, events_hash) of a replay, and the tails that it accepted."""
    tails = []
    line = entrypoint.run(
        open_bundle(run.path).replay_records(tails.append),
        load_strategies(["toy_spread"], []),
        Config(),
        entrypoint.RunOptions("replay", print_hash=True),
        opened_at=0.0,
    )
    return (line["final_hash"], line["events_hash"]), tails


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", ["closed", "running"])
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)])
def test_bitflip_detection(tmp_path, step, name, status):
    """Every bit in the long stage, every fifth in the short one."""
    run = write_run(tmp_path, SHARDS, status)
    hashes, tails = replay(run)
    assert (len(set(hashes)), tails) == (2, [])
    path = run.path / name
    data = path.read_bytes()
    records = list(open_bundle(run.path).records(pytest.fail))
    for bit in range(0, len(data) * 8, step):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert not verify_bundle(open_bundle(run.path)).ok, f"bit {bit} of {name}"
        if name.endswith(".idx"):
            assert replay(run) == (hashes, [])
        elif status == "closed" or not name.endswith(".frames"):
            with pytest.raises(PmDataError):
                replay(run)
        else:
            # A length made larger in the last record looks as after a crash, and is told so.
            with contextlib.suppress(PmDataError):
                _hashes, (tail,) = replay(run)
                assert tail.damage_class in TAILS
                assert bit // 8 >= len(data) - LAST
        if name.endswith(".frames"):
            damage = []
            kept = list(open_bundle(run.path).records(damage.append))
            assert damage
            assert set(kept) < set(records)
    path.write_bytes(data)
    assert verify_bundle(open_bundle(run.path)).ok
    assert replay(run) == (hashes, [])
