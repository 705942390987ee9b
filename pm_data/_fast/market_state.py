"""What a strategy sees of one token: the definition, store_py.py and store_c.pyx keep it up to date."""

from array import array
from itertools import islice

from pm_data._fast.book_side import Levels

TopOfBook = tuple[int | None, int | None, int | None, int | None]
_EMPTY: TopOfBook = (None, None, None, None)


class MarketState:
    """What is known of one token; the four top-of-book values are those last delivered."""

    __slots__ = (
        "_ask_keys",
        "_ask_sizes",
        "_bid_keys",
        "_bid_sizes",
        "_cause",
        "_connection",
        "_is_shown",
        "_last_trade_price_e6",
        "_last_trade_size_e6",
        "_market",
        "_market_id",
        "_sequence",
        "_status",
        "_tick_size_e6",
        "_top",
        "_ts_event",
        "_ts_recv",
    )

    def __init__(self, market_id: str) -> None:
        self._market_id = market_id
        self._market: str | None = None
        self._status = "new"
        self._cause = ""
        self._connection = 0
        self._sequence = 0
        self._ts_event: int | None = None
        self._ts_recv: int | None = None
        self._top = _EMPTY
        # whether the book's top is the one last delivered
        self._is_shown = False
        self._tick_size_e6: int | None = None
        self._last_trade_price_e6: int | None = None
        self._last_trade_size_e6: int | None = None
        # Keys ascend towards the best level, which is last: a bid's key is its price, an ask's the negative.
        self._bid_keys = array("q")
        self._bid_sizes = array("q")
        self._ask_keys = array("q")
        self._ask_sizes = array("q")

    @property
    def market_id(self) -> str:
        """The CLOB asset id."""
        return self._market_id

    @property
    def market(self) -> str | None:
        """The condition id of the market that the token belongs to, once a frame named it."""
        return self._market

    @property
    def status(self) -> str:
        """`new`, `live`, `suspect` or `resolved`."""
        return self._status

    @property
    def cause(self) -> str:
        """Why the token is suspect, or what it pays when resolved; else empty."""
        return self._cause

    @property
    def connection(self) -> int:
        """The connection that owns the token; 0 where the stream names none."""
        return self._connection

    @property
    def sequence(self) -> int:
        """The seq of the token's last event; 0 before the first."""
        return self._sequence

    @property
    def ts_event(self) -> int | None:
        """The exchange time of the last message applied, ns."""
        return self._ts_event

    @property
    def ts_recv(self) -> int | None:
        """The receive stamp of the last message applied, ns."""
        return self._ts_recv

    @property
    def bid_px_e6(self) -> int | None:
        """The best bid price."""
        return self._top[0]

    @property
    def bid_sz_e6(self) -> int | None:
        """The size at the best bid."""
        return self._top[1]

    @property
    def ask_px_e6(self) -> int | None:
        """The best ask price."""
        return self._top[2]

    @property
    def ask_sz_e6(self) -> int | None:
        """The size at the best ask."""
        return self._top[3]

    @property
    def tick_size_e6(self) -> int | None:
        """The smallest price step, once the feed named it."""
        return self._tick_size_e6

    @property
    def last_trade_price_e6(self) -> int | None:
        """The price of the last trade announced."""
        return self._last_trade_price_e6

    @property
    def last_trade_size_e6(self) -> int | None:
        """The size of the last trade announced, where the venue gave it."""
        return self._last_trade_size_e6

    def bids(self, depth: int | None = None) -> Levels:
        """Return the bid levels as (price_e6, size_e6), best first; the `depth` best, None for all."""
        levels = zip(reversed(self._bid_keys), reversed(self._bid_sizes), strict=True)
        return list(islice(levels, depth))

    def asks(self, depth: int | None = None) -> Levels:
        """Return the ask levels as (price_e6, size_e6), best first; the `depth` best, None for all."""
        levels = zip(reversed(self._ask_keys), reversed(self._ask_sizes), strict=True)
        return [(-key, size) for key, size in islice(levels, depth)]

    def _book_top(self) -> TopOfBook:
        if self._bid_keys and self._ask_keys:
            return self._bid_keys[-1], self._bid_sizes[-1], -self._ask_keys[-1], self._ask_sizes[-1]
        bid_px = bid_sz = ask_px = ask_sz = None
        if self._bid_keys:
            bid_px, bid_sz = self._bid_keys[-1], self._bid_sizes[-1]
        if self._ask_keys:
            ask_px, ask_sz = -self._ask_keys[-1], self._ask_sizes[-1]
        return bid_px, bid_sz, ask_px, ask_sz
