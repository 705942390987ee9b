"""The receive path's loops: what each does, on both cores, and that the cores agree on anything."""

import random

import pytest

from pm_data.frame import Kind, Record

CHANGE = b'{"market":"0x%d","price_changes":[{"asset_id":"1"}],"timestamp":"%d","event_type":"price_change"}'
BOOK = b'{"event_type":"book","market":"0x1","asset_id":"1","bids":[],"asks":[]}'


def random_payload(rng):
    """Return a usual frame, one a byte away from it, or something else."""
    payload = bytearray(CHANGE % (rng.randrange(3), rng.randrange(10)))
    choice = rng.randrange(5)
    if choice == 0:
        payload[rng.randrange(len(payload))] = rng.randrange(256)
    elif choice == 1:
        payload = payload[rng.randrange(len(payload)) :]
    elif choice == 2:
        payload = payload[: rng.randrange(len(payload) + 1)]
    elif choice == 3:
        payload = bytearray(rng.choice([BOOK, b"", b"PONG", b"{", b"[]", b'"event_type":"price_change"}']))
    return bytes(payload)


def random_frames(rng):
    """Return bytes that are mostly whole texts of a server, with a start and an end inside them."""
    parts = []
    for _ in range(rng.randrange(6)):
        size = rng.choice([0, 1, 125, 126, 127, 300, 66_000])
        wide = 1 if size < 126 else 3 if size < 65_536 else 9
        head = {1: b"", 3: b"\x7e", 9: b"\x7f"}[wide] + size.to_bytes(max(wide - 1, 1), "big")
        first = 0x81 if rng.random() < 0.9 else rng.randrange(256)
        parts.append(bytes([first]) + head + bytes(size))
    data = bytearray(b"".join(parts) + rng.randbytes(rng.randrange(12)))
    if data and rng.random() < 0.3:
        data[rng.randrange(min(len(data), 20))] = rng.randrange(256)
    start = rng.randrange(len(data) + 1) if rng.random() < 0.3 else 0
    return memoryview(data), start, rng.randrange(start, len(data) + 1)


def test_texts_are_cut_up_to_the_first_other_frame(core):
    long = b"\x81\x7e" + (200).to_bytes(2, "big") + bytes(200)
    data = memoryview(b"??\x81\x02ab\x81\x00" + long + b"\x89\x00\x81\x01c")
    ping = len(data) - 5
    assert core.intake.cut_texts(data, 2, len(data)) == ([b"ab", b"", bytes(200)], ping)
    assert core.intake.cut_texts(data, 2, ping - 1) == ([b"ab", b""], 8)
    assert core.intake.cut_texts(data, ping, len(data)) == ([], ping)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", 0),
        (b"\x81", 0),
        (b"\x81\x05", 7),
        (b"\x81\x7e\x01", 0),
        (b"\x81\x7e\x01\x00", 260),
        (b"\x81\x7f" + bytes(7), 0),
        (b"\x81\x7f" + (2**40).to_bytes(8, "big"), 2**40 + 10),
        (b"\x81\x7f" + (2**63 - 11).to_bytes(8, "big"), 2**63 - 1),
        (b"\x81\x7f" + (2**63 - 10).to_bytes(8, "big"), -1),
        (b"\x81\x7f" + (2**64 - 1).to_bytes(8, "big"), -1),
        (b"\x81\x80", -1),
        (b"\x8a\x7d", 127),
        (b"\x8a\x7e\x01\x00", -1),
        (b"\x0a", -1),
        (b"\xc1", -1),
        (b"\x83", -1),
        (b"\x8b", -1),
    ],
)
def test_size_of_a_frame(core, data, size):
    assert core.intake.frame_size(memoryview(data), 0, len(data)) == size


def test_records_are_numbered_and_stamped_on(core):
    records = core.intake.frame_records([b"a", b"", b"a"], 3, 2**40, Kind.BINARY, 7, 2**62, 5)
    assert records == [
        Record(3, 2**40 + at, Kind.BINARY, 0, 0, 7, 2**62 + at, 5, payload)
        for at, payload in enumerate([b"a", b"", b"a"])
    ]
    assert all(type(record) is Record for record in records)


def test_control_records_are_not_counted(core):
    records = [Record(0, at, kind, 0, 0, 1, 1, 1, b"x" * at) for at, kind in enumerate(Kind)]
    assert core.intake.count_frames(records) == (2, 1)
    assert core.intake.count_frames([]) == (0, 0)


def test_records_are_parted_by_shard_and_by_size(core):
    records = [Record(at % 3 // 2, at, Kind.TEXT, 0, 0, 1, 1, 1, bytes(at)) for at in range(7)]
    groups = core.intake.by_shard(records)
    assert groups == {0: [records[at] for at in (0, 1, 3, 4, 6)], 1: [records[2], records[5]]}
    assert core.intake.by_shard([]) == {}
    assert core.intake.parts(records, 3, 100) == [records[:3], records[3:6], records[6:]]
    assert core.intake.parts(records, 9, 3) == [
        records[:3],
        records[3:4],
        records[4:5],
        records[5:6],
        records[6:],
    ]
    assert core.intake.parts([], 3, 3) == [[]]


def test_records_are_numbered_on(core):
    records = [Record(1, at, Kind.BINARY, 0, 2, 3, 4 + at, 5, b"x") for at in range(3)]
    moved = core.intake.numbered_on(records, 2**40)
    assert moved == [record._replace(seq=record.seq + 2**40) for record in records]
    assert [record.seq for record in records] == [0, 1, 2]
    assert all(type(record) is Record for record in moved)


@pytest.mark.parametrize("event_type", ["price_change", "tick_size_change", "best_bid_ask"])
def test_what_ends_in_an_ordinary_type_is_usual(core, event_type):
    tail = f'"event_type":"{event_type}"}}'.encode()
    assert core.intake.unusual([b"{" + tail, b'{"x":1,' + tail]) == []
    odd = [b"", b"{", tail, b"[{" + tail, b" {" + tail, b"{" + tail + b" ", b"{" + tail[:-1], BOOK]
    assert core.intake.unusual(odd) == odd


def test_newest_of_each_market_and_type_is_kept(core):
    def message(market, text, event_type):
        return market.ljust(96) + text + event_type.rjust(24)

    old, new = message(b"m", b"old", b"change"), message(b"m", b"new", b"change")
    other_market, other_type = message(b"n", b"old", b"change"), message(b"m", b"old", b"book")
    newest = {}
    for stamp, payloads in ((10, [old, other_market]), (20, [other_type, old]), (30, [b"", old, new])):
        core.intake.keep_newest(newest, payloads, stamp)
    assert list(newest.values()) == [(10, other_market), (20, other_type), (30, b""), (30, new)]


def test_each_first_byte_of_a_frame_is_taken_alike(both_cores):
    pure, compiled = (core.intake for core in both_cores)
    for first in range(256):
        for second in (0, 125, 126, 127, 128, 255):
            data = memoryview(bytes([first, second, *bytes(8)]))
            assert pure.frame_size(data, 0, 10) == compiled.frame_size(data, 0, 10)
            assert pure.frame_size(data, 0, 1) == compiled.frame_size(data, 0, 1)


def test_cores_agree(both_cores):
    rng = random.Random(seed := random.randrange(2**32))
    pure, compiled = (core.intake for core in both_cores)
    kept = ({}, {})
    for turn in range(2000):
        payloads = [random_payload(rng) for _ in range(rng.randrange(8))]
        assert pure.unusual(payloads) == compiled.unusual(payloads), seed
        window = random_frames(rng)
        assert pure.cut_texts(*window) == compiled.cut_texts(*window), seed
        assert pure.frame_size(*window) == compiled.frame_size(*window), seed
        for core, newest in zip((pure, compiled), kept, strict=True):
            core.keep_newest(newest, payloads, turn)
        assert list(kept[0].items()) == list(kept[1].items()), seed
