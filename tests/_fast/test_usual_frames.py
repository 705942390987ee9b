"""The pure core's short cut for usual frames says what the general decoder says, of every frame."""

import json
import random

import pytest
from support.mutants import mutated
from support.samples import (
    STYLES,
    entry,
    in_styles,
    opening_book,
    price_change,
    sample_frames,
    usual_messages,
)

from pm_data._fast import usual_frames
from pm_data._fast.decode_py import Decoder, GeneralDecoder
from pm_data._fast.usual_frames import UsualFrames

SEED = 20261125
ODD_BYTES = b'\x00\x1f \n"\\,:[]{}.0/a\x7f\x80\xff'


def assert_same(frames):
    """Decode frames with and without the short cut."""
    short, general = Decoder(), GeneralDecoder()
    for frame in frames:
        assert short.decode(frame) == general.decode(frame), (SEED, frame)
    assert (short.counters, short.names, short.samples) == (general.counters, general.names, general.samples)


@pytest.mark.parametrize("message", usual_messages(), ids=range(len(usual_messages())))
def test_the_venues_styles_take_the_short_cut(message):
    for style in STYLES[:2]:
        text = json.dumps(message, separators=style)
        if isinstance(message, list):
            text = text.replace('}, {"market', '},{"market')
        types = {}
        assert UsualFrames(types).read(text) == GeneralDecoder().decode(text.encode())
        assert sum(types.values()) == (len(message) if isinstance(message, list) else 1)


def test_recorded_frames_take_the_short_cut(shared_data):
    lines = (shared_data / "ws_market_20260927.ndjson").read_bytes().splitlines()
    frames = [*filter(None, lines), (shared_data / "ws_opening_20260409.json").read_bytes()]
    taken = [UsualFrames({}).read(frame.decode().strip()) is not None for frame in frames]
    assert (len(taken), sum(taken)) == (61, 61)
    assert_same(frames)


def test_mutants():
    print("seed", SEED)
    generator = random.Random(SEED)
    usual, frames = in_styles(usual_messages()), sample_frames()
    assert_same(mutated(generator.choice(usual), frames, generator) for _ in range(20_000))


@pytest.mark.long
def test_mutants_of_recorded_frames(shared_data):
    print("seed", SEED)
    generator = random.Random(SEED)
    frames = (shared_data / "ws_market_20260927.ndjson").read_bytes().splitlines()
    assert_same(mutated(generator.choice(frames), frames, generator) for _ in range(100_000))


def neighbours(frame, odd_bytes):
    """Yield a frame with each byte gone, replaced, and pushed aside by each odd one, and cut at each."""
    for at in range(len(frame) + 1):
        yield frame[:at]
        yield frame[:at] + frame[at + 1 :]
        for odd in odd_bytes:
            yield frame[:at] + bytes([odd]) + frame[at + 1 :]
            yield frame[:at] + bytes([odd]) + frame[at:]


@pytest.mark.parametrize(
    "odd_bytes", [ODD_BYTES, pytest.param(bytes(range(256)), marks=pytest.mark.long)], ids=["odd", "every"]
)
def test_every_byte_next_to_a_usual_frame(odd_bytes):
    level = {"bids": [("0.3", "5")], "asks": [("0.4", "1"), ("0.5", "1")]}
    messages = [price_change(entry("1", "BUY", "0.4", "1")), [opening_book("1", **level)]]
    for message in messages:
        assert_same(neighbours(json.dumps(message, separators=STYLES[0]).encode(), odd_bytes))


def test_numbers_that_are_not_usual():
    prices = ["0", "1", "1.000001", ".5", "5.", ".", "", "0.1234567", "0.5000000", "1.2.3", "9" * 19]
    sizes = [*prices, "9000000000", "9000000000.000001", "9" * 18, "0" * 30]
    assert_same(
        json.dumps(price_change(entry("1", "SELL", price, size)), separators=style).encode()
        for price in prices
        for size in sizes
        for style in STYLES
    )


def test_timestamps_that_do_not_fit():
    frame = json.dumps(usual_messages()[0]).encode()
    stamps = [b"", b"0", b"9" * 12, b"8" + b"9" * 12, b"9223372036854", b"9223372036855", b"9" * 15]
    assert_same(frame.replace(b"1001", stamp) for stamp in stamps)


def test_a_full_table_of_numbers_is_emptied(monkeypatch):
    monkeypatch.setattr(usual_frames, "_MAX_TEXTS", 3)
    decoder = Decoder()
    for size in range(10):
        text = json.dumps(price_change(entry("1", "BUY", "0.5", str(size))), separators=STYLES[0])
        assert decoder.decode(text.encode())[0].size_e6 == size * 1_000_000
        assert len(decoder._usual._sizes) <= 3
