"""A decoded frame as C: operations and the levels of its books, in buffers that are used again."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    typedef struct { const char *at; Py_ssize_t length; } pm_text;
    """
    ctypedef struct Text "pm_text":
        const char *at
        Py_ssize_t length


cdef enum OpKind:
    OP_BOOK
    OP_CHANGE
    OP_TRADE
    OP_TICK_SIZE
    OP_RESOLVED


ctypedef struct Level:
    int64_t price
    int64_t size


ctypedef struct Op:
    OpKind kind
    Py_ssize_t token         # index into Decoder.token_names; of OP_RESOLVED, into Decoder.resolved
    Py_ssize_t market        # index into Decoder.market_names; -1 where the message names none
    int64_t ts_event         # -1 stands for None, also below
    int side                 # 1 buy or bid, 0 sell or ask, -1 None
    int64_t price            # of OP_BOOK the tick size
    int64_t size             # of OP_BOOK the last trade price
    Py_ssize_t first_bid     # index into Decoder.levels
    Py_ssize_t first_ask
    Py_ssize_t bids
    Py_ssize_t asks
    Text hash                # as sent, in the payload; at is NULL where there is none, also below
    Text best_bid            # of OP_CHANGE
    Text best_ask


ctypedef struct Slot:
    uint64_t hash
    Py_ssize_t index         # -1 where empty


cdef class Names:
    """Small numbers for byte strings, given out in order of first sight."""

    cdef list texts
    cdef list keys
    cdef Slot *slots
    cdef Py_ssize_t mask
    cdef Py_ssize_t find(self, const char *text, Py_ssize_t length) except -2
    cdef Py_ssize_t add(self, const char *text, Py_ssize_t length) except -2
    cdef int _grow(self) except -1


cdef class Decoder:
    cdef object general
    cdef Names tokens
    cdef Names markets
    cdef list resolved
    cdef bytes payload       # the frame read last, and the texts of one that the twin read: ops point there
    cdef list texts
    cdef Op *ops
    cdef Py_ssize_t op_count
    cdef Py_ssize_t op_capacity
    cdef Level *levels
    cdef Py_ssize_t level_count
    cdef Py_ssize_t level_capacity
    cdef int64_t data_frames
    cdef int64_t book_messages
    cdef int64_t change_messages
    cdef int64_t trade_messages

    cdef int read(self, bytes payload) except -1
    cdef bint _scan(self, const char *at, const char *end) except -1
    cdef const char *_scan_message(self, const char *at, const char *end) except? NULL
    cdef const char *_scan_levels(
        self, const char *at, const char *end, Py_ssize_t *first, Py_ssize_t *count
    ) except? NULL
    cdef const char *_scan_changes(self, const char *at, const char *end) except? NULL
    cdef const char *_scan_price_change(self, const char *at, const char *end) except? NULL
    cdef int _complete_changes(self, Py_ssize_t first_op, Py_ssize_t market, int64_t ts_event) except -1
    cdef Py_ssize_t _market(self, const char *text, Py_ssize_t length) except -2
    cdef Py_ssize_t _token(self, const char *text, Py_ssize_t length) except -2
    cdef Op *_new_op(self) except NULL
    cdef Level *_new_level(self) except NULL
    cdef int _load(self, list ops) except -1
    cdef int _keep(self, object text, Text *kept) except -1
    cdef object _as_tuple(self, Op *op)
