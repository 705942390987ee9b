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


def test_records_are_numbered_and_stamped_on(core):
    queue = [Record(9, 9, 9, 9, 9, 9, 9, 9, b"before")]
    core.intake.append_frames(queue, [b"a", b"", b"a"], 3, 2**40, Kind.BINARY, 7, 2**62, 5)
    assert queue[1:] == [
        Record(3, 2**40 + at, Kind.BINARY, 0, 0, 7, 2**62 + at, 5, payload)
        for at, payload in enumerate([b"a", b"", b"a"])
    ]
    assert all(type(record) is Record for record in queue)


def test_control_records_are_not_counted(core):
    records = [Record(0, at, kind, 0, 0, 1, 1, 1, b"x" * at) for at, kind in enumerate(Kind)]
    assert core.intake.count_frames(records) == (2, 1)
    assert core.intake.count_frames([]) == (0, 0)


@pytest.mark.parametrize("event_type", ["price_change", "tick_size_change", "best_bid_ask"])
def test_what_ends_in_an_ordinary_type_is_usual(core, event_type):
    tail = f'"event_type":"{event_type}"}}'.encode()
    assert core.intake.unusual([b"{" + tail, b'{"x":1,' + tail]) == []
    odd = [b"", b"{", tail, b"[{" + tail, b" {" + tail, b"{" + tail + b" ", b"{" + tail[:-1], BOOK]
    assert core.intake.unusual(odd) == odd


def test_newest_of_each_market_and_type_comes_first(core):
    def message(market, text, event_type):
        return market.ljust(96) + text + event_type.rjust(24)

    old, new = message(b"m", b"old", b"change"), message(b"m", b"new", b"change")
    other_market, other_type = message(b"n", b"old", b"change"), message(b"m", b"old", b"book")
    reads = [(10, [old, other_market]), (20, [other_type, old]), (30, [b"", old, new])]
    assert core.intake.newest_of_each(reads) == [(30, new), (30, b""), (20, other_type), (10, other_market)]
    assert core.intake.newest_of_each([]) == []


def test_cores_agree(both_cores):
    rng = random.Random(seed := random.randrange(2**32))
    pure, compiled = (core.intake for core in both_cores)
    for _ in range(2000):
        payloads = [random_payload(rng) for _ in range(rng.randrange(8))]
        assert pure.unusual(payloads) == compiled.unusual(payloads), seed
        reads = [(stamp, payloads[:stamp]) for stamp in range(rng.randrange(8))]
        assert pure.newest_of_each(reads) == compiled.newest_of_each(reads), seed
