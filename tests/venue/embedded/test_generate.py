"""The order flow written straight to NDJSON and to bundles."""

import json
from itertools import pairwise

import pytest

from pm_data.bundle.manifest import CLOSED
from pm_data.bundle.opening import open_bundle
from pm_data.errors import InputOutputError, UsageError
from pm_data.frame import Control, Kind, control_fields
from pm_data.venue.embedded.generate import (
    FIRST_MONO_NS,
    generate,
    listed_markets,
    new_exchange,
    write_ndjson,
)
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.universe import plan_shards

OPTIONS = VenueOptions(seed=5, markets=60, rate=2000)


def test_stamps_grow_and_the_count_is_exact():
    for count in (0, 1, 3, 2000):
        frames = list(generate(OPTIONS, count))
        assert len(frames) == count
        stamps = [frame.mono_ns for frame in frames]
        assert all(earlier < later for earlier, later in pairwise(stamps))
        assert all(stamp >= FIRST_MONO_NS for stamp in stamps)


def test_a_plan_spreads_the_same_flow_over_connections():
    plan = plan_shards(listed_markets(new_exchange(OPTIONS)), 4, 250)
    shard_of = {market.condition_id: shard for shard, markets in enumerate(plan) for market in markets}
    frames = list(generate(OPTIONS, 5000, plan))
    assert {frame.shard for frame in frames} == {0, 1, 2, 3}
    later = [(frame.shard, json.loads(frame.payload)) for frame in frames[4:]]
    for shard, message in later:
        if message["event_type"] != "new_market":
            assert shard_of[message["market"]] == shard
    announced = [shard for shard, message in later if message["event_type"] == "new_market"]
    assert announced
    assert announced == [0, 1, 2, 3] * (len(announced) // 4)
    alone = [frame.payload for frame in generate(OPTIONS, 4000) if b'"new_market"' not in frame.payload]
    spread = [frame.payload for frame in frames if b'"new_market"' not in frame.payload]
    assert alone[2:3000] == spread[4:3002]


def test_a_connection_of_many_tokens_opens_in_arrays_of_100():
    frames = list(generate(OPTIONS, 3))
    assert [len(json.loads(frame.payload)) for frame in frames[:2]] == [100, 20]


def test_an_ndjson_file_holds_the_frames(tmp_path):
    path = tmp_path / "frames.ndjson"
    payload_bytes = write_ndjson(OPTIONS, 500, path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    expected = list(generate(OPTIONS, 500))
    assert [line["raw"].encode() for line in lines] == [frame.payload for frame in expected]
    assert payload_bytes == sum(len(frame.payload) for frame in expected)
    assert all(line.keys() == {"t", "raw"} for line in lines)
    for line, frame in zip(lines, expected, strict=True):
        assert (line["t"] - lines[0]["t"]) == (frame.mono_ns // 10**6 - FIRST_MONO_NS // 10**6)
    stamp = int(json.loads(lines[-1]["raw"])["timestamp"])
    assert 0 <= lines[-1]["t"] - stamp < 10


def test_a_bundle_is_closed_clean_and_holds_the_frames(tmp_path):
    payload_bytes = write_bundle(OPTIONS, 2000, tmp_path / "runs" / "made", 3, 250)
    bundle = open_bundle(tmp_path / "runs" / "made")
    damage: list[object] = []
    records = list(bundle.records(damage.append))
    assert not damage
    assert not bundle.damage
    assert bundle.manifest.status == CLOSED
    assert bundle.manifest.totals.written == 2000
    assert len(bundle.manifest.markets) == 60
    stamps = [record.rx_mono_ns for record in records]
    assert all(earlier < later for earlier, later in pairwise(stamps))
    plan = plan_shards(listed_markets(new_exchange(OPTIONS)), 3, 250)
    expected = list(generate(OPTIONS, 2000, plan))
    frames = [record for record in records if record.kind == Kind.TEXT]
    assert [(frame.rx_mono_ns, frame.shard, frame.payload) for frame in frames] == expected
    assert payload_bytes == sum(len(frame.payload) for frame in frames)
    assert {(frame.shard, frame.conn) for frame in frames} == {(0, 1), (1, 2), (2, 3)}
    for shard, markets in enumerate(plan):
        controls = [record for record in records if record.shard == shard and record.kind == Kind.CONTROL]
        assert [record.control for record in controls] == [
            Control.UNIVERSE,
            Control.OPENED,
            Control.SUBSCRIBED,
            Control.END,
        ]
        universe, _opened, subscribed, end = map(control_fields, controls)
        assert universe == {"markets": [market.metadata() for market in markets], "removed": []}
        assert subscribed["tokens"] == [asset_id for market in markets for asset_id in market.asset_ids]
        assert end == {"reason": "input"}


def test_a_bundles_shards_depend_on_the_arguments_only(tmp_path):
    contents = []
    for data in ("one", "two"):
        run_dir = tmp_path / data / "runs" / "made"
        write_bundle(OPTIONS, 800, run_dir, 3, 250)
        contents.append([path.read_bytes() for path in sorted((run_dir / "capture").iterdir())])
    assert len(contents[0]) == 6
    assert contents[0] == contents[1]


def test_a_target_that_cannot_be_is_one_error(tmp_path):
    with pytest.raises(InputOutputError, match=r"nowhere"):
        write_ndjson(OPTIONS, 1, tmp_path / "nowhere" / "x.ndjson")
    with pytest.raises(UsageError, match="DATA_DIR/runs/RUN_ID"):
        write_bundle(OPTIONS, 1, tmp_path / "made", 3, 250)
    write_bundle(OPTIONS, 20, tmp_path / "runs" / "made", 3, 250)
    with pytest.raises(UsageError, match="made"):
        write_bundle(OPTIONS, 1, tmp_path / "runs" / "made", 3, 250)
