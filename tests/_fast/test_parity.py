"""parity_mutation: both cores are fed the same mutated frames; nothing may differ."""

import json
import random
import re
from types import SimpleNamespace

import pytest
from support.frames import book
from support.mutants import mutated
from support.parity import compare
from support.samples import sample_frames
from support.state import plain, visible

SEED = 20261123
MESSAGE_TYPES = {"book", "price_change", "last_trade_price", "tick_size_change", "best_bid_ask"}
MESSAGE_TYPES |= {"new_market", "market_resolved"}


def usual_frames():
    """Frames of the venue's own lengths, key order and both its ways of spacing: what the templates read."""
    market = "0x" + "5b7e" * 16
    one, other = "3" * 39 + "7" * 38, "1" + "04" * 38
    entry = {"asset_id": one, "price": "0.002", "size": "319637.93", "side": "SELL", "hash": "18" * 20}
    entry |= {"best_bid": "0.001", "best_ask": "0.002"}
    mirror = entry | {"asset_id": other, "price": "0.998", "size": "5", "side": "BUY", "hash": "ef" * 20}
    change = {"market": market, "price_changes": [entry, mirror], "timestamp": "1790491136945"}
    change |= {"event_type": "price_change"}
    swapped = change | {"price_changes": [mirror, entry]}
    third = change | {"price_changes": [entry, mirror | {"asset_id": "9" * 76}, mirror]}
    levels = [{"price": f"0.{number}", "size": f"{number}5.5"} for number in range(10, 20)]
    opening = {"market": market, "asset_id": one, "timestamp": "1790491136945", "hash": "ab" * 20}
    opening |= {"bids": levels, "asks": levels[::-1], "tick_size": "0.01", "event_type": "book"}
    new_market = {
        "id": "502000",
        "question": "Køb 日本 🎾?",
        "market": market,
        "assets_ids": [one, other],
        "event_message": {"id": "502000", "title": ""},
        "timestamp": "1790491136945",
        "event_type": "new_market",
        "active": True,
        "line": -1.5e-3,
        "tags": [],
    }
    messages = [opening, opening | {"asset_id": other}, change, swapped, third, new_market]
    separators = [(",", ":"), (", ", ":"), (", ", ": ")]
    return [
        json.dumps(message, separators=pair, ensure_ascii=False).encode()
        for message in messages
        for pair in separators
    ]


@pytest.mark.parametrize("count", [40_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_parity_mutation_of_sample_frames(both_cores, count):
    print("seed", SEED)
    assert compare(both_cores, sample_frames(), count, random.Random(SEED)) is None


def test_parity_mutation_of_usual_frames(both_cores):
    print("seed", SEED)
    assert compare(both_cores, usual_frames(), 20_000, random.Random(SEED)) is None


def test_usual_frames_cut_at_every_byte(both_cores):
    """The templates look ahead by words of 8 and 16 bytes; no end of a frame may fool them."""
    stores = [core.store.StateStore() for core in both_cores]
    for frame in usual_frames():
        for end in range(len(frame) + 1):
            for payload in (frame[:end], frame[:end] + b"}"):
                pure, compiled = (plain(store.frame(payload, 1, end, end)) for store in stores)
                assert pure == compiled, payload
    assert visible(stores[0]) == visible(stores[1])


NUMBERS = [
    *(
        "0",
        "1",
        "00",
        "0.5",
        ".5",
        "5.",
        ".",
        "",
        "0.",
        "0.000001",
        "0.0000001",
        "1.000000",
        "0000001",
        "1.0000000",
    ),
    *("12345.6", "123456.7", "1234567", "12345678", "1234567.8", "12345678.9", "999999999.99", "9000000000"),
    *(
        "9000000000.000001",
        "9999999999",
        "10000000000",
        "0.12.3",
        "1..2",
        "..",
        "1,5",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1e3",
    ),
    *("0x1", "١", "1_0", "0.99999", "0.999999", "0.9999999", ".000001", ".0000001", "00000.1", "1.", "01.10"),
]


def test_numbers_of_every_length(both_cores):
    """In a price, in a size, in an entry, in a level: the same text is the same number, or none."""
    stores = [core.store.StateStore() for core in both_cores]
    seq = 0
    for frame in usual_frames()[:9]:
        for old in re.findall(rb'"(?:price|size)": ?"[^"]*"', frame)[:6]:
            for number in NUMBERS:
                new = old[: old.index(b":") + 1] + json.dumps(number, ensure_ascii=False).encode()
                payload = frame.replace(old, new)
                pure, compiled = (plain(store.frame(payload, 1, seq, seq)) for store in stores)
                assert pure == compiled, payload
                seq += len(pure)
    assert visible(stores[0]) == visible(stores[1])


@pytest.mark.long
def test_parity_mutation_of_recorded_frames(both_cores, shared_data):
    print("seed", SEED)
    lines = (shared_data / "ws_market_20260927.ndjson").read_bytes().splitlines()
    opening = (shared_data / "ws_opening_20260409.json").read_bytes()
    frames = [opening, *filter(None, lines), *sample_frames()]
    assert compare(both_cores, frames, 200_000, random.Random(SEED)) is None


def test_mutants_keep_and_break_every_type(core):
    """The mutants are worth something: each type is decoded, each class and counter is met."""
    print("seed", SEED)
    generator = random.Random(SEED)
    frames = sample_frames()
    decoder = core.decode.Decoder()
    for _ in range(10_000):
        decoder.decode(mutated(generator.choice(frames), frames, generator))
    assert decoder.names["types"].keys() == MESSAGE_TYPES
    assert [name for name, count in decoder.counters.items() if count < 10] == []


def test_a_difference_is_found_and_made_small(both_cores):
    """A store that reads some sizes wrongly differs from one that does not; a frame or two show it."""
    pure = both_cores[0]

    class Misread(pure.store.StateStore):
        def frame(self, payload, conn, ts_recv, seq):
            misread = payload.replace(b"2.25", b"2.26") if b"SELL" in payload else payload
            return super().frame(misread, conn, ts_recv, seq)

    other = SimpleNamespace(store=SimpleNamespace(StateStore=Misread))
    steps, words = compare((pure, other), sample_frames(), 20_000, random.Random(SEED))
    frames = [step for step in steps if step[0] == "frame"]
    assert len(frames) <= 2
    assert b"2.25" in frames[-1][1]
    assert "2.26" in words or "2260000" in words


def test_decoded_operations_agree(both_cores):
    print("seed", SEED)
    generator = random.Random(SEED)
    frames = sample_frames()
    pure, compiled = (core.decode.Decoder() for core in both_cores)
    for _ in range(10_000):
        frame = mutated(generator.choice(frames), frames, generator)
        assert pure.decode(frame) == compiled.decode(frame), (SEED, frame)
    assert (pure.counters, pure.names, pure.samples) == (
        compiled.counters,
        compiled.names,
        compiled.samples,
    )


def test_many_tokens(both_cores):
    """The intern table of the compiled core grows several times."""
    stores = [core.store.StateStore() for core in both_cores]
    for number in range(5_000):
        frame = book(str(number) * 7)
        assert plain(stores[0].frame(frame, 1, number, number)) == plain(
            stores[1].frame(frame, 1, number, number)
        )
    assert visible(stores[0]) == visible(stores[1])
