"""Limits on orders: each has its reason, and what it refuses is no intent."""

import pytest
from support.engine import ONE, PAIR, Script, engine, frame, taker, universe
from support.frames import A, B, book

from pm_data._fast.limits_py import OrderLimits
from pm_data.strategy import CancelIntent, MergeIntent, PlaceOrderIntent, SplitIntent


def run(core, limits, *scripts, records=None):
    made = engine(core, limits=OrderLimits(**limits))(**dict(zip("abc", scripts, strict=False)))
    made.run(records or [frame(book(A)), frame(book(B))])
    return made


def test_orders_per_event_are_those_of_all_strategies(core):
    scripts = [Script([taker()] * 2, [taker()] * 2) for _ in range(2)]
    made = run(core, {"orders_per_event": 3}, *scripts)
    assert (made.intents_by_strategy, made.allocator.refused) == ({"a": 4, "b": 2}, {"event_limit": 2})


def test_orders_of_a_fills_rounds_belong_to_its_event(core):
    class Again(Script):
        def on_fill(self, ctx, fill, market_state, portfolio):
            return [taker(size=1)]

    made = run(core, {"orders_per_event": 5}, Again([taker(size=1)], [taker(size=1)]))
    assert (made.intents, made.allocator.refused) == (10, {"event_limit": 2})


def test_orders_per_strategy(core):
    scripts = [Script([taker()] * 2, [taker()] * 2) for _ in range(2)]
    made = run(core, {"orders_per_strategy": 3}, *scripts)
    assert (made.intents_by_strategy, made.allocator.refused) == ({"a": 3, "b": 3}, {"strategy_limit": 2})


def test_orders_per_market(core):
    made = run(core, {"orders_per_market": 1}, Script([taker(A), taker(A), taker(B)], [taker(B)]))
    assert (made.intents, made.allocator.refused) == (2, {"market_limit": 2})


def test_cancels_always_pass(core):
    made = run(core, {"orders_per_event": 1}, Script([taker(), *[CancelIntent(A, "buy")] * 5]))
    assert (made.intents, made.allocator.refused) == (6, {})


@pytest.mark.parametrize(
    ("intent", "refused"),
    [
        (PlaceOrderIntent(A, "buy", 500_000, 2 * ONE), 0),
        (PlaceOrderIntent(A, "buy", 500_001, 2 * ONE), 1),
        (taker(size=ONE), 0),
        (taker(size=ONE + 1), 1),
        (SplitIntent(A, ONE + 1), 1),
    ],
)
def test_notional_of_one_order(core, intent, refused):
    made = run(core, {"notional_e6": ONE}, Script([intent]))
    assert made.allocator.refused == ({"notional_limit": 1} if refused else {})


def test_a_position_may_not_grow_past_its_limit(core):
    orders = [taker(size=2 * ONE), taker(size=ONE), taker(size=1), taker(B, size=3 * ONE)]
    made = run(
        core, {"position_e6": 3 * ONE}, Script(orders, [taker(size=1), taker(side="sell", size=7 * ONE)])
    )
    assert made.ledger.position(A) == 3 * ONE
    assert made.allocator.refused == {"position_limit": 3}


def test_a_position_past_its_limit_may_shrink(core):
    """Orders at one event count as if each filled, whichever side they are on."""
    script = Script(
        [taker(size=3 * ONE)], [taker(side="sell", size=5 * ONE), taker(side="sell", size=2 * ONE)]
    )
    made = run(core, {"position_e6": 3 * ONE}, script)
    assert made.ledger.position(A) == -2 * ONE
    assert made.allocator.refused == {"position_limit": 1}


def test_a_split_counts_on_both_tokens(core):
    orders = [SplitIntent(A, 2 * ONE), taker(B, size=ONE), SplitIntent(A, ONE), MergeIntent(A, ONE)]
    made = run(core, {"position_e6": 2 * ONE}, Script(orders), records=[universe(PAIR), frame(book(A))])
    assert made.allocator.refused == {"position_limit": 2}
    assert (made.ledger.position(A), made.ledger.position(B)) == (ONE, ONE)
