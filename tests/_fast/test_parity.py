"""parity_mutation: both cores are fed the same mutated frames; nothing may differ."""

import json
import random
import re

import pytest
from support.frames import A, B, book, change, encode, trade
from support.state import plain, visible

SEED = 20261123
RUN_FRAMES = 50
TOKENS = [
    *(bytes([byte]) for byte in b'"{}[]:,0159.-\\ \n\t\x00\x1f\x7f|'),
    *(b"e5", b"null", b"true", b"NaN", b"1e400", b"-0", b"\\u0041", b"\\ud800", b"\xff", b"\xc3\xa9"),
    *(b'"price"', b'"size"', b'"side"', b'"BUY"', b'"SELL"', b'""', b'"asset_id"', b'"market"', b'"hash"'),
    *(b'"event_type":"book"', b'"event_type":"last_trade_price"', b'"bids":[]', b'"asks":null', b"{}"),
    *(b"9" * 20, b"0.1234567", b".5", b"1.", b"0.000001", b"9000000000", b"[]", b"[[", b'"timestamp":"1"'),
]


def synthetic_frames():
    tick = {"event_type": "tick_size_change", "asset_id": A, "new_tick_size": "0.001", "timestamp": "1"}
    resolved = {
        "event_type": "market_resolved",
        "market": "0xabc",
        "assets_ids": [A, B],
        "winning_asset_id": A,
        "timestamp": "1",
    }
    old_form = {
        "event_type": "price_change",
        "asset_id": A,
        "changes": [{"price": "0.3", "side": "BUY", "size": "4"}],
        "timestamp": "9",
    }
    compact = [
        book(),
        book(B, bids=[(f"0.{number}", "5") for number in range(10, 40)], tick_size="0.01"),
        change((A, "BUY", "0.41", "1"), (B, "SELL", "0.44", "2.25")),
        trade(),
        encode(tick),
        encode(resolved),
        encode(old_form),
    ]
    spaced = [json.dumps(json.loads(frame)).encode() for frame in compact]
    return [*compact, *spaced, b"[" + b",".join(compact[:4]) + b"]\n", b"PONG", b"[]\n"]


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


def mutated(frame, frames, generator):
    data = bytearray(frame)
    for _ in range(generator.randint(1, 3)):
        kind = generator.randrange(6)
        at = generator.randrange(len(data) + 1)
        if kind == 0 and at < len(data):
            data[at] = generator.randrange(256)
        elif kind == 1:
            data[at:at] = generator.choice(TOKENS)
        elif kind == 2:
            del data[at : at + generator.randint(1, 8)]
        elif kind == 3:
            data[at:at] = data[generator.randrange(len(data) + 1) :][: generator.randint(1, 60)]
        elif kind == 4:
            texts = list(re.finditer(rb'"[^"]*"', bytes(data)))
            if texts:
                old = generator.choice(texts)
                data[old.start() : old.end()] = generator.choice([*TOKENS, generator.choice(texts).group()])
        else:
            data += generator.choice(frames)[: generator.randint(0, 80)]
    return bytes(data)


def act(stores, asset_ids, generator, stamp, seq):
    """Do the same to both stores' ownership or continuity; return the events of both."""
    tokens = generator.sample(asset_ids, min(2, len(asset_ids)))
    conn = generator.choice([1, 2])
    action = generator.randrange(5)
    answers = []
    for store in stores:
        if action == 0:
            answers.append(plain(store.gap(tokens, stamp, seq)))
            continue
        if action == 1:
            store.own(tokens, conn)
        elif action == 2:
            store.release(conn)
        elif action == 3:
            store.handover(tokens, conn)
        else:
            store.disown(tokens, conn)
        answers.append([])
    return answers


def compare(cores, frames, count, seed):
    generator = random.Random(seed)
    for first in range(0, count, RUN_FRAMES):
        stores = [core.store.StateStore() for core in cores]
        seq = 0
        history = []
        for stamp in range(first, first + RUN_FRAMES):
            if generator.random() < 0.1:
                pure, compiled = act(stores, stores[0].asset_ids(), generator, stamp, seq)
            else:
                frame = generator.choice(frames)
                if generator.random() < 0.9:
                    frame = mutated(frame, frames, generator)
                conn = generator.choice([1, 1, 1, 2])
                history.append(frame)
                pure, compiled = (plain(store.frame(frame, conn, stamp, seq)) for store in stores)
            assert pure == compiled, (seed, history[-1])
            seq += len(pure)
        assert visible(stores[0]) == visible(stores[1]), (seed, history)


def test_parity_mutation_of_synthetic_frames(both_cores):
    print("seed", SEED)
    compare(both_cores, synthetic_frames(), 40_000, SEED)


def test_parity_mutation_of_usual_frames(both_cores):
    print("seed", SEED)
    compare(both_cores, usual_frames(), 20_000, SEED)


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
def test_parity_mutation_of_real_frames(both_cores, shared_data):
    print("seed", SEED)
    lines = (shared_data / "ws_market_20260927.ndjson").read_bytes().splitlines()
    opening = (shared_data / "ws_opening_20260409.json").read_bytes()
    compare(both_cores, [opening, *filter(None, lines)], 200_000, SEED)


def test_decoded_operations_agree(both_cores):
    print("seed", SEED)
    generator = random.Random(SEED)
    frames = synthetic_frames()
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
