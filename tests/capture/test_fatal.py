"""The first cause wins, and `fatal.json` comes out of space that was there from the start."""

import json
import threading

import pytest

from pm_data.bundle.format import encode_record
from pm_data.capture.fatal import (
    FATAL_JSON_BYTES,
    MESSAGE_MAX,
    Cause,
    FatalLatch,
    Reserve,
    write_last_frames,
    write_missing_tokens,
)
from pm_data.frame import Kind, Record


def test_only_the_first_cause_counts():
    latch = FatalLatch()
    heard = []
    latch.listen(lambda: heard.append(latch.fatal.cause))
    threads = [threading.Thread(target=latch.set, args=(cause, "", 1)) for cause in Cause]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [latch.fatal.cause]


def test_a_late_listener_hears_at_once_and_none_hears_nothing():
    latch = FatalLatch()
    latch.listen(None)
    latch.set(Cause.DROP, "x")
    heard = []
    latch.listen(lambda: heard.append(1))
    assert heard == [1]


def test_reserve_becomes_fatal_json(tmp_path):
    reserve = Reserve(tmp_path, 1000)
    assert (tmp_path / "fatal.reserve").stat().st_size == FATAL_JSON_BYTES + 2000
    latch = FatalLatch()
    latch.set(Cause.WRITE_ERROR, "\0" * 10_000, 3)
    reserve.become_fatal_json(latch.fatal)
    assert [path.name for path in tmp_path.iterdir()] == ["fatal.json"]
    fields = json.loads((tmp_path / "fatal.json").read_bytes())
    assert fields == {
        "cause": "write_error",
        "message": "\0" * MESSAGE_MAX,
        "shard": 3,
        "mono_ns": latch.fatal.mono_ns,
        "wall_ns_utc": latch.fatal.wall_ns_utc,
    }
    assert (tmp_path / "fatal.json").stat().st_size < FATAL_JSON_BYTES


def test_reserve_is_released(tmp_path):
    Reserve(tmp_path, 0).release()
    assert list(tmp_path.iterdir()) == []


def test_reserve_never_takes_a_file_that_is_there(tmp_path):
    (tmp_path / "fatal.reserve").touch()
    with pytest.raises(FileExistsError):
        Reserve(tmp_path, 0)


def test_last_frames_and_missing_tokens(tmp_path):
    record = Record(2, 7, Kind.TEXT, 0, 0, 1, 5, 6, b"payload")
    write_last_frames(tmp_path, {2: [record, record]})
    assert (tmp_path / "last_frames_shard_02.bin").read_bytes() == 2 * encode_record(record)
    write_missing_tokens(tmp_path, {1: ["b", "a"], 0: ["c"]})
    missing = json.loads((tmp_path / "missing_tokens.json").read_bytes())
    assert missing == {"shard_00": ["c"], "shard_01": ["b", "a"]}
