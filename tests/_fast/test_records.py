"""The record scanner: both cores take the same records off the same bytes, and the same checksum."""

import random
import struct
import zlib

import pytest

from pm_data.bundle import format as layout
from pm_data.frame import Kind, Record

SEED = 20261123


def scanner(core):
    return core.records.RecordScanner(
        layout.HEADER,
        layout.MAGIC,
        layout.CRC_FROM,
        layout.MAX_PAYLOAD,
        layout.FORMAT_VERSION,
        layout.KNOWN_FLAGS,
    )


def records(count, generator):
    """Return records of shard 3 as a writer makes them."""
    made, stamp = [], 0
    for seq in range(count):
        stamp += generator.randrange(3)
        payload = generator.randbytes(generator.choice([0, 1, 15, 16, 17, 63, 64, 65, 200]))
        kind = generator.choice([Kind.TEXT, Kind.BINARY, Kind.CONTROL])
        control, flags = (
            (generator.randrange(1, 200), generator.randrange(4)) if kind == Kind.CONTROL else (0, 0)
        )
        conn = generator.choice([0, 1, 2**32 - 1])
        made.append(Record(3, seq, kind, control, flags, conn, stamp, -stamp, payload))
    return made


def test_records_come_back_as_they_were_written(core):
    made = records(200, random.Random(SEED))
    data = b"".join(map(layout.encode_record, made))
    found = scanner(core).scan(data, 0, len(data), 3, 0, -(2**63))
    assert found.records == made
    assert all(type(record) is Record for record in found.records)
    assert found.checksums == [layout.crc_of(layout.encode_record(record)) for record in made]
    assert found[2:] == (len(data), 200, made[-1].rx_mono_ns, made[-1].rx_wall_ns_utc, layout.HEADER_SIZE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", 1),
        ("shard", 4),
        ("shard", 2**32 - 1),
        ("rx_mono_ns", -1),
        ("kind", 9),
        ("control", 1),
        ("flags", 4),
    ],
)
def test_a_record_that_is_not_the_next_one_is_left(core, field, value):
    record = Record(3, 0, 1, 0, 0, 1, 5, 5, b"x")._replace(**{field: value})
    data = layout.encode_record(record)
    found = scanner(core).scan(data, 0, len(data), 3, 0, 0)
    assert (found.records, found.start, found.need) == ([], 0, 0)
    assert scanner(core).scan(data, 0, len(data), -1, 0, 0).records == []


def test_need_says_how_many_bytes_are_missing(core):
    data = layout.encode_record(Record(3, 0, 1, 0, 0, 1, 5, 5, b"payload"))
    for end in range(len(data)):
        found = scanner(core).scan(bytearray(data), 0, end, 3, 0, 0)
        assert found.need == (layout.HEADER_SIZE if end < layout.HEADER_SIZE else len(data))
    huge = data[:8] + struct.pack("<I", layout.MAX_PAYLOAD + 1) + data[12:]
    assert scanner(core).scan(huge, 0, len(huge), 3, 0, 0).need == 0


def test_another_layout_is_refused_by_the_compiled_core(both_cores):
    _pure, compiled = both_cores
    with pytest.raises(ValueError, match="cannot read the layout"):
        compiled.records.RecordScanner(struct.Struct("<4sIQ"), layout.MAGIC, 8, 1, 0, 3)


def test_parity_of_scans_over_mutated_bytes(both_cores):
    print("seed", SEED)
    generator = random.Random(SEED)
    scanners = [scanner(core) for core in both_cores]
    for _ in range(3_000):
        made = records(generator.randrange(1, 12), generator)
        data = bytearray(b"".join(map(layout.encode_record, made)))
        for _ in range(generator.randrange(3)):
            at = generator.randrange(len(data))
            action = generator.randrange(4)
            if action == 0:
                data[at] ^= 1 << generator.randrange(8)
            elif action == 1:
                del data[at : at + generator.randrange(60)]
            elif action == 2:
                data[at:at] = data[generator.randrange(len(data)) :][:60]
            else:
                data[at : at + 20] = bytes(20)
            data += b"x" * (not data)
        start, end = sorted(generator.choices([0, 0, len(data), generator.randrange(len(data))], k=2))
        shard, seq = generator.choice([(3, 0), (3, 0), (3, 1), (-1, 0)])
        last = generator.choice([-(2**63), 0, 5])
        first, second = (one.scan(data, start, end, shard, seq, last) for one in scanners)
        assert first == second, SEED


def test_crc32_equals_zlibs_at_every_length_and_alignment(core):
    data = random.Random(SEED).randbytes(2_000)
    for length in [*range(400), 1_000, 1_999]:
        for start in (0, 1, 7):
            assert core.records.crc32(data[start : start + length]) == zlib.crc32(
                data[start : start + length]
            )
