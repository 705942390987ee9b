import gzip
import json
from hashlib import sha256

import pytest

from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.opening import open_bundle
from pm_data.capture.offline import capture_offline
from pm_data.config import resolve
from pm_data.errors import FatalCaptureError, UsageError
from pm_data.frame import Control, Kind, control_fields


@pytest.fixture
def fixtures(tmp_path):
    path = tmp_path / "fixtures"
    path.mkdir()
    return path


def capture(tmp_path, fixtures, run_id="run"):
    return capture_offline(resolve({"data_dir": str(tmp_path / "data")}, {}), fixtures, run_id)


def shards_of(tmp_path, run_id="run"):
    """Return each shard's (kind, conn, mono, wall, payload), after a verification."""
    bundle = open_bundle(tmp_path / "data" / "runs" / run_id)
    assert verify_bundle(bundle).ok
    assert bundle.status == "closed"
    return [
        [
            (record.kind, record.conn, record.rx_mono_ns, record.rx_wall_ns_utc, record.payload)
            for record in bundle.records(pytest.fail, [shard])
        ]
        for shard in bundle.sizes
    ]


def stamps(records):
    return [record[2] for record in records]


def stamped(mono_ns, payload):
    return json.dumps({"mono_ns": mono_ns, "raw": payload}) + "\n"


def test_one_shard_a_file_between_its_opening_and_its_end(tmp_path, fixtures):
    (fixtures / "b.ndjson").write_bytes(b"[]\nPONG\n")
    (fixtures / "a.json").write_bytes(b"[1]\n")
    line = capture(tmp_path, fixtures)
    run_dir = tmp_path / "data" / "runs" / "run"
    assert line == {
        "ok": True,
        "run_id": "run",
        "run_dir": str(run_dir),
        "status": "closed",
        "received": 3,
        "written": 3,
        "dropped": 0,
    }
    universe, end = b'{"markets":[],"removed":[]}', b'{"reason":"input"}'
    assert shards_of(tmp_path) == [
        [(Kind.CONTROL, 0, 0, 0, universe), (Kind.TEXT, 1, 0, 0, b"[1]\n"), (Kind.CONTROL, 0, 0, 0, end)],
        [
            (Kind.CONTROL, 0, 1000, 1000, universe),
            (Kind.TEXT, 2, 1000, 1000, b"[]"),
            (Kind.TEXT, 2, 2000, 2000, b"PONG"),
            (Kind.CONTROL, 0, 2000, 2000, end),
        ],
    ]
    assert sorted(path.name for path in run_dir.iterdir()) == ["capture", "lock", "manifest.json", "metrics"]


def test_stamps_grow_within_a_file_and_stand_between_files(tmp_path, fixtures):
    (fixtures / "a.ndjson").write_text("".join(stamped(at, "{}") for at in (1000, 1000, 900, 1200)) + "raw\n")
    (fixtures / "b.ndjson").write_text(stamped(1000, "{}") + "raw\n" + stamped(5, "{}"))
    (fixtures / "c.ndjson").write_text("raw\n")
    first, second, third = shards_of(tmp_path) if capture(tmp_path, fixtures) else []
    assert stamps(first) == [1000, 1000, 1001, 1002, 1200, 2200, 2200]
    assert stamps(second) == [1000, 1000, 2000, 2001, 2001]
    assert stamps(third) == [3001, 3001, 3001]


def test_milliseconds(tmp_path, fixtures):
    (fixtures / "a.ndjson").write_text('{"t":7,"raw":"x"}\n{"t":7.5,"raw":"y"}\n')
    capture(tmp_path, fixtures)
    assert stamps(shards_of(tmp_path)[0]) == [7_000_000, 7_000_000, 7_500_000, 7_500_000]


def test_the_order_of_two_files_is_by_stamp_then_shard(tmp_path, fixtures):
    (fixtures / "a.ndjson").write_text(stamped(1000, "A1") + stamped(1200, "A2"))
    (fixtures / "b.ndjson").write_text(stamped(1000, "B1") + stamped(1300, "B2"))
    capture(tmp_path, fixtures)
    records = open_bundle(tmp_path / "data" / "runs" / "run").replay_records(pytest.fail)
    assert [record.payload for record in records if record.kind == Kind.TEXT] == [b"A1", b"B1", b"A2", b"B2"]


def test_the_same_input_gives_the_same_bytes(tmp_path, fixtures):
    (fixtures / "a.ndjson.gz").write_bytes(gzip.compress(b'{"n":1}\n' * 20_000))
    (fixtures / "b.json").write_bytes(b"[]")
    for run_id in ("one", "two"):
        capture(tmp_path, fixtures, run_id)
    runs = tmp_path / "data" / "runs"
    for name in ("shard_00.frames", "shard_00.idx", "shard_01.frames", "shard_01.idx"):
        assert (runs / "one/capture" / name).read_bytes() == (runs / "two/capture" / name).read_bytes()


def test_a_file_without_frames_is_a_shard_without_frames(tmp_path, fixtures):
    for name in ("a.ndjson", "c.ndjson"):
        (fixtures / name).write_bytes(b"\n\n")
    (fixtures / "b.ndjson").write_bytes(b"raw")
    line = capture(tmp_path, fixtures)
    assert line["received"] == 1
    assert [stamps(records) for records in shards_of(tmp_path)] == [[0, 0], [0, 0, 0], [0, 0]]


def test_the_manifest_tells_where_the_run_comes_from(tmp_path, fixtures):
    (fixtures / "a.json").write_bytes(b"[]")
    url = "https://user:secret@gamma.example"
    flags = {"data_dir": str(tmp_path / "data"), "gamma_base_url": url}
    resolved = resolve(flags, {"PM_DATA_WS_SHARDS": "3"})
    capture_offline(resolved, fixtures, "run")
    manifest = open_bundle(tmp_path / "data" / "runs" / "run").manifest
    assert (manifest.source, manifest.markets, manifest.totals.received) == ("offline", [], 1)
    assert manifest.config["ws_shards"] == {"value": 3, "origin": "environment"}
    assert manifest.config["gamma_base_url"] == {"value": "https://gamma.example", "origin": "flag"}


def test_a_run_id_is_made_where_none_is_given(tmp_path, fixtures):
    (fixtures / "a.json").write_bytes(b"[]")
    line = capture(tmp_path, fixtures, None)
    assert (tmp_path / "data" / "runs" / line["run_id"] / "manifest.json").exists()


def test_a_used_run_id_is_refused(tmp_path, fixtures):
    (fixtures / "a.json").write_bytes(b"[]")
    capture(tmp_path, fixtures)
    with pytest.raises(UsageError, match="used already"):
        capture(tmp_path, fixtures)


def test_nothing_is_made_without_input(tmp_path, fixtures):
    with pytest.raises(UsageError):
        capture(tmp_path, fixtures)
    assert not (tmp_path / "data").exists()


def test_a_file_that_breaks_off_ends_the_run_fatally_with_what_it_held(tmp_path, fixtures):
    lines = b"".join(b"%d %s\n" % (n, sha256(b"%d" % n).hexdigest().encode()) for n in range(9000))
    data = gzip.compress(lines)
    (fixtures / "a.json").write_bytes(b"[]")
    (fixtures / "b.ndjson.gz").write_bytes(data[: len(data) // 2])
    run_dir = tmp_path / "data" / "runs" / "run"
    with pytest.raises(FatalCaptureError, match=r"b\.ndjson\.gz to its end"):
        capture(tmp_path, fixtures)
    bundle = open_bundle(run_dir)
    assert bundle.status == "fatal"
    assert verify_bundle(bundle).ok
    records = list(bundle.records(pytest.fail, [1]))
    assert lines.startswith(b"\n".join(record.payload for record in records[1:-1]))
    assert len(records) > 100
    assert records[-1].control == Control.END
    assert control_fields(records[-1]) == {"reason": "fatal"}
    assert json.loads((run_dir / "fatal.json").read_bytes())["cause"] == "input"


def test_a_stamp_that_no_int64_holds_is_fatal(tmp_path, fixtures):
    (fixtures / "a.ndjson").write_text(stamped(2**63 - 1, "{}") + "raw\n")
    with pytest.raises(FatalCaptureError, match="no int64 holds"):
        capture(tmp_path, fixtures)


def test_recorded_venue_data(tmp_path, shared_data, fixtures):
    recorded = "ws_market_20260927.ndjson", "ws_opening_20260409.json", "derived_btc15m_20260928.ndjson.gz"
    for name in recorded:
        (fixtures / name).symlink_to(shared_data / name)
    assert capture(tmp_path, fixtures)["received"] == 2451 + 60 + 1
    derived, market, opening = shards_of(tmp_path)
    lines = (shared_data / "ws_market_20260927.ndjson").read_bytes().splitlines()
    assert [record[4] for record in market[1:-1]] == [line for line in lines if line]
    assert opening[1][4] == (shared_data / "ws_opening_20260409.json").read_bytes()
    with gzip.open(shared_data / "derived_btc15m_20260928.ndjson.gz", "rt") as file:
        wrapped = [json.loads(line) for line in file]
    assert [record[4].decode() for record in derived[1:-1]] == [line["raw"] for line in wrapped]
    assert derived[1][2] == wrapped[0]["t"] * 10**6
