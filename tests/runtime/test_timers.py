"""Timers fire on event time: at the first event + k × period, once, before the event that reaches it."""

import random

import pytest
from support.engine import ONE, Script, control, engine, frame, taker
from support.frames import A, B, book

from pm_data.errors import StrategyError
from pm_data.frame import Control
from pm_data.runtime.timers import Timers
from pm_data.strategy import Strategy

SEED = 20261125


class Ticker(Strategy):
    """Notes when it was called."""

    def __init__(self, period_ns, answer=None):
        super().__init__({})
        self.timer_period_ns = period_ns
        self.seen = []
        self.answer = answer

    def on_timer(self, ctx, due_ns, portfolio):
        self.seen.append((ctx.seq, ctx.ts_recv, due_ns))
        return self.answer

    def on_top_of_book(self, ctx, event, market_state, portfolio):
        self.seen.append((event.seq, "book"))


def books(*stamps):
    return [frame(book(bids=[("0.1", str(number + 1))]), stamp=stamp) for number, stamp in enumerate(stamps)]


def test_a_timer_fires_before_the_event_that_reaches_it_and_once_after_a_pause(core):
    ticker = Ticker(100)
    engine(core)(t=ticker).run(books(1000, 1099, 1100, 1150, 1420, 1500))
    assert ticker.seen == [
        (1, "book"),
        (2, "book"),
        *((3, 1100, 1100), (3, "book")),
        (4, "book"),
        *((5, 1420, 1400), (5, "book")),
        *((6, 1500, 1500), (6, "book")),
    ]


def test_records_without_an_event_move_no_timer(core):
    ticker = Ticker(100)
    quiet = [frame(b"PONG", stamp=2000), frame(b"[]", stamp=3000)]
    engine(core)(t=ticker).run([*quiet, *books(5000), *quiet, *books(5099)])
    assert ticker.seen == [(1, "book")]


def test_a_timers_intents_carry_the_event_and_fill_against_its_book(core):
    lines = []
    ticker = Ticker(10, [taker(size=50 * ONE)])
    watchers = {"on_intent": lambda seq, strategy_id, _intent: lines.append((seq, strategy_id))}
    made = engine(core, watchers=watchers)(t=ticker)
    made.run([*books(100), frame(book(asks=[("0.30", "7")]), stamp=110)])
    assert lines == [(2, "t")]
    assert made.ledger.position(A) == 7 * ONE
    assert made.execution.unfilled == {}


def test_timers_of_one_moment_fire_in_the_order_of_their_names(core):
    order = []

    class Named(Ticker):
        def on_timer(self, ctx, due_ns, portfolio):
            order.append((ctx.strategy_id, due_ns))

    made = engine(core)(b=Named(50), a=Named(100), c=Script())
    made.run(books(0, 50, 100))
    assert order == [("b", 50), ("a", 100), ("b", 100)]


def test_the_period_may_be_set_in_on_start(core):
    class Late(Ticker):
        def on_start(self, ctx, portfolio):
            self.timer_period_ns = 5

    late = Late(0)
    engine(core)(t=late).run(books(0, 5))
    assert (2, 5, 5) in late.seen


def test_status_events_move_timers_too(core):
    ticker = Ticker(1)
    made = engine(core)(t=ticker)
    made.run([frame(book()), frame(book(B)), control(Control.GAP, tokens=[A, B])])
    assert [seen[0] for seen in ticker.seen if seen[1] != "book"] == [2, 3]


@pytest.mark.parametrize("period", [0, -1, 1.5, True, None])
def test_a_timer_without_a_period_is_an_error(core, period):
    with pytest.raises(StrategyError, match="strategy t: timer_period_ns is"):
        engine(core)(t=Ticker(period)).run(books(1))


def test_due_times_equal_a_walk_through_time():
    print("seed", SEED)
    generator = random.Random(SEED)
    for _ in range(300):
        periods = {name: generator.randrange(1, 40) for name in "ab"}
        first = generator.randrange(-50, 50)
        stamps = sorted(generator.randrange(first, first + 500) for _ in range(40))
        timers = Timers()
        timers.start(periods)
        found, expected = [], []
        latest = dict.fromkeys(periods, first)
        for stamp in [first, *stamps]:
            if stamp >= timers.next_ns:
                found += [(stamp, *due) for due in timers.take(stamp)]
            for name, period in periods.items():
                due = max(moment for moment in range(first, stamp + 1, period))
                if due > latest[name]:
                    expected.append((stamp, name, due))
                    latest[name] = due
        assert found == expected
