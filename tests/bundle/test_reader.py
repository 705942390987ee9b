import hashlib
import os
import zlib
from itertools import starmap

import pytest
from support.records import idx_entry, read_shard, shard_records, text, write_run

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import HEADER_SIZE, MAX_PAYLOAD, encode_record
from pm_data.bundle.manifest import ShardSeal
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.reader import ShardReader
from pm_data.bundle.window import BUFFER_BYTES
from pm_data.errors import UsageError

RECORDS = shard_records(0, 6)
ENCODED = [encode_record(record) for record in RECORDS]
ENDS = [len(b"".join(ENCODED[: n + 1])) for n in range(len(ENCODED))]
WHOLE = b"".join(ENCODED)


def read(path, data, shard=0, **options):
    """Return the records, the damage as (class, record, start, end), and the reader."""
    path.write_bytes(data)
    damage = []
    reader = ShardReader(path, shard, damage.append, **options)
    records = [record for batch in reader.batches() for record in batch]
    assert reader.records == len(records)
    assert reader.damaged == bool(damage)
    return records, [(entry.damage_class, entry.record, entry.byte_start, entry.byte_end) for entry in damage]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "shard_00.frames"


def test_whole(file):
    assert read(file, WHOLE) == (RECORDS, [])


def test_empty(file):
    assert read(file, b"") == ([], [])


def test_entries_are_those_of_the_records(file):
    file.write_bytes(WHOLE)
    reader = ShardReader(file, 0, pytest.fail)
    starts = [0, *ENDS]
    pairs = zip(RECORDS, ENCODED, starts, strict=False)
    expected = b"".join(starmap(idx_entry, pairs))
    assert list(reader.entries()) == [(0, expected)]
    assert (reader.records, reader.bytes, reader.next_seq) == (len(RECORDS), len(WHOLE), len(RECORDS))
    assert reader.last_mono_ns == RECORDS[-1].rx_mono_ns


def test_entries_of_more_small_records_than_fit_at_a_time(file):
    """Behind damage the window may hold more bytes than its own buffer, all of them small records."""
    first = bytearray(encode_record(text(0, 0, 1, bytes(3 * BUFFER_BYTES))))
    first[60] ^= 1
    inner = b"".join(encode_record(text(0, seq, 2, b"")) for seq in range(1, 20_000))
    file.write_bytes(first + inner)
    damage = []
    reader = ShardReader(file, 0, damage.append)
    entries = list(reader.entries())
    assert [(part.first, len(part.data) // 32) for part in entries[:1]] == [(1, BUFFER_BYTES // HEADER_SIZE)]
    assert reader.records == sum(len(part.data) // 32 for part in entries) == 19_999
    assert [entry.damage_class for entry in damage] == [DamageClass.CRC_MISMATCH]


def test_torn_tail(file):
    for cut in range(ENDS[3] + 1, ENDS[4]):
        assert read(file, WHOLE[:cut]) == (RECORDS[:4], [(DamageClass.TORN_TAIL, 4, ENDS[3], cut)])


def test_an_unfinished_record_of_a_growing_file_is_no_damage(file):
    for cut in range(ENDS[3], ENDS[4]):
        assert read(file, WHOLE[:cut], growing=True) == (RECORDS[:4], [])


def test_reading_stops_at_the_size_at_opening(file):
    assert read(file, WHOLE, size=ENDS[3] + 5, growing=True) == (RECORDS[:4], [])


def test_zero_tail(file):
    for zeros in (1, 47, 48, 100, 3 * BUFFER_BYTES):
        expected = [(DamageClass.ZERO_TAIL, 4, ENDS[3], ENDS[3] + zeros)]
        assert read(file, WHOLE[: ENDS[3]] + bytes(zeros)) == (RECORDS[:4], expected)


def test_zero_tail_that_begins_within_a_record(file):
    for cut in (3, 30, 48, 60):
        data = WHOLE[: ENDS[3] + cut] + bytes(5000)
        expected = [(DamageClass.ZERO_TAIL, 4, ENDS[3], len(data))]
        assert read(file, data) == (RECORDS[:4], expected)


def test_zero_bytes_in_the_middle_are_no_tail(file):
    data = WHOLE[: ENDS[3]] + bytes(4096) + WHOLE[ENDS[4] :]
    expected = [(DamageClass.CRC_MISMATCH, 4, ENDS[3], ENDS[3] + 4096)]
    assert read(file, data) == (RECORDS[:4] + RECORDS[5:], expected)


@pytest.mark.parametrize("offset", [0, 4, 8, 12, 13, 16, 24, 32, 40, 44, 48, -1])
def test_crc_mismatch_in_the_middle(file, offset):
    data = bytearray(WHOLE)
    data[ENDS[2] + offset if offset >= 0 else ENDS[3] - 1] ^= 0x40
    assert read(file, data) == (
        RECORDS[:3] + RECORDS[4:],
        [(DamageClass.CRC_MISMATCH, 3, ENDS[2], ENDS[3])],
    )


def test_crc_mismatch_in_the_last_record_is_no_torn_tail(file):
    data = bytearray(WHOLE)
    data[-1] ^= 1
    expected = [(DamageClass.CRC_MISMATCH, len(RECORDS) - 1, ENDS[-2], ENDS[-1])]
    assert read(file, data) == (RECORDS[:-1], expected)


def test_bad_length_in_the_middle(file):
    for length in (0, 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2**32 - 1):
        data = bytearray(WHOLE)
        data[ENDS[2] + 8 : ENDS[2] + 12] = length.to_bytes(4, "little")
        assert read(file, data) == (
            RECORDS[:3] + RECORDS[4:],
            [(DamageClass.CRC_MISMATCH, 3, ENDS[2], ENDS[3])],
        )


def test_bytes_that_were_never_a_record(file):
    data = WHOLE[: ENDS[2]] + b"stray" + WHOLE[ENDS[2] :]
    assert read(file, data) == (RECORDS, [(DamageClass.CRC_MISMATCH, 3, ENDS[2], ENDS[2] + 5)])


def test_garbage_at_the_end(file):
    data = WHOLE + b"stray"
    assert read(file, data) == (RECORDS, [(DamageClass.CRC_MISMATCH, len(RECORDS), ENDS[-1], ENDS[-1] + 5)])


def test_nothing_but_garbage(file):
    data = os.urandom(3 * BUFFER_BYTES)
    assert read(file, data) == ([], [(DamageClass.CRC_MISMATCH, 0, 0, len(data))])


def test_several_damaged_places(file):
    data = bytearray(WHOLE)
    data[ENDS[0] + 20] ^= 1
    data[ENDS[3] + 60] ^= 1
    data[ENDS[4] + 60] ^= 1
    assert read(file, data[:-3]) == (
        [RECORDS[0], *RECORDS[2:4], *RECORDS[6:-1]],
        [
            (DamageClass.CRC_MISMATCH, 1, ENDS[0], ENDS[1]),
            (DamageClass.CRC_MISMATCH, 4, ENDS[3], ENDS[5]),
            (DamageClass.TORN_TAIL, len(RECORDS) - 1, ENDS[-2], ENDS[-1] - 3),
        ],
    )


def test_a_record_left_out_is_a_seq_gap(file):
    data = WHOLE[: ENDS[2]] + WHOLE[ENDS[4] :]
    assert read(file, data) == (
        RECORDS[:3] + RECORDS[5:],
        [(DamageClass.SEQ_GAP, 3, ENDS[2], ENDS[2])],
    )


def test_a_repeated_record_is_not_given_twice(file):
    data = WHOLE[: ENDS[2]] + ENCODED[1] + WHOLE[ENDS[2] :]
    expected = [(DamageClass.SEQ_GAP, 3, ENDS[2], ENDS[2] + len(ENCODED[1]))]
    assert read(file, data) == (RECORDS, expected)


def test_a_record_of_another_shard_is_not_given(file):
    stranger = encode_record(RECORDS[3]._replace(shard=1))
    data = WHOLE[: ENDS[2]] + stranger + WHOLE[ENDS[2] :]
    expected = [(DamageClass.SEQ_GAP, 3, ENDS[2], ENDS[2] + len(stranger))]
    assert read(file, data) == (RECORDS, expected)


def test_a_stamp_that_runs_backwards_is_not_given(file):
    early = encode_record(RECORDS[3]._replace(rx_mono_ns=5))
    data = WHOLE[: ENDS[2]] + early + WHOLE[ENDS[3] :]
    records, damage = read(file, data)
    assert records == RECORDS[:3] + RECORDS[4:]
    assert [entry[0] for entry in damage] == [DamageClass.SEQ_GAP, DamageClass.SEQ_GAP]


def test_a_valid_checksum_over_an_unknown_form_is_damage(file):
    odd = encode_record(RECORDS[3]._replace(kind=9))
    data = WHOLE[: ENDS[2]] + odd + WHOLE[ENDS[3] :]
    assert read(file, data) == (
        RECORDS[:3] + RECORDS[4:],
        [(DamageClass.CRC_MISMATCH, 3, ENDS[2], ENDS[2] + len(odd))],
    )


def test_another_format_version_cannot_be_opened(file):
    body = bytearray(ENCODED[0])
    body[12] = 1
    body[4:8] = zlib.crc32(body[8:]).to_bytes(4, "little")
    with pytest.raises(UsageError, match="format version 1"):
        read(file, body + WHOLE)


def test_the_shard_is_taken_from_the_first_record_where_nobody_names_it(file):
    assert read(file, WHOLE, shard=None) == (RECORDS, [])
    damaged = b"?" + WHOLE[1:]
    assert read(file, damaged, shard=None) == (RECORDS[1:], [(DamageClass.CRC_MISMATCH, 0, 0, ENDS[0])])


def test_records_larger_than_the_buffer(file):
    sizes = [10, BUFFER_BYTES - HEADER_SIZE, BUFFER_BYTES, 3 * BUFFER_BYTES + 1, 5, 0, 2 * BUFFER_BYTES, 7]
    records = [text(0, n, n, os.urandom(size)) for n, size in enumerate(sizes)]
    encoded = [bytearray(encode_record(record)) for record in records]
    assert read(file, b"".join(encoded)) == (records, [])
    encoded[3][-1] ^= 1
    start = sum(map(len, encoded[:3]))
    expected = [(DamageClass.CRC_MISMATCH, 3, start, start + len(encoded[3]))]
    assert read(file, b"".join(encoded)) == (records[:3] + records[4:], expected)


def test_a_magic_across_two_buffers_is_found(file):
    for shift in range(6):
        data = WHOLE[: ENDS[2]] + b"x" * (BUFFER_BYTES - shift) + WHOLE[ENDS[2] :]
        records, damage = read(file, data)
        assert records == RECORDS
        assert [entry[0] for entry in damage] == [DamageClass.CRC_MISMATCH]


def test_a_payload_that_holds_a_magic_is_one_record(file):
    records = [text(0, 0, 1, ENCODED[1] + ENCODED[2]), text(0, 1, 2)]
    assert read(file, b"".join(map(encode_record, records))) == (records, [])


def test_seal(file):
    right = ShardSeal(0, len(RECORDS), len(WHOLE), hashlib.sha256(WHOLE).hexdigest())
    assert read(file, WHOLE, seal=right) == (RECORDS, [])
    for wrong in (right._replace(records=3), right._replace(bytes=9), right._replace(sha256="0" * 64)):
        records, damage = read(file, WHOLE, seal=wrong)
        assert records == RECORDS
        assert [entry[0] for entry in damage] == [DamageClass.MANIFEST_MISMATCH]
    cut = [(DamageClass.MANIFEST_MISMATCH, len(RECORDS) - 1, ENDS[-2], ENDS[-1])]
    assert read(file, WHOLE[: ENDS[-2]], seal=right) == (RECORDS[:-1], cut)


def test_missing_file(tmp_path):
    with pytest.raises(UsageError, match="cannot open"):
        list(ShardReader(tmp_path / "none", 0, pytest.fail).batches())


def everything_in(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_reading_a_run_leaves_every_file_as_it_was(tmp_path):
    run = write_run(tmp_path, [RECORDS], status="running")
    with run.frames(0).open("ab") as file:
        file.write(ENCODED[0][:30])
    before = everything_in(run.path)
    read_shard(open_bundle(run.path), 0)
    list(open_bundle(run.path).replay_records(lambda _tail: None))
    assert everything_in(run.path) == before
