"""The way of an intent: its C side, for the compiled loop."""

cimport cython
from libc.stdint cimport int64_t

from pm_data._fast.events_c cimport TopOfBookUpdate
from pm_data._fast.ledger_c cimport Ledger
from pm_data._fast.limits_c cimport LimitCheck
from pm_data._fast.lines_c cimport Lines


@cython.final
cdef class Gate:
    cdef LimitCheck _limits      # None for no limits
    cdef object _passes

    cdef list answer(self, strategy_id, list intents, str fit)
    cdef bint _may_pass(self, strategy_id, intent, str fit) except -1
    cdef int end_event(self) except -1


@cython.final
cdef class Desk:
    cdef object _market
    cdef Ledger _account
    cdef object _fee
    cdef int64_t _slippage_bps
    cdef int64_t _max_fill_size_e6
    cdef bint _allow_shorts
    cdef object _cash_e6
    cdef object _fill
    cdef dict _bought            # token -> what was taken of its asks
    cdef dict _sold              # of its bids
    cdef readonly int64_t acks
    cdef readonly object unfilled

    cdef int forget(self, TopOfBookUpdate event) except -1
    cdef list fills(self, strategy_id, list intents, int64_t seq)
    cdef object _take(self, strategy_id, market_id, side, limit_e6, int64_t size, tag, int64_t seq)
    cdef int64_t _taken_of(self, bint is_buy, market_id, int64_t price, int64_t shown) except -1
    cdef int64_t _worsened(self, int64_t price, bint is_buy) except -1


@cython.final
cdef class Rounds:
    cdef readonly int64_t intents
    cdef readonly int64_t fills
    cdef readonly object intents_by_strategy
    cdef Desk _desk
    cdef LimitCheck _limits
    cdef object _timed
    cdef Lines _lines
    cdef object _on_intent
    cdef object _on_fill

    cdef list run(self, list groups, int64_t seq)
