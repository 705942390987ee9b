"""The canonical events: what happened to one token, in fixed point.

Prices and sizes are e6 integers, None where a side is empty. `market_id` is the
CLOB asset id. `ts_event` is the exchange's time and `ts_recv` the monotonic
receive stamp, both ns; `seq` numbers all events of a run from 1.
"""

from typing import NamedTuple


class TopOfBookUpdate(NamedTuple):
    """The best bid or ask of a token changed in price or size."""

    market_id: str
    bid_px_e6: int | None
    bid_sz_e6: int | None
    ask_px_e6: int | None
    ask_sz_e6: int | None
    ts_event: int | None
    ts_recv: int
    seq: int

    @property
    def kind(self) -> str:
        """The kind's name in listings and hash lines."""
        return "top_of_book"


class Trade(NamedTuple):
    """A trade was announced; `side` is the taker's, `buy` or `sell`, or None."""

    market_id: str
    side: str | None
    price_e6: int
    size_e6: int | None
    ts_event: int | None
    ts_recv: int
    seq: int

    @property
    def kind(self) -> str:
        """The kind's name in listings and hash lines."""
        return "trade"


class MarketStatus(NamedTuple):
    """A token's trust or terms changed.

    `status` is `suspect` (cause: what was lost), `live` (a full book came),
    `tick_size` (cause: the new tick, as `0.001`) or `resolved` (cause: what a share pays,
    `1` or `0`, or `unknown`).
    """

    market_id: str
    status: str
    cause: str
    ts_event: int | None
    ts_recv: int
    seq: int

    @property
    def kind(self) -> str:
        """The kind's name in listings and hash lines."""
        return "status"


Event = TopOfBookUpdate | Trade | MarketStatus
