"""Checkpoints, and the first line at which two runs part."""

import hashlib
import random

import pytest
from support.engine import ONE, Script, engine, frame, taker, watchers_of
from support.frames import A, B, book, trade

from pm_data.runtime.checkpoints import Checkpoint, Trail, fill_line
from pm_data.runtime.comparison import Difference, differ, find_difference
from pm_data.runtime.entrypoint import intent_line
from pm_data.strategy import CancelIntent, Fill, Strategy

SEED = 20261125


def run_of(core, strategy, records, size=ONE):
    """Return a run that may be run again, its strategy made anew each time."""

    def run(trail):
        made = engine(core, fee_bps=100, watchers=watchers_of(trail, core))(s=strategy(size))
        made.run(records)
        trail.end(made.canonical_events)

    return run


class Every(Strategy):
    """Takes a little of A at each trade, and says when it starts, ticks and stops."""

    timer_period_ns = 7

    def __init__(self, size):
        super().__init__({})
        self.size = size

    def on_start(self, ctx, portfolio):
        return [CancelIntent(A, "buy", "start")]

    def on_trade(self, ctx, event, market_state, portfolio):
        return [taker(size=self.size if event.seq > 2_500 else 1)]

    def on_timer(self, ctx, due_ns, portfolio):
        return [CancelIntent(A, "buy", "tick")]

    def on_stop(self, ctx, portfolio):
        return [CancelIntent(A, "buy", "stop")]


def records(count, odd=None):
    prices = ["0.47" if number == odd else "0.46" for number in range(count)]
    trades = [frame(trade(price=price), stamp=number) for number, price in enumerate(prices)]
    return [frame(book(asks=[("0.46", "1000000")]), stamp=0), *trades[1:]]


def test_equal_runs_have_no_difference(core):
    assert find_difference(run_of(core, Every, records(3000)), run_of(core, Every, records(3000))) is None


@pytest.mark.parametrize("odd", [1, 998, 999, 1000, 1001, 2999])
def test_the_first_event_is_named(core, odd):
    found = find_difference(run_of(core, Every, records(3000)), run_of(core, Every, records(3000, odd)))
    assert found.after_seq < found.seq == odd + 1 <= found.up_to_seq
    assert (found.stream, found.streams) == ("events", ("events",))
    assert found.a == f"{odd + 1}|trade|{A}|buy|460000|5000000|1002000000|{odd}"
    assert found.b == f"{odd + 1}|trade|{A}|buy|470000|5000000|1002000000|{odd}"


def test_the_first_intent_is_named_and_its_fill_differs_too(core):
    a, b = (run_of(core, Every, records(3000), size) for size in (1, 2))
    found = find_difference(a, b)
    assert found == Difference(
        2000,
        3000,
        ("intents", "fills"),
        2501,
        "intents",
        f"2501|s|place|{A}|buy||1|ioc|taker|",
        f"2501|s|place|{A}|buy||2|ioc|taker|",
    )


def test_a_run_that_ends_early_parts_at_the_next_line(core):
    found = find_difference(run_of(core, Every, records(1500)), run_of(core, Every, records(2600)))
    assert (found.after_seq, found.seq, found.stream) == (1000, 1500, "intents")
    assert (found.a, found.b) == (
        f"1500|s|cancel|{A}|buy|||||stop",
        f"1501|trade|{A}|buy|460000|5000000|1002000000|1500",
    )


def test_a_fill_alone_may_differ(core):
    def run(price):
        def follow(trail):
            lines = trail.start(intent_line)
            lines.intent(1, "s", taker(size=5))
            lines.fill(Fill("s", A, "buy", price, 5, 1, 1, "t"))
            trail.end(1)

        return follow

    found = find_difference(run(460_000), run(460_001))
    assert (found.stream, found.streams, found.seq) == ("fills", ("fills",), 1)
    assert found.a == f"1|s|{A}|buy|460000|5|1|t"


def test_a_strategy_that_is_not_deterministic_is_found(core):
    print("seed", SEED)
    generator = random.Random(SEED)
    coin = run_of(core, lambda _size: Script([taker(size=generator.randrange(1, ONE))]), records(2))
    assert find_difference(coin, coin).stream == "intents"


def test_checkpoints_are_the_hashes_of_the_lines_so_far(core):
    lines = {"events": [], "intents": [], "fills": []}
    marks = []
    trail = Trail(2, marks.append, lambda seq, stream, line: lines[stream].append((seq, line)))
    script = Script([taker(), CancelIntent(A, "buy")], [taker(B)], [taker()])
    made = engine(core, watchers=watchers_of(trail, core))(s=script)
    made.run([frame(book(A)), frame(book(B)), frame(book(A, bids=[])), frame(trade(A)), frame(trade(A))])
    last = trail.end(5)
    assert [mark.seq for mark in marks] == [2, 4, 5]
    assert marks[-1] == last
    for mark in marks:
        expected = [
            hashlib.sha256("".join(line for seq, line in found if seq <= mark.seq).encode()).hexdigest()
            for found in lines.values()
        ]
        assert mark == Checkpoint(mark.seq, *expected)
    assert [len(found) for found in lines.values()] == [5, 4, 3]


def test_checkpoints_of_runs_of_different_length():
    one, two, other = (Checkpoint(seq, "e", "i", "f") for seq in (10, 20, 25))
    assert differ([one, two], [one, two]) is None
    assert differ([], []) is None
    longer = other._replace(events="e2")
    assert differ([one, two], [one, two, longer]) == Difference(20, 25, ("events",))
    assert differ([one, two, longer], [one, two]) == Difference(20, 25, ("events",))


def test_the_fill_line():
    assert fill_line(Fill("s", "m", "sell", 1, 2, 3, 4, "t")) == "4|s|m|sell|1|2|3|t\n"
