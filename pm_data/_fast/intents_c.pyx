"""What a strategy may ask for, and what comes of it; intents_py.py is the definition.

They read, compare, unpack and print as the twin's named tuples do.
"""

include "source_digest.pxi"

cimport cython

from pm_data._fast import intents_py


# No garbage collection of these: texts and numbers cannot form a cycle, and what holds anything else is refused.
@cython.no_gc
cdef class PlaceOrderIntent(Fields):
    """Ask for an order; the twin has the arguments."""

    _named = intents_py.PlaceOrderIntent
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __cinit__(
        self, market_id, side, price_e6, size_e6, order_type="limit", tif="gtc", urgency="maker", tag=""
    ):
        self.market_id, self.side, self.price_e6, self.size_e6 = market_id, side, price_e6, size_e6
        self.order_type, self.tif, self.urgency, self.tag = order_type, tif, urgency, tag

    cdef tuple _values(self):
        return (
            self.market_id,
            self.side,
            self.price_e6,
            self.size_e6,
            self.order_type,
            self.tif,
            self.urgency,
            self.tag,
        )


@cython.no_gc
cdef class CancelIntent(Fields):
    """Ask to cancel the strategy's resting orders on one side of a token."""

    _named = intents_py.CancelIntent
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __cinit__(self, market_id, side, tag=""):
        self.market_id, self.side, self.tag = market_id, side, tag

    cdef tuple _values(self):
        return self.market_id, self.side, self.tag


@cython.no_gc
cdef class SplitIntent(Fields):
    """Ask to pay 1 a pair for `size_e6` shares of each of the two tokens of a market; see the twin."""

    _named = intents_py.SplitIntent
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __cinit__(self, market_id, size_e6, tag=""):
        self.market_id, self.size_e6, self.tag = market_id, size_e6, tag

    cdef tuple _values(self):
        return self.market_id, self.size_e6, self.tag


@cython.no_gc
cdef class MergeIntent(Fields):
    """Ask to give back `size_e6` shares of each of the two tokens of a market, for 1 a pair; see the twin."""

    _named = intents_py.MergeIntent
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __cinit__(self, market_id, size_e6, tag=""):
        self.market_id, self.size_e6, self.tag = market_id, size_e6, tag

    cdef tuple _values(self):
        return self.market_id, self.size_e6, self.tag


@cython.no_gc
cdef class Fill(Fields):
    """A simulated fill; `seq` is the event's at which it happened."""

    _named = intents_py.Fill
    _fields = __match_args__ = _named._fields
    _field_defaults = _named._field_defaults

    def __cinit__(self, strategy_id, market_id, side, price_e6, size_e6, fee_e6, seq, tag):
        self.strategy_id, self.market_id, self.side = strategy_id, market_id, side
        self.price_e6, self.size_e6, self.fee_e6 = price_e6, size_e6, fee_e6
        self.seq, self.tag = seq, tag

    cdef tuple _values(self):
        return (
            self.strategy_id,
            self.market_id,
            self.side,
            self.price_e6,
            self.size_e6,
            self.fee_e6,
            self.seq,
            self.tag,
        )


Intent = PlaceOrderIntent | CancelIntent | SplitIntent | MergeIntent
