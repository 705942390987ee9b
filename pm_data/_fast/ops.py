"""The plain operations that a frame decodes to; both twins share these types.

Prices and sizes are e6 integers within the venue's range, `ts_event` ns or None.
"""

from typing import NamedTuple

MAX_PRICE_E6 = 1_000_000
MAX_SIZE_E6 = 9 * 10**15
"""The venue's range: a level's price is above 0, its size may be 0."""


class BookOp(NamedTuple):
    """Replace a token's book; levels as (price, size) in wire order, sizes of 0 included.

    `hash` is the venue's hash of this book as sent; None where there was none.
    """

    asset_id: str
    market: str | None
    ts_event: int | None
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    tick_size_e6: int | None
    last_trade_price_e6: int | None
    hash: str | None


class ChangeOp(NamedTuple):
    """Set one level of a token's book to a new aggregate size; 0 removes it.

    `hash`, `best_bid` and `best_ask` say what the book is at the end of the change's
    run (PROTOCOL.md 1.4); as sent, None where there was none.
    """

    asset_id: str
    market: str | None
    ts_event: int | None
    is_bid: bool
    price_e6: int
    size_e6: int
    hash: str | None
    best_bid: str | None
    best_ask: str | None


class TradeOp(NamedTuple):
    """Announce a trade; `side` is the taker's: `buy`, `sell` or None."""

    asset_id: str
    market: str | None
    ts_event: int | None
    side: str | None
    price_e6: int
    size_e6: int | None


class TickSizeOp(NamedTuple):
    """Change a token's tick size."""

    asset_id: str
    market: str | None
    ts_event: int | None
    tick_size_e6: int


class ResolvedOp(NamedTuple):
    """Resolve a market's tokens; `payout` is `1`, `0` or `unknown`, one for each token."""

    asset_ids: tuple[str, ...]
    market: str | None
    ts_event: int | None
    payouts: tuple[str, ...]


Op = BookOp | ChangeOp | TradeOp | TickSizeOp | ResolvedOp


class MarketFacts(NamedTuple):
    """What a universe record says of a market; None where it does not say."""

    condition_id: str
    asset_ids: tuple[str, ...]
    tick_size_e6: int | None
    order_min_size_e6: int | None
    neg_risk: bool | None


class GlobalState(NamedTuple):
    """The whole run at a moment.

    Args:
        new, live, suspect, resolved: tokens in each state.
        markets: that a message named.
        ts_event: exchange time of the last message applied, ns.
        ts_recv: its receive stamp, ns.
    """

    new: int
    live: int
    suspect: int
    resolved: int
    markets: int
    ts_event: int | None
    ts_recv: int | None
    top_of_book_events: int
    trade_events: int
    status_events: int


class TokenState(NamedTuple):
    """What a token is in, to bring a token of another StateStore there; fields as those of `MarketState`.

    Args:
        bids, asks: levels as (price_e6, size_e6), best first.
    """

    market: str | None
    status: str
    cause: str
    ts_event: int | None
    bid_px_e6: int | None
    bid_sz_e6: int | None
    ask_px_e6: int | None
    ask_sz_e6: int | None
    tick_size_e6: int | None
    last_trade_price_e6: int | None
    last_trade_size_e6: int | None
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
