"""The record scanner: both cores take the same records off the same bytes, and the same checksum."""

import gc
import hashlib
import os
import random
import struct
import zlib

import pytest
from support.records import idx_entry, run_order

from pm_data.bundle import format as layout
from pm_data.frame import Kind, Record

SEED = 20261123


def scanner(core):
    return core.records.RecordScanner(
        layout.HEADER,
        layout.IDX_ENTRY,
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
    taken, found = scanner(core).scan(data, 0, len(data), 3, 0, -(2**63))
    assert taken == made
    assert all(type(record) is Record for record in taken)
    assert found == (len(data), 200, made[-1].rx_mono_ns, made[-1].rx_wall_ns_utc, layout.HEADER_SIZE)


def test_index_entries_are_those_of_the_records(core):
    made = records(50, random.Random(SEED))
    encoded = [layout.encode_record(record) for record in made]
    data = b"".join(encoded)
    offsets = [1000 + len(b"".join(encoded[:number])) for number in range(51)]
    expected = b"".join(map(idx_entry, made, encoded, offsets))
    entries = bytearray(b"?" * (50 * layout.IDX_ENTRY_SIZE + 9))
    found = scanner(core).index(data, 0, len(data), 3, 0, -(2**63), 1000, entries)
    assert entries == expected + b"?" * 9
    assert found == (len(data), 50, made[-1].rx_mono_ns, made[-1].rx_wall_ns_utc, layout.HEADER_SIZE)
    found = scanner(core).index(data, 0, len(data), 3, 0, -(2**63), 1000, entries[: 7 * 32 + 31])
    assert found[:2] == (offsets[7] - 1000, 7)
    assert found.need == layout.HEADER_SIZE
    assert scanner(core).index(data, 0, len(data), 3, 0, 0, 0, bytearray()).seq == 0


def test_a_window_outside_the_data_is_refused(core):
    for start, end in ((-1, 5), (0, 11), (6, 5)):
        with pytest.raises(ValueError, match="not within"):
            scanner(core).scan(bytes(10), start, end, 0, 0, 0)
        with pytest.raises(ValueError, match="not within"):
            scanner(core).index(bytes(10), start, end, 0, 0, 0, 0, bytearray(32))


def test_records_outlive_a_collection(core):
    """The compiled core hides them from the collector, and they die like others."""
    made = records(2_000, random.Random(SEED))
    data = b"".join(map(layout.encode_record, made))
    taken, _found = scanner(core).scan(data, 0, len(data), 3, 0, -(2**63))
    gc.collect()
    assert taken == made
    kept = taken[::7]
    del taken
    gc.collect()
    assert kept == made[::7]


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
    assert scanner(core).scan(data, 0, len(data), 3, 0, 0) == ([], (0, 0, 0, 0, 0))
    assert scanner(core).scan(data, 0, len(data), -1, 0, 0)[0] == []
    assert scanner(core).index(data, 0, len(data), 3, 0, 0, 0, bytearray(32)).start == 0


def test_need_says_how_many_bytes_are_missing(core):
    data = layout.encode_record(Record(3, 0, 1, 0, 0, 1, 5, 5, b"payload"))
    for end in range(len(data)):
        _records, found = scanner(core).scan(bytearray(data), 0, end, 3, 0, 0)
        assert found.need == (layout.HEADER_SIZE if end < layout.HEADER_SIZE else len(data))
    huge = data[:8] + struct.pack("<I", layout.MAX_PAYLOAD + 1) + data[12:]
    assert scanner(core).scan(huge, 0, len(huge), 3, 0, 0)[1].need == 0


def test_another_layout_is_refused_by_the_compiled_core(both_cores):
    _pure, compiled = both_cores
    with pytest.raises(ValueError, match="cannot use the layout"):
        compiled.records.RecordScanner(struct.Struct("<4sIQ"), layout.IDX_ENTRY, layout.MAGIC, 8, 1, 0, 3)


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
        room = generator.choice([0, 1, 3, 40])
        answers = []
        for one in scanners:
            entries = bytearray(32 * room)
            answers.append((one.index(data, start, end, shard, seq, last, 7, entries), entries))
        assert answers[0] == answers[1], SEED


def test_parity_of_merges(both_cores):
    print("seed", SEED)
    generator = random.Random(SEED)
    for _ in range(2_000):
        width = generator.choice([2, 30, 2**40])
        batches = [
            [
                Record(shard, seq, 1, 0, 0, 1, stamp, 0, b"")
                for seq, stamp in enumerate(sorted(generator.choices(range(-width, width), k=size)))
            ]
            for shard, size in enumerate(generator.choices(range(1, 30), k=generator.randrange(1, 12)))
        ]
        begins = [generator.randrange(len(batch)) for batch in batches]
        left = [batch[begin:] for batch, begin in zip(batches, begins, strict=True)]
        results = []
        for core in both_cores:
            moved = list(begins)
            results.append((core.records.merge(batches, moved), moved))
        assert results[0] == results[1], SEED
        ready, moved = results[0]
        assert ready == run_order(*left)[: len(ready)]
        used_up = [begin == len(batch) for batch, begin in zip(batches, moved, strict=True)]
        assert sum(used_up) == 1


def test_merge_refuses_what_has_no_records_left(core):
    with pytest.raises(ValueError, match=r"batch|empty"):
        core.records.merge([], [])


def test_sha256_equals_hashlibs_however_the_bytes_come(core):
    print("seed", SEED)
    generator = random.Random(SEED)
    data = generator.randbytes(4_000)
    sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 1_000, 2_000]
    for _ in range(3_000):
        ours = [core.records.Sha256(), core.records.Sha256()]
        theirs = [hashlib.sha256(), hashlib.sha256()]
        for _ in range(generator.randrange(5)):
            parts = [
                data[at : at + generator.choice([*sizes, generator.randrange(2_000)])]
                for at in generator.choices(range(2_000), k=2)
            ]
            if generator.random() < 0.7:
                core.records.update_two(ours[0], parts[0], ours[1], memoryview(parts[1]))
            else:
                ours[0].update(bytearray(parts[0]))
                ours[1].update(parts[1])
            for one, part in zip(theirs, parts, strict=True):
                one.update(part)
        # Asking does not end a digest.
        assert ours[0].hexdigest() == ours[0].hexdigest() == theirs[0].hexdigest()
        assert ours[1].hexdigest() == theirs[1].hexdigest()
    one = core.records.Sha256()
    core.records.update_two(one, b"a", one, b"b")
    assert one.hexdigest() == hashlib.sha256(b"ab").hexdigest()


def test_crc32_equals_zlibs_at_every_length_and_alignment(core):
    data = random.Random(SEED).randbytes(2_000)
    for length in [*range(400), 1_000, 1_999]:
        for start in (0, 1, 7):
            assert core.records.crc32(data[start : start + length]) == zlib.crc32(
                data[start : start + length]
            )


def encoder(core):
    return core.records.RecordEncoder(
        layout.HEADER,
        layout.IDX_ENTRY,
        layout.MAGIC,
        layout.CRC_FROM,
        layout.MAX_PAYLOAD,
        layout.FORMAT_VERSION,
    )


def test_both_cores_encode_the_same_bytes(both_cores):
    made = records(300, random.Random(SEED))
    for first, count in ((0, 0), (0, 1), (0, 300), (17, 5)):
        batch = made[first : first + count]
        pure, compiled = (encoder(core).encode(batch, 3, first, 12345) for core in both_cores)
        assert pure == compiled
        frames, entries = pure
        scanned = bytearray(len(entries))
        found = scanner(both_cores[0]).index(frames, 0, len(frames), 3, first, -(2**63), 12345, scanned)
        assert (found.start, found.seq) == (len(frames), first + count)
        assert scanned == entries


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"seq": 1}, "record 1 of 3 is not 0"),
        ({"shard": 4}, "record 0 of 4 is not 0"),
        ({"kind": 256}, "does not fit the format"),
        ({"kind": -1}, "does not fit the format"),
        ({"control": "x"}, "does not fit the format"),
        ({"flags": None}, "does not fit the format"),
        ({"conn": 2**32}, "does not fit the format"),
        ({"rx_mono_ns": 2**63}, "does not fit the format"),
        ({"rx_wall_ns_utc": -(2**63) - 1}, "does not fit the format"),
        ({"payload": bytes(layout.MAX_PAYLOAD + 1)}, "longer than"),
    ],
)
def test_what_does_not_fit_the_format_is_not_encoded(core, change, refusal):
    record = Record(3, 0, 1, 0, 0, 1, 5, 6, b"{}")._replace(**change)
    with pytest.raises(ValueError, match=refusal):
        encoder(core).encode([record], 3, 0, 0)


def digests(core, paths, sizes, stop=0):
    files = [(os.open(path, os.O_RDONLY), size) for path, size in zip(paths, sizes, strict=True)]
    found = core.records.file_digests(files, bytearray([stop]))
    for fd, _size in files:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    return found


def test_digests_of_files(core, tmp_path):
    print("seed", SEED)
    generator = random.Random(SEED)
    paths = [tmp_path / "one", tmp_path / "two"]
    for sizes in ((0, 0), (1, 0), (262_144, 262_145), (700_001, 63), (5, 900_000)):
        parts = [generator.randbytes(size) for size in sizes]
        for path, part in zip(paths, parts, strict=True):
            path.write_bytes(part)
        for cut in (0, 1, 100_000_000):  # as many bytes as asked for, or as the file has
            wanted = [len(part) - cut if cut == 1 and part else len(part) + cut // 2 for part in parts]
            expected = [
                hashlib.sha256(part[:size]).hexdigest() for part, size in zip(parts, wanted, strict=True)
            ]
            assert digests(core, paths, wanted) == expected
            assert digests(core, paths[:1], wanted[:1]) == expected[:1]
    assert digests(core, paths, [5, 5], stop=1) == [hashlib.sha256().hexdigest()] * 2
