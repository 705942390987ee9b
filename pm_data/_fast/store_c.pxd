"""The store's C side, for the compiled loop."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

cdef extern from "Python.h":
    # cpython.list gives objects out, which are counted; these are borrowed.
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t index) noexcept
    Py_ssize_t PyList_GET_SIZE(object items) noexcept

from pm_data._fast.checks_c cimport BookChecks, Side, Verdict
from pm_data._fast.decode_c cimport Decoder, Level, Op, OpTexts


cdef enum Status:
    NEW
    LIVE
    SUSPECT
    RESOLVED


ctypedef struct Top:
    int64_t bid_px           # -1 stands for None, in all four
    int64_t bid_sz
    int64_t ask_px
    int64_t ask_sz


@cython.final
cdef class Numbering:
    """What the numbers in operations mean, of one scan."""

    cdef list token_texts    # by number; may grow
    cdef list market_texts
    cdef list states         # by number, MarketState; None until it is used


@cython.final
cdef class MarketState:
    # What every change touches comes first and side by side: it seldom is in the nearest cache.
    cdef readonly str market
    cdef Status _status
    cdef bint _is_shown      # whether the book's top is the one last delivered
    cdef readonly int64_t connection
    cdef int64_t _ts_event
    cdef int64_t _ts_recv
    cdef Side _bids
    cdef Side _asks
    cdef Top _top            # last delivered
    cdef readonly int64_t sequence
    cdef readonly str market_id
    cdef readonly str cause
    cdef int64_t _tick_size
    cdef int64_t _last_trade_price
    cdef int64_t _last_trade_size


cdef extern from *:
    """
    #ifdef __GNUC__
    #define pm_prefetch(at) __builtin_prefetch(at)
    #else
    #define pm_prefetch(at) ((void)(at))
    #endif
    """
    void pm_prefetch(const void *at) noexcept nogil


cdef enum:
    FETCHED_OPS = 4          # of a record, at most


cdef inline PyObject *known_state(Numbering numbering, int32_t number) noexcept:
    """Return the state of a number, borrowed; NULL where it is not yet used."""
    cdef PyObject *state
    if number >= PyList_GET_SIZE(numbering.states):
        return NULL
    state = PyList_GET_ITEM(numbering.states, number)
    return NULL if state == <PyObject *>None else state


cdef inline void fetch_state(Numbering numbering, const Op *op) noexcept:
    """Have the processor bring the state that an operation of a later record will change."""
    cdef PyObject *state = known_state(numbering, op.token)
    if state != NULL:
        pm_prefetch(state)
        pm_prefetch(<const char *>state + 64)


cdef inline void fetch_best(Numbering numbering, const Op *op) noexcept:
    """Have it bring the best levels of the side; the state should have come."""
    cdef PyObject *state = known_state(numbering, op.token)
    cdef const Side *side
    cdef const char *end
    if state != NULL:
        side = &(<MarketState>state)._bids if op.side == 1 else &(<MarketState>state)._asks
        end = <const char *>(side.levels + side.count)
        pm_prefetch(end - 1)
        pm_prefetch(end - 65)


@cython.final
cdef class StateStore:
    cdef Decoder _decoder
    cdef Numbering _numbering
    cdef dict _tokens
    cdef int64_t _top_of_book_events
    cdef int64_t _trade_events
    cdef int64_t _status_events
    cdef int64_t _crossed
    cdef int64_t _delta_without_book
    cdef int64_t _not_owner
    cdef int64_t _bid_scan_count
    cdef int64_t _ask_scan_count
    cdef int64_t _tob_sample_misses
    cdef BookChecks _checks  # None where they are off
    cdef bint _suspecting
    cdef int64_t[4] _statuses
    cdef dict _pairs         # asset id -> both of its market's, by universe records
    cdef dict _legs          # market -> its tokens, by frames
    cdef int64_t _ts_event
    cdef int64_t _ts_recv

    cdef MarketState _token(self, asset_id)
    cdef MarketState _numbered(self, Numbering numbering, int32_t number)
    cdef list _apply(self, int64_t conn, int64_t ts_recv, int64_t seq)
    cdef bint keeps_texts(self) noexcept
    cdef int apply_operations(
        self,
        Numbering numbering,
        const Op *ops,
        const OpTexts *texts,
        Py_ssize_t count,
        const Level *levels,
        int64_t conn,
        int64_t ts_recv,
        int64_t seq,
        list events,
    ) except -1
    cdef int _join(self, MarketState token, market) except -1
    cdef int _set_status(self, MarketState token, Status status, str cause) except -1
    cdef int _check(
        self, MarketState token, const Op *op, const OpTexts *texts, int64_t ts_recv, int64_t seq, list events
    ) except -1
    cdef int _judge(
        self, MarketState token, Verdict verdict, int64_t ts_event, int64_t ts_recv, int64_t seq, list events
    ) except -1
    cdef int _suspect(
        self, MarketState token, str cause, int64_t ts_event, int64_t ts_recv, int64_t seq, list events
    ) except -1
    cdef inline int _apply_change(self, MarketState token, const Op *op) except -1
    cdef int _apply_book(
        self, MarketState token, const Op *op, const Level *levels, int64_t ts_recv, int64_t seq, list events
    ) except -1
    cdef int _read_side(
        self, Side *side, const Level *levels, Py_ssize_t count, int sign, int64_t *scan_count
    ) except -1
    cdef int _apply_trade(
        self, MarketState token, const Op *op, int64_t ts_recv, int64_t seq, list events
    ) except -1
    cdef int _apply_tick_size(
        self, MarketState token, const Op *op, int64_t ts_recv, int64_t seq, list events
    ) except -1
    cdef int _apply_resolved(
        self, const Op *op, int64_t conn, int64_t ts_recv, int64_t seq, list events
    ) except -1
    cdef int _emit_status(
        self,
        MarketState token,
        str status,
        str cause,
        int64_t ts_event,
        int64_t ts_recv,
        int64_t seq,
        list events,
    ) except -1
    cdef int _emit_top(
        self, MarketState token, int64_t ts_event, int64_t ts_recv, int64_t seq, list events
    ) except -1
