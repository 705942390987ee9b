"""counting_maker: quote at the touch and count what might have filled.

In the simulation makers do not fill, so that it trades nothing.
"""

from collections.abc import Mapping

from pm_data.strategy import (
    CancelIntent,
    Context,
    Intent,
    Intents,
    MarketState,
    Parameter,
    PlaceOrderIntent,
    Portfolio,
    Strategy,
    TopOfBookUpdate,
    Trade,
)


class CountingMaker(Strategy):
    """Join the best bid and ask of each token; count trades at or through the quote.

    The count is an upper bound of fills: it knows nothing of the queue ahead of the quote.
    """

    parameters = {"size_e6": 5_000_000, "report_seconds": 60}  # noqa: RUF012

    def __init__(self, parameters: dict[str, Parameter]) -> None:
        super().__init__(parameters)
        self.timer_period_ns = self.params["report_seconds"] * 1_000_000_000
        self._quotes: dict[tuple[str, str], int] = {}
        self._counts = {"quotes": 0, "touched": 0, "traded_through": 0, "most_quotes_open": 0}

    def on_top_of_book(
        self, ctx: Context, event: TopOfBookUpdate, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Move the quotes that are no longer at the touch."""
        intents: list[Intent] = []
        for side, price_e6 in (("buy", event.bid_px_e6), ("sell", event.ask_px_e6)):
            key = (event.market_id, side)
            quoted = self._quotes.get(key)
            if quoted == price_e6:
                continue
            if quoted is not None:
                del self._quotes[key]
                intents.append(CancelIntent(event.market_id, side))
            if price_e6 is not None:
                self._quotes[key] = price_e6
                self._counts["quotes"] += 1
                intents.append(PlaceOrderIntent(event.market_id, side, price_e6, self.params["size_e6"]))
        return intents

    def on_trade(
        self, ctx: Context, event: Trade, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Hold a trade against the quote on the side that its taker hit."""
        side = "sell" if event.side == "buy" else "buy"
        quoted = self._quotes.get((event.market_id, side))
        if quoted is not None:
            beyond_e6 = event.price_e6 - quoted if side == "sell" else quoted - event.price_e6
            self._counts["touched"] += beyond_e6 == 0
            self._counts["traded_through"] += beyond_e6 > 0
        return None

    def on_timer(self, ctx: Context, due_ns: int, portfolio: Portfolio) -> Intents:
        """Look how many quotes are out."""
        self._counts["most_quotes_open"] = max(self._counts["most_quotes_open"], len(self._quotes))
        return None

    def report(self) -> Mapping[str, Parameter]:
        """Return the counts."""
        return self._counts
