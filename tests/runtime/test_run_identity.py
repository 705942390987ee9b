"""The accounting identity after every event of whole runs, whatever a strategy asks for, on both cores."""

import random

import pytest
from support.engine import ONE

from pm_data.bundle.opening import open_bundle
from pm_data.runtime import fees
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.strategy import MergeIntent, PlaceOrderIntent, SplitIntent, Strategy
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions

SEED = 20261125


class Gambler(Strategy):
    """Asks for anything, and checks the sums each time it is called."""

    def __init__(self):
        super().__init__({})
        self.random = random.Random(SEED)
        self.checks = 0

    def on_top_of_book(self, ctx, event, market_state, portfolio):
        self.check(portfolio)
        return [self.intent(event.market_id) for _ in range(self.random.randrange(3))]

    def on_status(self, ctx, event, market_state, portfolio):
        self.check(portfolio)

    def on_fill(self, ctx, fill, market_state, portfolio):
        self.check(portfolio)

    def intent(self, market_id):
        size = self.random.choice([1, 999_999, 7 * ONE, self.random.randrange(1, 300 * ONE)])
        chance = self.random.random()
        if chance < 0.2:
            return (SplitIntent if chance < 0.1 else MergeIntent)(market_id, size)
        side = self.random.choice(["buy", "sell"])
        return PlaceOrderIntent(market_id, side, None, size, "market", "ioc", "taker")

    def check(self, portfolio):
        pnl = portfolio.pnl()
        total = pnl["total_pnl_e6"]
        assert total == pnl["cash_e6"] + pnl["position_value_e6"]
        assert total == pnl["realized_pnl_e6"] + pnl["unrealized_pnl_e6"] - pnl["fees_paid_e6"]
        self.checks += 1


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("identity") / "runs" / "made"
    write_bundle(VenueOptions(seed=8, markets=12, rate=1_000), 6_000, path, 2, 250)
    return path


@pytest.mark.parametrize("terms", [{}, {"allow_shorts": False}, {"cash_e6": 50 * ONE}, {"slippage_bps": 500}])
def test_the_identity_holds_after_every_event(run_dir, both_cores, terms):
    print("seed", SEED)
    ends = []
    for core in both_cores:
        gambler = Gambler()
        made = Orchestrator(
            {"g": gambler},
            lambda markets: SimTerms(fees.polymarket(markets, "floor"), **terms),
            core=core,
        )
        made.run(open_bundle(run_dir).records(pytest.fail))
        assert gambler.checks > 2_000
        assert made.fills > 100
        if "allow_shorts" in terms:
            assert min(made.pnl()["positions_e6"].values(), default=0) >= 0
        if "cash_e6" in terms:
            shorts = -sum(min(size, 0) for size in made.pnl()["positions_e6"].values())
            assert made.ledger.cash_e6 + terms["cash_e6"] >= shorts
        ends.append(
            (made.pnl(), made.intents, made.fills, made.execution.unfilled, made.ledger.open_markets())
        )
    assert ends[0] == ends[1]
