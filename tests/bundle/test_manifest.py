import dataclasses
import json
import os

import pytest
from support.records import manifest

from pm_data import jsonlib
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import (
    Parent,
    ShardSeal,
    SliceRange,
    Totals,
    manifest_digest,
    read_manifest,
    write_manifest,
)
from pm_data.errors import DamageError, UsageError

SEALS = [ShardSeal(0, 3, 200, "ab" * 32), ShardSeal(2, 1, 50, "0" * 64)]


@pytest.fixture
def run(tmp_path):
    return RunDir(tmp_path)


def closed():
    return dataclasses.replace(
        manifest("r", shards=SEALS, totals=Totals(4, 3, 1)),
        config={"ws_shards": {"value": 8, "origin": "default"}, "x": {"value": 0.1, "origin": "flag"}},
        markets=[{"slug": "será-que-ß-漢", "neg_risk": True, "fee_schedule": None}],
    )


def write_fields(run, fields):
    """Write a manifest whose digest is right, whatever it says."""
    fields["digest"] = manifest_digest(fields)
    run.manifest.write_text(json.dumps(fields))


def sliced(**bounds):
    return dataclasses.replace(closed(), parent=Parent("p", "cd" * 32, SliceRange([0, 2], **bounds)))


@pytest.mark.parametrize(
    "written",
    [
        closed(),
        manifest("r", "running"),
        manifest("r", "fatal"),
        sliced(),
        sliced(first=0, last=7, from_ns=-1, to_ns=2**63 - 1),
    ],
)
def test_round_trip(run, written):
    write_manifest(run, written)
    found = read_manifest(run)
    assert dataclasses.replace(found, digest="") == written
    assert found.digest == manifest_digest(json.loads(run.manifest.read_bytes()))
    assert [path.name for path in run.path.iterdir()] == ["manifest.json"]


def test_every_bit_counts(run):
    write_manifest(run, dataclasses.replace(closed(), markets=[], config={}))
    data = run.manifest.read_bytes()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        run.manifest.write_bytes(flipped)
        with pytest.raises(DamageError):
            read_manifest(run)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run_id", 5),
        ("created_wall_ns_utc", -1),
        ("created_wall_ns_utc", 1.0),
        ("created_wall_ns_utc", 2**63),
        ("created_wall_ns_utc", True),
        ("status", "open"),
        ("status", ["closed"]),
        ("source", None),
        ("core", "fast"),
        ("config", []),
        ("markets", {}),
        ("markets", ["a"]),
        ("shards", None),
        ("totals", None),
        ("shards", [{"shard": 0}]),
        ("shards", [SEALS[1]._asdict(), SEALS[0]._asdict()]),
        ("shards", [SEALS[0]._asdict(), SEALS[0]._asdict()]),
        ("shards", [{**SEALS[0]._asdict(), "sha256": "AB" * 32}]),
        ("shards", [{**SEALS[0]._asdict(), "records": "3"}]),
        ("totals", {"received": 4, "written": 3, "dropped": 0}),
        ("totals", {"received": 4, "written": 4}),
    ],
)
def test_a_wrong_field_is_named(run, field, value):
    write_manifest(run, closed())
    fields = json.loads(run.manifest.read_bytes())
    write_fields(run, {**fields, field: value})
    with pytest.raises(DamageError, match=field):
        read_manifest(run)
    del fields[field]
    write_fields(run, fields)
    with pytest.raises(DamageError, match=field):
        read_manifest(run)


def test_unknown_keys_are_ignored(run):
    write_manifest(run, closed())
    write_fields(run, {**json.loads(run.manifest.read_bytes()), "colour": {"digest": "…"}})
    assert dataclasses.replace(read_manifest(run), digest="") == closed()


@pytest.mark.parametrize("version", [1, "0", None, True])
def test_an_unknown_version_cannot_be_opened(run, version):
    write_manifest(run, closed())
    write_fields(run, {**json.loads(run.manifest.read_bytes()), "format_version": version})
    with pytest.raises(UsageError, match="format version"):
        read_manifest(run)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"digest":NaN}', "[" * 10**5, '{"a":' * 900 + "1" + "}" * 900, '{"a":"\\ud800"}']
)
def test_what_is_no_manifest_is_damage(run, text):
    run.manifest.write_text(text)
    with pytest.raises(DamageError):
        read_manifest(run)


def test_what_is_no_file_cannot_be_opened(run):
    with pytest.raises(UsageError, match="cannot open"):
        read_manifest(run)
    os.mkfifo(run.manifest)
    with pytest.raises(UsageError, match="not a regular file"):
        read_manifest(run)


def test_a_manifest_of_gigabytes_is_not_read(run):
    with run.manifest.open("wb") as file:
        file.truncate(jsonlib.MAX_BYTES * 40)
    with pytest.raises(UsageError, match="longer than"):
        read_manifest(run)


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": 1},
        {"digest": "CD" * 32},
        {"range": None},
        {"more": 1},
        {"range": {"shards": [0]}},
        {"range": {"shards": [], "first": None, "last": None, "from_ns": None, "to_ns": None}},
        {"range": {"shards": [2, 0], "first": None, "last": None, "from_ns": None, "to_ns": None}},
        {"range": {"shards": [0], "first": -1, "last": None, "from_ns": None, "to_ns": None}},
        {"range": {"shards": [0], "first": None, "last": 1.0, "from_ns": None, "to_ns": None}},
        {"range": {"shards": [0], "first": None, "last": None, "from_ns": "1", "to_ns": None}},
        {"range": {"shards": [0], "first": None, "last": None, "from_ns": None, "to_ns": 2**63}},
    ],
)
def test_a_wrong_parent_is_damage(run, change):
    write_manifest(run, sliced())
    fields = json.loads(run.manifest.read_bytes())
    assert fields["parent"] == {
        "run_id": "p",
        "digest": "cd" * 32,
        "range": {"shards": [0, 2], "first": None, "last": None, "from_ns": None, "to_ns": None},
    }
    write_fields(run, {**fields, "parent": fields["parent"] | change})
    with pytest.raises(DamageError, match="parent is not"):
        read_manifest(run)


def test_only_a_slice_has_a_parent(run):
    write_manifest(run, closed())
    fields = json.loads(run.manifest.read_bytes())
    assert "parent" not in fields
    write_fields(run, {**fields, "parent": None})
    with pytest.raises(DamageError, match="parent is not"):
        read_manifest(run)


def test_markets_that_are_too_many_to_read_are_left_out(run, monkeypatch):
    written = dataclasses.replace(manifest("run", "running"), markets=[{"slug": "x" * 100}] * 50)
    write_manifest(run, written)
    assert len(read_manifest(run).markets) == 50
    monkeypatch.setattr(jsonlib, "MAX_BYTES", 5000)
    write_manifest(run, written)
    assert read_manifest(run).markets == []
