"""One market's order book, held once for both tokens.

A buy of YES at p is a sell of NO at 1 - p, so the market has two sides of
resting orders, the buys of token 0 and the buys of token 1. Side `s` gives
token `s` its bids and, with the complement of each price, the other token its
asks; both lists are then in the order of the wire, the best level last.
"""

from bisect import bisect_left

from pm_data import bookhash
from pm_data.venue.embedded.decimals import PRICE_ONE, PRICE_TEXT, TRADE_PRICE_TEXT, size_text
from pm_data.venue.embedded.listing import ORDER_MIN_SIZE, Listing

PLACES = (0, 1)
"""The two tokens of a market; also the two sides of resting orders."""


class RestingSide:
    """The buys of one token: prices ascending, with the texts that both tokens' books need."""

    __slots__ = ("_ask_levels", "_ask_text", "_bid_levels", "_bid_text", "prices", "sizes")

    def __init__(self) -> None:
        self.prices: list[int] = []
        self.sizes: list[int] = []
        self._bid_levels: list[str] = []
        self._ask_levels: list[str] = []
        self._bid_text: str | None = ""
        self._ask_text: str | None = ""

    def set(self, price: int, size: int) -> None:
        """Give a level this size in hundredths; 0 removes it."""
        prices = self.prices
        at = bisect_left(prices, price)
        present = at < len(prices) and prices[at] == price
        self._bid_text = self._ask_text = None
        if not size:
            if present:
                del prices[at], self.sizes[at], self._bid_levels[at], self._ask_levels[at]
            return
        text = size_text(size)
        bid = bookhash.level_text(PRICE_TEXT[price], text)
        ask = bookhash.level_text(PRICE_TEXT[PRICE_ONE - price], text)
        if present:
            self.sizes[at], self._bid_levels[at], self._ask_levels[at] = size, bid, ask
        else:
            prices.insert(at, price)
            self.sizes.insert(at, size)
            self._bid_levels.insert(at, bid)
            self._ask_levels.insert(at, ask)

    def size_at(self, price: int) -> int:
        """Return the size at a price in hundredths, 0 where there is no level."""
        at = bisect_left(self.prices, price)
        return self.sizes[at] if at < len(self.prices) and self.prices[at] == price else 0

    @property
    def best(self) -> int:
        """The highest price, 0 when the side is empty."""
        return self.prices[-1] if self.prices else 0

    def bids_text(self) -> str:
        """Return the token's own bids, compact JSON without brackets."""
        if self._bid_text is None:
            self._bid_text = ",".join(self._bid_levels)
        return self._bid_text

    def asks_text(self) -> str:
        """Return the other token's asks, compact JSON without brackets."""
        if self._ask_text is None:
            self._ask_text = ",".join(self._ask_levels)
        return self._ask_text


class MarketBook:
    """A listed market with its book and what its hash depends on.

    Attributes:
        timestamp_ms: exchange time of the last change.
        tick: current price step in thousandths.
        last_trade: last traded price in thousandths, None before any trade; the same for both tokens.
        fair: price of token 0 around which orders come, in thousandths.
        gap: usual spread in ticks.
    """

    __slots__ = ("fair", "gap", "last_trade", "listing", "sides", "tick", "timestamp_ms")

    def __init__(self, listing: Listing, timestamp_ms: int) -> None:
        self.listing = listing
        self.sides = (RestingSide(), RestingSide())
        self.timestamp_ms = timestamp_ms
        self.tick = listing.tick
        self.last_trade: int | None = None
        self.fair = PRICE_ONE // 2
        self.gap = 1

    @property
    def tick_text(self) -> str:
        """The price step as the wire writes it."""
        return PRICE_TEXT[self.tick]

    @property
    def last_trade_text(self) -> str:
        """The last traded price as books and hashes have it, `""` before any trade."""
        return "" if self.last_trade is None else TRADE_PRICE_TEXT[self.last_trade]

    def best_texts(self, place: int) -> tuple[str, str]:
        """Return a token's best bid and ask; `0` and `1` stand for empty sides."""
        return PRICE_TEXT[self.sides[place].best], PRICE_TEXT[PRICE_ONE - self.sides[1 - place].best]

    def hash(self, place: int) -> str:
        """Return the venue's hash of a token's full book."""
        listing = self.listing
        return bookhash.hash_sides(
            listing.condition_id,
            listing.asset_ids[place],
            str(self.timestamp_ms),
            self.sides[place].bids_text(),
            self.sides[1 - place].asks_text(),
            ORDER_MIN_SIZE,
            self.tick_text,
            listing.neg_risk,
            self.last_trade_text,
        )
