"""toy_spread: quote both sides of a wide market."""

from collections.abc import Mapping

from pm_data.strategy import (
    Context,
    Intents,
    MarketState,
    Parameter,
    PlaceOrderIntent,
    Portfolio,
    Strategy,
    TopOfBookUpdate,
)


class ToySpread(Strategy):
    """On each update with both sides known and a wide spread, buy at the bid and sell at the ask."""

    parameters = {  # noqa: RUF012 - read only, as in every strategy
        "min_spread_e6": 50_000,
        "size_e6": 1_000_000,
        "order_type": "limit",
        "tif": "gtc",
        "urgency": "maker",
    }

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        super().__init__(parameters)
        self._min_spread_e6: int = self.params["min_spread_e6"]
        self._terms = tuple(self.params[name] for name in ("size_e6", "order_type", "tif", "urgency"))

    def on_top_of_book(
        self, ctx: Context, event: TopOfBookUpdate, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Quote when the spread is at least `min_spread_e6`."""
        bid, ask = event.bid_px_e6, event.ask_px_e6
        if bid is None or ask is None or ask - bid < self._min_spread_e6:
            return None
        market_id, (size, order_type, tif, urgency) = event.market_id, self._terms
        return [
            PlaceOrderIntent(market_id, "buy", bid, size, order_type, tif, urgency, "toy_spread"),
            PlaceOrderIntent(market_id, "sell", ask, size, order_type, tif, urgency, "toy_spread"),
        ]
