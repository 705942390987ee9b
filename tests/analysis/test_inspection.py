"""What is counted, held against a count of the records themselves."""

import json
from collections import Counter

import pytest
from support.frames import book, change, encode
from support.records import TOKENS, control, text, write_run
from support.scenario import Scenario, by_shard

from pm_data.analysis.inspection import LISTED_MAX, Inspection
from pm_data.analysis.slice import Span, make_slice
from pm_data.bundle.opening import open_bundle
from pm_data.frame import FLAG_MARKED, Control, Kind, control_fields

SEED = 20261123


def inspect(run):
    inspection = Inspection(open_bundle(run.path))
    inspection.read()
    found = inspection.fields()
    assert json.loads(json.dumps(found)) == found
    return found


def test_a_run_of_everything(tmp_path):
    records = Scenario(SEED).make(600)
    run = write_run(tmp_path, by_shard(records))
    found = inspect(run)
    frames = [record for record in records if record.kind != Kind.CONTROL]
    gaps = [control_fields(record) for record in records if record.control == Control.GAP]
    names = Counter(
        "77" if record.control == 77 else Control(record.control).name.lower()
        for record in records
        if record.kind == Kind.CONTROL
    )
    assert (found["ok"], found["status"], found["run_id"], found["marked"]) == (True, "closed", "run", 0)
    assert found["records"] == len(records) == sum(found["kinds"].values())
    assert found["kinds"]["binary"] == sum(record.kind == Kind.BINARY for record in records) > 0
    assert found["controls"] == dict(sorted(names.items()))
    assert found["payload_bytes"] == sum(len(record.payload) for record in frames)
    assert sum(found["messages"]["classes"].values()) == len(frames)
    assert found["bytes"] == sum(run.frames(shard).stat().st_size for shard in range(3))
    assert found["gaps"]["causes"] == Counter(gap["cause"] for gap in gaps)
    assert found["gaps"]["dropped_frames"] == sum(gap["frames"] for gap in gaps if gap["cause"] == "drop")
    assert [gap["frames"] for gap in found["gaps"]["listed"]] == [gap["frames"] for gap in gaps]
    assert found["connections"] == {"opened": names["opened"], "closed": {"network": names["closed"]}}
    assert found["span"] == {
        "first_mono_ns": records[0].rx_mono_ns,
        "last_mono_ns": records[-1].rx_mono_ns,
        "first_wall_ns_utc": records[0].rx_wall_ns_utc,
        "last_wall_ns_utc": records[-1].rx_wall_ns_utc,
        "seconds": (records[-1].rx_mono_ns - records[0].rx_mono_ns) / 1e9,
    }
    for shard in range(3):
        own = [record for record in records if record.shard == shard]
        counts = found["shards"][shard]
        assert (counts["records"], counts["frames"]) == (len(own), sum(not record.control for record in own))
    assert found["settings"] == {}
    assert found["totals"]["written"] == len(frames)


def test_a_slice_names_its_parent_and_its_carried_records_count_by_themselves(tmp_path):
    records = Scenario(SEED).make(600)
    run = write_run(tmp_path, by_shard(records))
    made = make_slice(open_bundle(run.path), Span(first=300, last=500), None, tmp_path, "part")
    found = inspect(made.run)
    inside = [record for record in records[300:501] if record.kind != Kind.CONTROL]
    carried = [
        record for record in open_bundle(made.run.path).records(pytest.fail) if record.flags & FLAG_MARKED
    ]
    assert found["marked"] == len(carried) > 10
    assert found["payload_bytes"] == sum(len(record.payload) for record in inside)
    assert sum(found["messages"]["classes"].values()) == len(inside) == found["totals"]["written"]
    assert found["span"]["first_mono_ns"] == records[300].rx_mono_ns
    assert found["parent"]["run_id"] == "run"
    assert found["universe"]["markets"] > 0


def test_messages_markets_and_settings(tmp_path):
    markets = [
        {"condition_id": "0x1", "asset_ids": TOKENS, "tick_size": "0.01", "neg_risk": True},
        {"condition_id": "0x2", "asset_ids": ["33"], "tick_size": "0.001", "fees_enabled": True},
        {"condition_id": "0x3", "asset_ids": ["44"], "tick_size": "0.01"},
    ]
    frames = [book(), book(), change(("11", "BUY", "0.2", "1")), b"PONG", encode({"event_type": "new_kind"})]
    records = [control(0, 0, 1, Control.UNIVERSE, markets=markets, removed=[])]
    records += [text(0, 1 + number, 2 + number, frame) for number, frame in enumerate(frames)]
    records.append(control(0, 6, 9, Control.UNIVERSE, markets=[], removed=["33"]))
    found = inspect(write_run(tmp_path, [records]))
    assert found["messages"]["types"] == {"book": 2, "price_change": 1}
    assert found["messages"]["unknown_types"] == {"new_kind": 1}
    assert found["messages"]["texts"] == {"PONG": 1}
    assert found["universe"] == {
        "markets": 2,
        "tokens": 3,
        "removed_tokens": 1,
        "neg_risk": 1,
        "fees_enabled": 0,
        "tick_sizes": {"0.01": 2},
    }


def test_damage_is_stepped_over_and_named(tmp_path):
    run = write_run(tmp_path, by_shard(Scenario(SEED).make(300)))
    data = bytearray(run.frames(1).read_bytes())
    data[len(data) // 2] ^= 1
    run.frames(1).write_bytes(data)
    found = inspect(run)
    assert (found["ok"], found["damage"]["count"]) == (False, 1)
    assert "shard 1: crc_mismatch" in found["damage"]["listed"][0]
    run.manifest.write_bytes(b"{}")
    found = inspect(run)
    assert (found["status"], found["damage"]["count"]) == ("unknown", 2)
    assert "digest" not in found


def test_control_records_of_a_stranger(tmp_path):
    """Valid records whose payloads are anything; names are bounded and printable as JSON."""
    payloads = [b"", b"[]", b'{"cause":"\\ud800","tokens":1,"frames":-1}', b'{"cause":["a"],"frames":"1"}']
    payloads += [b'{"cause":"%d","bytes":true}' % number for number in range(2 * LISTED_MAX)]
    kinds = (Control.UNIVERSE, Control.CLOSED, Control.GAP)
    records = []
    for kind in kinds:
        for payload in payloads:
            record = control(0, len(records), len(records), kind)
            records.append(record._replace(payload=payload))
    found = inspect(write_run(tmp_path, [records]))
    assert found["damage"]["count"] == len(payloads) + 2 * 2
    assert len(found["damage"]["listed"]) == len(found["gaps"]["listed"]) == LISTED_MAX
    assert len(found["gaps"]["causes"]) == LISTED_MAX + 1
    assert found["gaps"]["dropped_frames"] == 0
