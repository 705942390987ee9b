"""toy_spread: quote both sides of a wide market."""

from pm_data.strategy import (
    Context,
    Intents,
    MarketState,
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

    def on_top_of_book(
        self, ctx: Context, event: TopOfBookUpdate, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Quote when the spread is at least `min_spread_e6`."""
        bid, ask = event.bid_px_e6, event.ask_px_e6
        if bid is None or ask is None or ask - bid < self.params["min_spread_e6"]:
            return None
        return [self._quote(event.market_id, "buy", bid), self._quote(event.market_id, "sell", ask)]

    def _quote(self, market_id: str, side: str, price_e6: int) -> PlaceOrderIntent:
        params = self.params
        return PlaceOrderIntent(
            market_id,
            side,
            price_e6,
            params["size_e6"],
            params["order_type"],
            params["tif"],
            params["urgency"],
            "toy_spread",
        )
