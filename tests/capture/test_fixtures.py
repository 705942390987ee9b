import gzip
import json
import os

import pytest

from pm_data.bundle.format import MAX_PAYLOAD
from pm_data.capture.fixtures import RecordedFrame, list_fixtures, read_fixture
from pm_data.errors import FatalCaptureError, UsageError


def read(tmp_path, data, name="a.ndjson"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return list(read_fixture(path))


def raw(payload):
    return RecordedFrame(payload, None)


def test_files_in_byte_order_of_their_names(tmp_path):
    given = (
        "b.ndjson",
        "B.json",
        "é.json.gz",
        "a.ndjson.gz",
        "c.jsonl",
        "d.txt",
        "e.gz",
        "10.json",
        "9.json",
    )
    for name in given:
        (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    (tmp_path / "z.json").mkdir()
    names = [path.name for path in list_fixtures(tmp_path)]
    assert names == ["10.json", "9.json", "B.json", "a.ndjson.gz", "b.ndjson", "é.json.gz"]


def test_nothing_to_read(tmp_path):
    with pytest.raises(UsageError, match="holds no file named"):
        list_fixtures(tmp_path)
    with pytest.raises(UsageError, match="is not a directory"):
        list_fixtures(tmp_path / "none")


def test_a_gz_that_is_none_is_found_before_anything_is_made(tmp_path):
    (tmp_path / "a.ndjson.gz").write_bytes(b"plain")
    with pytest.raises(UsageError, match=r"cannot read .*a\.ndjson\.gz"):
        list_fixtures(tmp_path)


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz"])
def test_lines(tmp_path, name):
    data = b'{"a":1}\n\n \t\r\n[1]\r\nPONG\n not json \xff\n{"raw":"x"}\nlast'
    expected = [b'{"a":1}', b"[1]", b"PONG", b" not json \xff", b'{"raw":"x"}', b"last"]
    assert read(tmp_path, data, name) == [raw(payload) for payload in expected]


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_a_json_file_is_one_frame_whole(tmp_path, name):
    data = b' {"t":5,\r\n"raw":"x"}\n\n'
    assert read(tmp_path, data, name) == [raw(data)]


@pytest.mark.parametrize(
    ("stamp", "stamp_ns"),
    [
        ('"t":0', 0),
        ('"t":1790585112649', 1790585112649 * 10**6),
        ('"t":9223372036854', 9223372036854 * 10**6),
        ('"t":1.5', 1_500_000),
        ('"t":1.000001', 1_000_001),
        ('"t":1.0000010000', 1_000_001),
        ('"t":2e3', 2 * 10**9),
        ('"t":-0', 0),
        ('"mono_ns":0', 0),
        ('"mono_ns":9223372036854775807', 2**63 - 1),
    ],
)
def test_stamped_lines(tmp_path, stamp, stamp_ns):
    line = f'{{{stamp},"raw":"[1]\\n\\u00e9"}}'
    expected = [RecordedFrame("[1]\né".encode(), stamp_ns)]
    assert read(tmp_path, line.encode()) == expected
    swapped = f' {{ "raw" : "[1]\\n\\u00e9" , {stamp} }}'
    assert read(tmp_path, swapped.encode()) == expected


@pytest.mark.parametrize(
    "line",
    [
        '{"t":-1,"raw":"x"}',
        '{"t":"5","raw":"x"}',
        '{"t":true,"raw":"x"}',
        '{"t":null,"raw":"x"}',
        '{"t":NaN,"raw":"x"}',
        '{"t":1.0000001,"raw":"x"}',
        '{"t":9223372036855,"raw":"x"}',
        '{"t":1e400,"raw":"x"}',
        '{"t":1e-999999,"raw":"x"}',
        '{"t":1e99999999999999999999,"raw":"x"}',
        '{"t":%s,"raw":"x"}' % ("9" * 5000),
        '{"mono_ns":1.0,"raw":"x"}',
        '{"mono_ns":-1,"raw":"x"}',
        '{"mono_ns":9223372036854775808,"raw":"x"}',
        '{"t":5,"raw":5}',
        '{"t":5,"raw":null}',
        '{"t":5,"raw":"\\ud800"}',
        '{"t":5,"raw":"x","more":1}',
        '{"t":5,"mono_ns":5}',
        '{"raw":"x"}',
        '{"raw":"x","x":1}',
        '["raw"]',
        '{"t":5,"raw":"x"} ,',
        '\ufeff{"t":5,"raw":"x"}',
        '"raw"' + "[" * 100_000,
    ],
)
def test_any_other_line_is_a_frame_itself(tmp_path, line):
    assert read(tmp_path, line.encode()) == [raw(line.encode())]


def test_escaped_keys_equal_plain_ones(tmp_path):
    assert read(tmp_path, b'{"\\u0074":5,"\\u0072aw":"x"}') == [RecordedFrame(b"x", 5_000_000)]


def test_a_gz_cut_short_ends_with_an_error_after_what_it_holds(tmp_path):
    path = tmp_path / "a.ndjson.gz"
    lines = [json.dumps({"n": n, "pad": os.urandom(500).hex()}).encode() for n in range(300)]
    data = gzip.compress(b"\n".join(lines))
    path.write_bytes(data[: len(data) * 2 // 3])
    frames = read_fixture(path)
    seen = []
    with pytest.raises(FatalCaptureError, match=r"cannot read .*a\.ndjson\.gz to its end"):
        seen.extend(frame.payload for frame in frames)
    assert seen
    assert seen == lines[: len(seen)]


def test_a_frame_beyond_the_bound_is_an_error(tmp_path):
    path = tmp_path / "a.ndjson.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"ok\n" + b"x" * MAX_PAYLOAD + b"\r\n" + b"x" * (MAX_PAYLOAD + 1))
    frames = read_fixture(path)
    assert next(frames) == raw(b"ok")
    assert len(next(frames).payload) == MAX_PAYLOAD
    with pytest.raises(FatalCaptureError, match="line 3: longer than"):
        next(frames)
