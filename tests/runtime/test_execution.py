"""Simulated fills: each rule of when, how much and at what price, on both cores."""

import pytest
from support.engine import ONE, PAIR, Script, control, engine, frame, taker, universe
from support.frames import A, B, book, change, encode

from pm_data.errors import UsageError
from pm_data.frame import Control
from pm_data.runtime import fees
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.strategy import CancelIntent, MergeIntent, PlaceOrderIntent, SplitIntent, Strategy

RESOLVED = encode({"event_type": "market_resolved", "assets_ids": [A, B], "winning_asset_id": A})


def run(make, script, *records):
    made = make(s=script)
    made.run(records)
    return made


def test_a_maker_and_a_cancel_are_acknowledged_and_do_not_fill(core):
    quote = PlaceOrderIntent(A, "buy", 990_000, ONE)
    made = run(engine(core), Script([quote, CancelIntent(A, "buy")]), frame(book()))
    assert (made.execution.desk.acks, made.fills, made.execution.unfilled) == (2, 0, {"maker": 1})


@pytest.mark.parametrize(
    ("slippage_bps", "buy", "sell"),
    [(0, 333_333, 111_111), (1, 333_367, 111_099), (10, 333_667, 110_999), (10_000, 666_666, 0)],
)
def test_slippage_is_rounded_against_the_trader(core, slippage_bps, buy, sell):
    script = Script([taker(), taker(side="sell")])
    run(
        engine(core, slippage_bps=slippage_bps),
        script,
        frame(book(bids=[("0.111111", "5")], asks=[("0.333333", "5")])),
    )
    assert [fill[2] for fill in script.fills] == [buy, sell]


@pytest.mark.parametrize(("price", "slippage_bps"), [("0.9999", 10), ("1", 10_000), ("0.5", 10_000)])
def test_a_price_never_leaves_0_to_1(core, price, slippage_bps):
    script = Script([taker(), taker(side="sell")])
    levels = {"bids": [(price, "5")], "asks": [(price, "5")]}
    run(engine(core, slippage_bps=slippage_bps), script, frame(book(**levels)))
    assert script.fills[0][2] == ONE
    assert 0 <= script.fills[1][2] < ONE


@pytest.mark.parametrize(
    ("side", "limit", "filled"),
    [("buy", 460_460, 1), ("buy", 460_459, 0), ("sell", 399_600, 1), ("sell", 399_601, 0)],
)
def test_no_fill_where_the_worsened_price_passes_the_limit(core, side, limit, filled):
    script = Script([taker(side=side, price=limit)])
    made = run(engine(core, slippage_bps=10), script, frame(book()))
    assert len(script.fills) == made.fills == filled
    assert made.execution.unfilled == ({} if filled else {"past_limit": 1})


def test_a_market_orders_price_does_not_limit_it(core):
    script = Script([PlaceOrderIntent(A, "buy", 1, ONE, "market", "ioc", "taker")])
    run(engine(core), script, frame(book()))
    assert script.fills == [(A, "buy", 460_000, ONE, 0)]


def test_the_cap_holds_for_each_intent(core):
    script = Script([taker(size=9 * ONE), taker(size=2 * ONE)])
    run(engine(core, max_fill_size_e6=3 * ONE), script, frame(book()))
    assert [fill[3] for fill in script.fills] == [3 * ONE, 2 * ONE]


def test_what_two_strategies_take_is_taken_once(core):
    made = engine(core)(a=Script([taker(size=15 * ONE)]), b=Script([taker(size=15 * ONE)]))
    made.run([frame(book(asks=[("0.46", "20")]))])
    assert made.ledger.position(A) == 20 * ONE
    assert made.fills == 2


def test_what_several_orders_take_adds_up(core):
    script = Script([taker(size=8 * ONE)] * 4)
    made = run(engine(core), script, frame(book(asks=[("0.46", "20")])))
    assert [fill[3] for fill in script.fills] == [8 * ONE, 8 * ONE, 4 * ONE]
    assert made.execution.unfilled == {"used_up": 1}


@pytest.mark.parametrize(
    ("payload", "more"),
    [
        (book(bids=[("0.41", "10")], asks=[("0.46", "20")]), 0),  # only the other side changed
        (change((A, "SELL", "0.50", "7"), (A, "BUY", "0.41", "1")), 0),  # a level behind the best one
        (change((A, "SELL", "0.46", "21")), 21 * ONE),  # its size
        (change((A, "SELL", "0.45", "20")), 20 * ONE),  # its price
    ],
)
def test_liquidity_comes_back_only_when_price_or_size_of_that_side_changes(core, payload, more):
    script = Script([taker(size=50 * ONE)], [taker(size=50 * ONE)])
    made = run(engine(core), script, frame(book(asks=[("0.46", "20")])), frame(payload))
    assert made.ledger.position(A) == 20 * ONE + more
    assert made.execution.unfilled == ({} if more else {"used_up": 1})


def test_a_level_that_left_and_came_back_is_there_again(core):
    script = Script([taker(size=50 * ONE)], None, [taker(size=50 * ONE)])
    away, back = change((A, "SELL", "0.45", "1")), change((A, "SELL", "0.45", "0"))
    made = run(engine(core), script, frame(book(asks=[("0.46", "20")])), frame(away), frame(back))
    assert made.ledger.position(A) == 40 * ONE


def test_liquidity_taken_ahead_of_its_own_event_is_not_taken_twice(core):
    """A frame is applied whole, so that B's event may take what A's event announces after it."""
    script = Script(None, None, [taker(A, size=50 * ONE)], [taker(A, size=50 * ONE)])
    both = change((B, "SELL", "0.40", "3"), (A, "SELL", "0.44", "7"))
    made = run(engine(core), script, frame(book(A)), frame(book(B)), frame(both))
    assert made.ledger.position(A) == 7 * ONE
    assert made.execution.unfilled == {"used_up": 1}


@pytest.mark.parametrize("doubt", [[control(Control.GAP, tokens=[A])], [frame(RESOLVED)]])
def test_no_fill_on_a_gapped_or_resolved_market(core, doubt):
    script = Script(None, [taker(A), taker(A, "sell"), taker("unknown")])
    made = run(engine(core), script, frame(book(A)), *doubt, frame(book(B, asks=[])))
    assert made.fills == 0
    # a resolved market takes B with it, which is then silent
    assert made.execution.unfilled in ({"not_live": 3}, {})


def test_no_fill_on_a_resolved_market_asked_for_at_its_status(core):
    class AtStatus(Strategy):
        def on_status(self, ctx, event, market_state, portfolio):
            return [taker(A)]

    made = engine(core)(s=AtStatus({}))
    made.run([frame(book(A)), frame(RESOLVED)])
    assert made.execution.unfilled == {"not_live": 2}


def test_an_empty_side_does_not_fill(core):
    made = run(engine(core), Script([taker()]), frame(book(asks=[])))
    assert made.execution.unfilled == {"empty_side": 1}


def test_without_shorts_a_sale_sells_what_is_held(core):
    script = Script([taker(side="sell"), taker(size=2 * ONE), taker(side="sell"), taker(side="sell")])
    made = run(engine(core, allow_shorts=False), script, frame(book()))
    assert [fill[1] for fill in script.fills] == ["buy", "sell", "sell"]
    assert made.execution.unfilled == {"short": 1}


def test_the_cash_limit_covers_fees_and_shorts(core):
    script = Script(
        [
            taker(size=2 * ONE),  # 0.92 and a fee of 0.0092, of 1.00
            taker(side="sell", size=2 * ONE),  # brings 0.80 less 0.008
            taker(side="sell", size=ONE),  # a short of 1, at 0.40 less 0.004: 1.2588 are there for 1
            taker(side="sell", size=ONE),  # a second one would need 2
            taker(size=ONE),  # buys back, at 0.46 and 0.0046
            taker(size=2 * ONE),
        ],
    )
    made = run(engine(core, cash_e6=ONE, fee_bps=100), script, frame(book()))
    assert [fill[1] for fill in script.fills] == ["buy", "sell", "sell", "buy"]
    assert made.execution.unfilled == {"cash": 2}
    assert made.ledger.cash_e6 == -929_200 + 792_000 + 396_000 - 464_600


def test_split_and_merge_exchange_a_pair_for_1(core):
    script = Script([SplitIntent(B, 3 * ONE, "t"), taker(side="sell"), MergeIntent(A, 2 * ONE)])
    made = run(engine(core, fee_bps=100), script, universe(PAIR), frame(book()))
    half = 500_000
    assert script.fills == [
        (A, "buy", half, 3 * ONE, 0),
        (B, "buy", half, 3 * ONE, 0),
        (A, "sell", 400_000, ONE, 4_000),
        (A, "sell", half, 2 * ONE, 0),
        (B, "sell", half, 2 * ONE, 0),
    ]
    assert made.pnl()["positions_e6"] == {B: ONE}
    assert made.ledger.cash_e6 == -3 * ONE + 396_000 + 2 * ONE


def test_pairs_that_cannot_be_exchanged(core):
    nothing = [SplitIntent("unknown", 1), MergeIntent(A, 1), SplitIntent(A, 2 * ONE)]
    script = Script(nothing)
    made = run(engine(core, cash_e6=ONE), script, universe(PAIR), frame(book()))
    assert made.execution.unfilled == {"no_pair": 1, "short": 1, "cash": 1}

    class AtStatus(Strategy):
        def on_status(self, ctx, event, market_state, portfolio):
            return [SplitIntent(A, 1)]

    made = engine(core)(s=AtStatus({}))
    made.run([universe(PAIR), frame(book()), frame(RESOLVED)])
    assert made.execution.unfilled == {"resolved": 2}


def test_positions_are_settled_when_a_market_resolves(core):
    script = Script([taker(size=2 * ONE)], [taker(B, size=ONE)])
    made = run(engine(core), script, frame(book(A)), frame(book(B)), frame(RESOLVED))
    pnl = made.pnl()
    assert (pnl["positions_e6"], pnl["cash_e6"]) == ({}, -3 * 460_000 + 2 * ONE)


def test_the_polymarket_fee_is_charged_once_a_match(core):
    market = PAIR | {"fees_enabled": True, "fee_schedule": {"rate": "0.072", "exponent": "1"}}
    script = Script([taker(size=15_463_900)])
    made = Orchestrator({"s": script}, lambda markets: SimTerms(fees.polymarket(markets, "floor")), core=core)
    made.run([universe(market), frame(book(asks=[("0.97", "20")]))])
    assert script.fills == [(A, "buy", 970_000, 15_463_900, 32_390)]


def test_the_polymarket_fee_of_an_unknown_market_ends_the_run(core):
    made = Orchestrator(
        {"s": Script([taker()])}, lambda markets: SimTerms(fees.polymarket(markets, "floor")), core=core
    )
    with pytest.raises(UsageError, match=f"no universe record names the token {A}"):
        made.run([frame(book())])
    assert made.ledger.cash_e6 == 0
