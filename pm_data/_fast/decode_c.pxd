"""A decoded frame as C: operations and the levels of its books, in buffers that are used again."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

cdef extern from *:
    """
    #ifndef PM_DATA_TEXTS
    #define PM_DATA_TEXTS
    typedef struct { const char *at; Py_ssize_t length; } pm_text;
    typedef struct { char *text; Py_ssize_t length; } pm_word;
    #endif
    """
    ctypedef struct Text "pm_text":
        const char *at
        Py_ssize_t length
    ctypedef struct Word "pm_word":
        char *text
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
    int64_t ts_event         # -1 stands for None, also below
    int64_t price            # of OP_BOOK the tick size
    int64_t size             # of OP_BOOK the last trade price
    int32_t token            # number of its name; of OP_RESOLVED, index into Decoder.resolved
    int32_t market           # number of its name; -1 where the message names none
    int32_t first_bid        # index into the levels
    int32_t first_ask
    int32_t bids
    int32_t asks
    int8_t kind
    int8_t side              # 1 buy or bid, 0 sell or ask, -1 None
    int8_t is_last           # whether it is the frame's last operation on the token's book


ctypedef struct OpTexts:
    # What only book checks look at: as sent, in the payload; at is NULL where there is none.
    Text hash
    Text best_bid            # of OP_CHANGE
    Text best_ask


ctypedef struct Slot:
    uint64_t hash
    int32_t index            # -1 where empty


ctypedef struct Names:
    # Small numbers for byte strings, given out in order of first sight.
    Slot *slots
    size_t mask
    Word *words              # by number; a word stays where it is
    int32_t count
    int32_t capacity


ctypedef struct Counts:
    int64_t books            # messages by type, of frames that the scanner took
    int64_t changes
    int64_t trades
    int64_t new_markets


ctypedef struct Scan:
    # Operations of one frame or of many, and the names that they speak of.
    Names tokens
    Names markets
    int32_t *last            # by token: where its last book operation of the frame is
    int32_t *legs            # by market: the two tokens that it was first seen with; -1 where there is none
    int32_t last_capacity
    int32_t legs_capacity
    Op *ops
    OpTexts *texts           # of each operation, where they are kept
    bint keeps_texts
    Py_ssize_t op_count
    Py_ssize_t op_capacity
    Level *levels
    Py_ssize_t level_count
    Py_ssize_t level_capacity
    Counts counts


cdef str word_text(const Word *word)
cdef bint scan_begin(Scan *scan) noexcept nogil
cdef void scan_end(Scan *scan) noexcept nogil
cdef bint scan_frame(Scan *scan, const char *at, const char *end) noexcept nogil


cdef class Decoder:
    cdef object general
    cdef Scan scan
    cdef list resolved
    cdef bytes payload       # the frame read last, and the texts of one that the twin read: ops point there
    cdef list texts
    cdef list token_texts    # by number
    cdef list market_texts
    cdef int64_t data_frames

    cdef int read(self, bytes payload) except -1
    cdef void count(self, int64_t frames, const Counts *counts) noexcept
    cdef int name_all(self) except -1
    cdef int32_t _name(self, Names *names, object text) except -1
    cdef int _load(self, list ops) except -1
    cdef int _keep(self, object text, Text *kept) except -1
    cdef object _as_tuple(self, const Op *op, const OpTexts *texts)
