import time

import pytest
from support.records import text

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import HEADER, MAGIC, MAX_PAYLOAD, encode_record
from pm_data.bundle.reader import ShardReader


def read(path):
    damage = []
    reader = ShardReader(path, 0, damage.append)
    return [record for batch in reader.batches() for record in batch], damage


def test_a_sparse_file_of_a_terabyte_is_read_at_once(tmp_path):
    path = tmp_path / "shard_00.frames"
    records = [text(0, 0, 1), text(0, 1, 2)]
    with path.open("wb") as file:
        file.write(encode_record(records[0]))
        file.seek(2**40)
        file.write(encode_record(records[1]))
        file.truncate(2**41)
    if path.stat().st_blocks > 10_000:
        pytest.skip("this file system keeps no holes")
    began = time.monotonic()
    found, damage = read(path)
    assert time.monotonic() - began < 2
    assert found == records
    assert [entry.damage_class for entry in damage] == [DamageClass.CRC_MISMATCH, DamageClass.ZERO_TAIL]


def test_false_headers_that_claim_megabytes_do_not_take_hours(tmp_path):
    path = tmp_path / "shard_00.frames"
    size = 40 * 1024 * 1024
    header = HEADER.pack(MAGIC, 0, size // 2, 0, 1, 0, 0, 0, 1, 1, 1, 0)
    path.write_bytes(header * (size // len(header)))
    began = time.monotonic()
    found, damage = read(path)
    assert time.monotonic() - began < 10
    assert found == []
    assert [entry.damage_class for entry in damage] == [DamageClass.CRC_MISMATCH]
    assert "given up" in damage[0].detail


def test_a_length_that_the_file_cannot_hold_takes_no_memory(tmp_path):
    path = tmp_path / "shard_00.frames"
    path.write_bytes(HEADER.pack(MAGIC, 0, MAX_PAYLOAD, 0, 1, 0, 0, 0, 1, 1, 1, 0) + bytes(100))
    found, damage = read(path)
    assert found == []
    assert [entry.damage_class for entry in damage] == [DamageClass.TORN_TAIL]


def test_magics_without_a_record_are_given_up(tmp_path):
    path = tmp_path / "shard_00.frames"
    path.write_bytes(MAGIC * (8 * 1024 * 1024))
    began = time.process_time()
    found, (damage,) = read(path)
    assert time.process_time() - began < 1
    assert (found, damage.detail) == ([], "so many false records that the search was given up")
