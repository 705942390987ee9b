"""The canonical events; events_py.py is the definition.

They read, compare, unpack and print as the twin's named tuples do.
"""

include "source_digest.pxi"

cimport cython
from cpython.object cimport PyObject_RichCompare
from libc.stdint cimport int64_t

from pm_data._fast import events_py


cdef inline object _optional(int64_t value):
    return None if value < 0 else value


cdef inline int64_t _absent(object value) except? -1:
    return -1 if value is None else value


@cython.no_gc  # texts and numbers cannot form a cycle
cdef class Fields:
    """What events and intents share: behaving as the named tuple `_named` of their fields."""

    cdef tuple _values(self):
        return ()

    @classmethod
    def _make(cls, values):
        """Return one of these values."""
        return cls(*cls._named._make(values))

    def _replace(self, **changes):
        """Return one with other values of these fields."""
        return type(self)(*self._named(*self._values())._replace(**changes))

    def _asdict(self):
        """Return the fields by name."""
        return dict(zip(self._fields, self._values()))

    def __iter__(self):
        return iter(self._values())

    def __len__(self):
        return len(self._fields)

    def __getitem__(self, index):
        return self._values()[index]

    def __richcmp__(self, other, int operation):
        return PyObject_RichCompare(
            self._values(), (<Fields>other)._values() if isinstance(other, Fields) else other, operation
        )

    def __hash__(self):
        return hash(self._values())

    def __repr__(self):
        fields = ", ".join([f"{name}={value!r}" for name, value in zip(self._fields, self._values())])
        return f"{type(self).__name__}({fields})"

    def __reduce__(self):
        return type(self), self._values()


@cython.no_gc  # nor can a token's state, which holds no event
cdef class TopOfBookUpdate(Fields):
    """The best bid or ask of a token changed in price or size."""

    kind = "top_of_book"
    _named = events_py.TopOfBookUpdate
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __init__(
        self,
        str market_id not None,
        bid_px_e6,
        bid_sz_e6,
        ask_px_e6,
        ask_sz_e6,
        ts_event,
        int64_t ts_recv,
        int64_t seq,
    ):
        self.market_id = market_id
        self._bid_px = _absent(bid_px_e6)
        self._bid_sz = _absent(bid_sz_e6)
        self._ask_px = _absent(ask_px_e6)
        self._ask_sz = _absent(ask_sz_e6)
        self._ts_event = _absent(ts_event)
        self.ts_recv = ts_recv
        self.seq = seq

    @property
    def bid_px_e6(self):
        return _optional(self._bid_px)

    @property
    def bid_sz_e6(self):
        return _optional(self._bid_sz)

    @property
    def ask_px_e6(self):
        return _optional(self._ask_px)

    @property
    def ask_sz_e6(self):
        return _optional(self._ask_sz)

    @property
    def ts_event(self):
        return _optional(self._ts_event)

    cdef tuple _values(self):
        return (
            self.market_id,
            _optional(self._bid_px),
            _optional(self._bid_sz),
            _optional(self._ask_px),
            _optional(self._ask_sz),
            _optional(self._ts_event),
            self.ts_recv,
            self.seq,
        )


@cython.no_gc  # texts and numbers cannot form a cycle
cdef class Trade(Fields):
    """A trade was announced; `side` is the taker's, `buy` or `sell`, or None."""

    kind = "trade"
    _named = events_py.Trade
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __init__(
        self,
        str market_id not None,
        str side,
        int64_t price_e6,
        size_e6,
        ts_event,
        int64_t ts_recv,
        int64_t seq,
    ):
        self.market_id = market_id
        self.side = side
        self.price_e6 = price_e6
        self._size = _absent(size_e6)
        self._ts_event = _absent(ts_event)
        self.ts_recv = ts_recv
        self.seq = seq

    @property
    def size_e6(self):
        return _optional(self._size)

    @property
    def ts_event(self):
        return _optional(self._ts_event)

    cdef tuple _values(self):
        return (
            self.market_id,
            self.side,
            self.price_e6,
            _optional(self._size),
            _optional(self._ts_event),
            self.ts_recv,
            self.seq,
        )


@cython.no_gc  # texts and numbers cannot form a cycle
cdef class MarketStatus(Fields):
    """A token's trust or terms changed; the twin names the statuses and causes."""

    kind = "status"
    _named = events_py.MarketStatus
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __init__(
        self,
        str market_id not None,
        str status not None,
        str cause not None,
        ts_event,
        int64_t ts_recv,
        int64_t seq,
    ):
        self.market_id = market_id
        self.status = status
        self.cause = cause
        self._ts_event = _absent(ts_event)
        self.ts_recv = ts_recv
        self.seq = seq

    @property
    def ts_event(self):
        return _optional(self._ts_event)

    cdef tuple _values(self):
        return (
            self.market_id,
            self.status,
            self.cause,
            _optional(self._ts_event),
            self.ts_recv,
            self.seq,
        )


Event = TopOfBookUpdate | Trade | MarketStatus
