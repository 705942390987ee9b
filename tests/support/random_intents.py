"""Runs with random intents, good and bad; as a program it prints what comes of them on the core in force."""

import random
import sys

from pm_data import _fast
from pm_data._fast.limits_py import OrderLimits
from pm_data.errors import PmDataError
from pm_data.runtime import fees
from pm_data.runtime.entrypoint import intent_line
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.strategy import CancelIntent, MergeIntent, PlaceOrderIntent, SplitIntent, Strategy

from .engine import PAIR, frame, universe
from .frames import A, B, book, change

ONE = 1_000_000
BAD = (None, True, 0, -1, 0.5, 2**63, 2**70, "", "BUY", "é", "a|b", "a\nb", "\r", "\ud800", b"buy", [], A)


class OddText(str):
    """A text that prints as another."""

    def __format__(self, specification):
        return "odd"


class OddOrder(PlaceOrderIntent):
    """A derived order."""


def random_intent(generator):
    """Return an intent, in one of eight with a field that may not be so."""
    token = generator.choice([A, A, B, "unknown"])
    side = generator.choice(["buy", "sell", "".join("buy")])
    size = generator.choice([1, 7, ONE, 3 * ONE, 40 * ONE, 9 * 10**15])
    tag = generator.choice(["", "t", "é"])
    kind = generator.randrange(20)
    if kind < 2:
        made, values = CancelIntent, [token, side, tag]
    elif kind < 4:
        made, values = generator.choice([SplitIntent, MergeIntent]), [token, size, tag]
    else:
        made = OddOrder if kind == 4 else PlaceOrderIntent
        order_type = generator.choice(["limit", "market"])
        price = generator.choice([1, 400_000, 460_000, 999_999, ONE, None if order_type == "market" else 5])
        tif, urgency = generator.choice(["gtc", "ioc"]), generator.choice(["maker", "taker"])
        values = [token, side, price, size, order_type, tif, urgency, tag]
    if not generator.randrange(8):
        values[generator.randrange(len(values))] = generator.choice([*BAD, OddText("buy"), OddText("m")])
    return made(*values)


def random_answer(generator):
    """Return what a callback may: a list mostly, sometimes no intents at all."""
    intents = [random_intent(generator) for _ in range(generator.randrange(5))]
    kind = generator.randrange(400)
    if kind == 0:
        return generator.choice([5, "text", [*intents, None], [("place",)], set()])
    if kind < 40:
        return tuple(intents) if kind % 2 else iter(intents)
    return intents if kind % 4 else None


class Random(Strategy):
    """Asks for anything."""

    def __init__(self, seed):
        super().__init__({})
        self.generator = random.Random(seed)

    def on_top_of_book(self, ctx, event, market_state, portfolio):
        return random_answer(self.generator)

    def on_fill(self, ctx, fill, market_state, portfolio):
        return random_answer(self.generator) if self.generator.randrange(3) == 0 else None


def random_records(generator):
    """Return a pair's universe record and books that move and do not move."""
    records = [universe(PAIR)]
    for _ in range(40):
        bid = generator.choice(["0.40", "0.41", "0.000001"])
        ask = generator.choice(["0.46", "0.47", "0.999999"])
        sizes = [generator.choice(["1", "20", "0.000001"]) for _ in range(2)]
        levels = {"bids": [(bid, sizes[0])], "asks": [(ask, sizes[1])]}
        if generator.randrange(4):
            records.append(frame(book(generator.choice([A, B]), **levels)))
        else:
            sides = ("BUY", bid, sizes[0]), ("SELL", ask, sizes[1])
            records.append(frame(change(*((token, *side) for token in (A, B) for side in sides))))
    return records


def outcome(core, seed):
    """Return all that can be seen of a run with these intents."""
    generator = random.Random(seed)
    limits = OrderLimits(*(generator.choice([0, 0, most]) for most in (4, 60, 50, 2 * ONE, 5 * ONE)))
    terms = SimTerms(
        fees.flat(generator.choice([0, 100])),
        generator.choice([0, 10, 10_000]),
        generator.choice([0, 0, 2 * ONE]),
        generator.random() < 0.7,
        generator.choice([0, 0, 0, 5 * ONE]),
    )
    told = []
    made = Orchestrator(
        {"one": Random(seed), "two": Random(seed + 1)},
        lambda _markets: terms,
        limits=limits,
        on_intent=lambda *passed: told.append(intent_line(*passed)),
        on_fill=lambda fill: told.append(tuple(fill)),
        core=core,
    )
    try:
        made.run(random_records(generator))
        ended = None
    except PmDataError as error:
        ended = type(error).__name__, str(error)
    counts = [list(found.items()) for found in (made.allocator.refused, made.execution.unfilled)]
    return ended, told, made.intents, dict(made.intents_by_strategy), made.fills, counts, made.pnl()


def main():
    """Print the outcomes of the seeds from the first argument to before the second."""
    for seed in range(*map(int, sys.argv[1:])):
        print(ascii(outcome(_fast.load(_fast.CORE), seed)))


if __name__ == "__main__":
    main()
