"""pair_taker: buy both tokens of a market when together they cost less than the 1 that they pay."""

from pm_data.strategy import (
    Context,
    Fill,
    Intents,
    MarketState,
    MergeIntent,
    PlaceOrderIntent,
    Portfolio,
    Strategy,
    TopOfBookUpdate,
)

ONE_E6 = 1_000_000


class PairTaker(Strategy):
    """Take both asks where their sum and the fees stay below 1, and merge what was bought.

    Each order's limit is the ask and `slack_e6`, which is room for slippage; the sum is
    taken at the limits, so that a pair which fills never costs more than 1 − `min_gain_e6`.
    """

    parameters = {"size_e6": 5_000_000, "slack_e6": 2_000, "min_gain_e6": 1_000}  # noqa: RUF012

    def on_top_of_book(
        self, ctx: Context, event: TopOfBookUpdate, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Look at both legs, whichever of them changed."""
        pair = ctx.pair(event.market_id)
        if pair is None:
            return None
        limits, size_e6 = [], self.params["size_e6"]
        for market_id in pair:
            leg = ctx.market(market_id)
            if leg is None or leg.status != "live" or leg.ask_px_e6 is None or leg.ask_sz_e6 is None:
                return None
            limits.append(min(leg.ask_px_e6 + self.params["slack_e6"], ONE_E6))
            size_e6 = min(size_e6, leg.ask_sz_e6)
        costs = [-(-limit * size_e6 // ONE_E6) for limit in limits]
        fees = [ctx.fee_e6(market_id, cost, size_e6) for market_id, cost in zip(pair, costs, strict=True)]
        gain_e6 = (ONE_E6 - self.params["min_gain_e6"]) * size_e6 // ONE_E6 - sum(costs) - sum(fees)
        if gain_e6 < 0:
            return None
        return [
            PlaceOrderIntent(market_id, "buy", limit, size_e6, "limit", "ioc", "taker", "pair")
            for market_id, limit in zip(pair, limits, strict=True)
        ]

    def on_fill(self, ctx: Context, fill: Fill, market_state: MarketState, portfolio: Portfolio) -> Intents:
        """Turn whole pairs back into cash; a leg whose other did not fill is kept."""
        pair = ctx.pair(fill.market_id)
        # Once a pair: when its second leg is told, both orders have been executed.
        if pair is None or fill.market_id != pair[1] or fill.side != "buy":
            return None
        size_e6 = min(portfolio.position(market_id) for market_id in pair)
        return [MergeIntent(fill.market_id, size_e6, "pair")] if size_e6 > 0 else None
