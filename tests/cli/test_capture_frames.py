import base64
import json

import pytest
from support.commands import pm_data
from support.records import control, run_order, shard_records, text, write_run

from pm_data.frame import Control, Kind

ODD = [
    control(1, 0, 1000, Control.UNIVERSE, markets=[], removed=[]),
    text(1, 1, 1015, 'é漢\u2028 " \\ / \x00 \U0001f600'.encode()),
    text(1, 2, 1025, b"\xff\xfe"),
    text(1, 3, 1026, b"\x01\x02")._replace(kind=int(Kind.BINARY)),
    text(1, 4, 1027, b"{}")._replace(kind=int(Kind.CONTROL), control=99),
    text(1, 5, 1028, b""),
]
SHARDS = [shard_records(0, 4), ODD]
ORDER = run_order(*SHARDS)


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, SHARDS)


def frames(run, *arguments, code=0):
    done = pm_data("capture-frames", "--run-dir", run.path, *arguments)
    assert done.returncode == code
    assert bool(done.stderr) == bool(code)
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]], done.stderr


def keys(records):
    return [(record.shard, record.seq) for record in records]


def listed(lines):
    return [(line["shard"], line["i"]) for line in lines]


def test_every_record_in_order_with_its_bytes(run):
    lines, _ = frames(run)
    assert listed(lines) == keys(ORDER)
    for line, record in zip(lines, ORDER, strict=True):
        assert line["rx_mono_ns"] == record.rx_mono_ns
        assert line["rx_wall_ns_utc"] == record.rx_wall_ns_utc
        assert line["conn"] == record.conn
        assert line["kind"] == Kind(record.kind).name.lower()
        payload = line["payload"].encode() if "payload" in line else base64.b64decode(line["payload_b64"])
        assert payload == record.payload
        assert ("payload_b64" in line) == (payload == b"\xff\xfe")


def test_control_records_have_their_type(run):
    lines, _ = frames(run)
    types = [line.get("control") for line in lines if line["kind"] == "control"]
    assert types == ["universe", "subscribed", "universe", "99", "end"]
    assert json.loads(lines[1]["payload"]) == {"reason": "initial", "tokens": ["11", "22"]}


def test_ranges(run):
    assert listed(frames(run, "--shard", "1")[0]) == keys(ODD)
    assert listed(frames(run, "--shard", "1", "--shard", "0")[0]) == keys(ORDER)
    assert listed(frames(run, "--first", "2", "--last", "3")[0]) == keys(r for r in ORDER if 2 <= r.seq <= 3)
    in_time = keys(r for r in ORDER if 1010 <= r.rx_mono_ns < 1026)
    assert listed(frames(run, "--from-ns", "1010", "--to-ns", "1026")[0]) == in_time
    assert frames(run, "--first", "50")[0] == []


def test_a_damaged_run_is_printed_as_far_as_it_can_be_read(run):
    data = bytearray(run.frames(0).read_bytes())
    data[60] ^= 1
    run.frames(0).write_bytes(data)
    lines, said = frames(run, code=1)
    assert listed(lines) == keys(ORDER[1:])
    assert "shard 0: crc_mismatch at record 0, bytes 0 to " in said


def test_a_shard_that_is_not_there(run):
    done = pm_data("capture-frames", "--run-dir", run.path, "--shard", "2")
    assert done.returncode == 2
    assert "has no shard 2" in done.stderr


def test_the_output_does_not_depend_on_the_locale(run):
    plain = pm_data("capture-frames", "--run-dir", run.path)
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert pm_data("capture-frames", "--run-dir", run.path, **ascii_locale).stdout == plain.stdout
