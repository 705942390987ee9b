# A token's state, and by what number a scan calls it; market_state.py is the definition. store_c.pyx includes this.

@cython.final
cdef class Numbering:
    """What the numbers in operations mean, of one scan."""

    def __cinit__(self, list token_texts not None, list market_texts not None):
        self.token_texts, self.market_texts = token_texts, market_texts
        self.states = []


@cython.final
cdef class MarketState:
    """What is known of one token; the four top-of-book values are those last delivered."""

    def __cinit__(self, str market_id not None):
        self.market_id = market_id
        self.cause = ""
        self._status = NEW
        self.connection = self.sequence = 0
        self._ts_event = self._ts_recv = -1
        self._is_shown = False
        self._top = Top(-1, -1, -1, -1)
        self._tick_size = self._last_trade_price = self._last_trade_size = -1
        self._bids = self._asks = Side(NULL, 0, 0)

    def __dealloc__(self):
        PyMem_Free(self._bids.levels)
        PyMem_Free(self._asks.levels)

    @property
    def status(self):
        return _STATUS_NAMES[<int>self._status]

    @property
    def ts_event(self):
        return _optional(self._ts_event)

    @property
    def ts_recv(self):
        return _optional(self._ts_recv)

    @property
    def bid_px_e6(self):
        return _optional(self._top.bid_px)

    @property
    def bid_sz_e6(self):
        return _optional(self._top.bid_sz)

    @property
    def ask_px_e6(self):
        return _optional(self._top.ask_px)

    @property
    def ask_sz_e6(self):
        return _optional(self._top.ask_sz)

    @property
    def tick_size_e6(self):
        return _optional(self._tick_size)

    @property
    def last_trade_price_e6(self):
        return _optional(self._last_trade_price)

    @property
    def last_trade_size_e6(self):
        return _optional(self._last_trade_size)

    def bids(self, depth=None):
        """Return the bid levels as (price_e6, size_e6), best first; the `depth` best, None for all."""
        return _listed(&self._bids, 1, depth)

    def asks(self, depth=None):
        """Return the ask levels as (price_e6, size_e6), best first; the `depth` best, None for all."""
        return _listed(&self._asks, -1, depth)


cdef inline Top _book_top(MarketState token) noexcept:
    cdef Top top = Top(-1, -1, -1, -1)
    if token._bids.count:
        top.bid_px = token._bids.levels[token._bids.count - 1].price
        top.bid_sz = token._bids.levels[token._bids.count - 1].size
    if token._asks.count:
        top.ask_px = -token._asks.levels[token._asks.count - 1].price
        top.ask_sz = token._asks.levels[token._asks.count - 1].size
    return top
