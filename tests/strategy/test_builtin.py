"""The strategies that come with pm_data do what their first line says."""

import pytest
from support.engine import ONE, PAIR, engine, frame, universe
from support.frames import A, B, book, trade

from pm_data.strategy.loading import BUILTIN, load_strategies


def run(core, name, settings, records, **terms):
    strategies = load_strategies([name], [f"{name}.{setting}" for setting in settings])
    made = engine(core, **terms)(**strategies)
    made.run(records)
    return made, strategies[name]


def pair_books(first, second):
    return [frame(book(A, asks=[(first, "20")])), frame(book(B, asks=[(second, "8")]))]


def test_pair_taker_buys_and_merges_a_pair_that_is_too_cheap(core):
    records = [universe(PAIR), *pair_books("0.46", "0.50")]
    made, _strategy = run(core, "pair_taker", ["size_e6=10000000"], records, slippage_bps=10)
    cost = 460_460 * 8 + 500_500 * 8
    assert made.pnl() == {
        "cash_e6": 8 * ONE - cost,
        "realized_pnl_e6": 8 * ONE - cost,
        "unrealized_pnl_e6": 0,
        "fees_paid_e6": 0,
        "total_pnl_e6": 8 * ONE - cost,
        "position_value_e6": 0,
        "positions_e6": {},
        "unmarked": [],
    }
    assert made.intents == 3


@pytest.mark.parametrize(
    ("asks", "fee_bps"), [(("0.50", "0.50"), 0), (("0.46", "0.536"), 0), (("0.46", "0.50"), 500)]
)
def test_pair_taker_leaves_a_pair_that_costs_1_with_slack_and_fees(core, asks, fee_bps):
    made, _strategy = run(core, "pair_taker", [], [universe(PAIR), *pair_books(*asks)], fee_bps=fee_bps)
    assert made.intents == 0


def test_pair_taker_needs_to_know_the_pair(core):
    made, _strategy = run(core, "pair_taker", [], pair_books("0.1", "0.1"))
    assert made.intents == 3  # frames name one market for both
    strangers = [frame(book(A, asks=[("0.1", "1")])), frame(book(B, asks=[("0.1", "1")], market="0xdef"))]
    made, _strategy = run(core, "pair_taker", [], strangers)
    assert made.intents == 0


def test_momentum_taker_buys_after_a_rise_and_sells_after_a_fall(core):
    trades = [frame(trade(A, price)) for price in ("0.40", "0.405", "0.41", "0.42", "0.42", "0.40")]
    made, _strategy = run(core, "momentum_taker", [], [frame(book()), *trades[:3]])
    assert made.ledger.position(A) == 5 * ONE
    made, _strategy = run(core, "momentum_taker", [], [frame(book()), *trades])
    assert (made.fills, made.ledger.position(A)) == (2, 0)


def test_counting_maker_counts_and_fills_nothing(core):
    made, strategy = run(
        core,
        "counting_maker",
        [],
        [
            frame(book(), stamp=0),
            frame(trade(side="BUY", price="0.46"), stamp=1),
            frame(trade(side="BUY", price="0.45"), stamp=2),
            frame(trade(side="SELL", price="0.39"), stamp=3),
            frame(book(bids=[]), stamp=60_000_000_000),
        ],
    )
    assert made.fills == 0
    assert strategy.report() == {"quotes": 2, "touched": 1, "traded_through": 1, "most_quotes_open": 2}
    assert made.intents == 3


@pytest.mark.parametrize("name", BUILTIN)
def test_each_is_described_and_has_defaults(name):
    (strategy,) = load_strategies([name], []).values()
    assert type(strategy).__doc__
    assert strategy.params
