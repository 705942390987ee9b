"""momentum_taker: follow the last trades of a token, up and down."""

from collections import deque

from pm_data.strategy import (
    Context,
    Intents,
    MarketState,
    Parameter,
    PlaceOrderIntent,
    Portfolio,
    Strategy,
    Trade,
)


class MomentumTaker(Strategy):
    """Buy when the last `trades` trades rose by `move_e6`, sell what is held when they fell by as much."""

    parameters = {"trades": 3, "move_e6": 10_000, "size_e6": 5_000_000}  # noqa: RUF012

    def __init__(self, parameters: dict[str, Parameter]) -> None:
        super().__init__(parameters)
        self._prices: dict[str, deque[int]] = {}

    def on_trade(
        self, ctx: Context, event: Trade, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Compare this trade with the oldest that is remembered."""
        prices = self._prices.setdefault(event.market_id, deque(maxlen=self.params["trades"]))
        prices.append(event.price_e6)
        move_e6 = prices[-1] - prices[0]
        held_e6 = portfolio.position(event.market_id)
        if move_e6 >= self.params["move_e6"] and held_e6 < self.params["size_e6"]:
            return [self._order(event.market_id, "buy", self.params["size_e6"] - held_e6)]
        if move_e6 <= -self.params["move_e6"] and held_e6 > 0:
            return [self._order(event.market_id, "sell", held_e6)]
        return None

    def _order(self, market_id: str, side: str, size_e6: int) -> PlaceOrderIntent:
        return PlaceOrderIntent(market_id, side, None, size_e6, "market", "ioc", "taker", "momentum")
