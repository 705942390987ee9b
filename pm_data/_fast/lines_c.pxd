"""The lines' C side, for the compiled loop."""

cimport cython
from libc.stdint cimport int64_t

from pm_data._fast.events_c cimport MarketStatus, TopOfBookUpdate, Trade
from pm_data._fast.intents_c cimport CancelIntent, Fill, PlaceOrderIntent


@cython.final
cdef class Stream:
    cdef object _sha
    cdef unsigned char *_data
    cdef Py_ssize_t _used

    cdef unsigned char *room(self, Py_ssize_t size) except? NULL
    cdef int add(self, str line) except -1
    cdef int flush(self) except -1
    cdef str digest(self)


@cython.final
cdef class Lines:
    cdef object _texts
    cdef object _on_mark
    cdef object _on_line
    cdef int64_t _every_events
    cdef int64_t _boundary
    cdef Stream _events
    cdef Stream _intents
    cdef Stream _fills

    cdef int take_event(self, event) except -1
    cdef int take_top(self, TopOfBookUpdate event) except -1
    cdef int take_intent(self, int64_t seq, strategy_id, intent) except -1
    cdef int take_fill(self, fill) except -1
    cdef int _take(self, Stream stream, seq, str name, str line) except -1
    cdef int _mark(self) except -1
    cdef bint _write_top(self, TopOfBookUpdate event) except -1
    cdef bint _write_trade(self, Trade event) except -1
    cdef bint _write_status(self, MarketStatus event) except -1
    cdef bint _write_order(self, int64_t seq, strategy_id, PlaceOrderIntent order) except -1
    cdef bint _write_cancel(self, int64_t seq, strategy_id, CancelIntent intent) except -1
    cdef bint _write_fill(self, Fill fill) except -1
    cdef bint _end(self, Stream stream, unsigned char *at) except -1
