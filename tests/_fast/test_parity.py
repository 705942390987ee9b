"""parity_mutation: both cores are fed the same mutated frames; nothing may differ."""

import random
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


@pytest.mark.parametrize("count", [40_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_parity_mutation_of_sample_frames(both_cores, count):
    print("seed", SEED)
    assert compare(both_cores, sample_frames(), count, random.Random(SEED)) is None


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
