"""The decoder: scans the venue's usual bytes; decode_py.py is the definition.

The scanner accepts printable ASCII without escapes, known keys once each,
plain numbers in range, and the three messages that make up a market's traffic,
in any key order and white space. Whatever else a frame holds, the whole frame
is handed to the Python twin, so strange input cannot make the two differ.
The bytes object ends with a NUL, which no rule accepts: so single bytes can be
looked at without a length check.
"""

include "source_digest.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from pm_data._fast.decode_py import FRAME_CLASSES, ITEM_COUNTERS, MAX_PRICE_E6, MAX_SIZE_E6
from pm_data._fast.decode_py import Decoder as GeneralDecoder
from pm_data._fast.ops import BookOp, ChangeOp, ResolvedOp, TickSizeOp, TradeOp

cdef enum:
    KEY_MARKET = 1
    KEY_ASSET_ID = 2
    KEY_TIMESTAMP = 4
    KEY_HASH = 8
    KEY_BIDS = 16
    KEY_ASKS = 32
    KEY_TICK_SIZE = 64
    KEY_EVENT_TYPE = 128
    KEY_LAST_TRADE_PRICE = 256
    KEY_PRICE_CHANGES = 512
    KEY_PRICE = 1024
    KEY_SIZE = 2048
    KEY_SIDE = 4096
    KEY_FEE_RATE_BPS = 8192
    KEY_TRANSACTION_HASH = 16384
    KEY_BEST_BID = 32768
    KEY_BEST_ASK = 65536

    BOOK_NEEDS = KEY_ASSET_ID | KEY_TIMESTAMP | KEY_BIDS | KEY_ASKS | KEY_EVENT_TYPE
    BOOK_MAY = BOOK_NEEDS | KEY_MARKET | KEY_HASH | KEY_TICK_SIZE | KEY_LAST_TRADE_PRICE
    CHANGE_NEEDS = KEY_PRICE_CHANGES | KEY_TIMESTAMP | KEY_EVENT_TYPE
    CHANGE_MAY = CHANGE_NEEDS | KEY_MARKET
    TRADE_NEEDS = KEY_ASSET_ID | KEY_TIMESTAMP | KEY_EVENT_TYPE | KEY_PRICE | KEY_SIZE | KEY_SIDE
    TRADE_MAY = TRADE_NEEDS | KEY_MARKET | KEY_FEE_RATE_BPS | KEY_TRANSACTION_HASH
    ENTRY_NEEDS = KEY_ASSET_ID | KEY_PRICE | KEY_SIZE | KEY_SIDE
    ENTRY_MAY = ENTRY_NEEDS | KEY_HASH | KEY_BEST_BID | KEY_BEST_ASK

cdef int64_t _MAX_PRICE = MAX_PRICE_E6
cdef int64_t _MAX_SIZE = MAX_SIZE_E6
cdef int64_t _MAX_MILLISECONDS = 9_223_372_036_854  # × 10**6 still fits int64
cdef int64_t[7] _SCALE = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1]

ctypedef struct Text:
    const char *at
    Py_ssize_t length


cdef inline const char *_space(const char *at) noexcept nogil:
    while at[0] == b" " or at[0] == b"\n" or at[0] == b"\r" or at[0] == b"\t":
        at += 1
    return at


cdef extern from *:
    """
    #ifdef __SSE2__
    #include <emmintrin.h>
    #endif

    /* Return the quote that ends a string of plain printable ASCII; NULL when anything else comes first. */
    static inline const char *pm_closing_quote(const char *at, const char *end) {
    #ifdef __SSE2__
        const __m128i space = _mm_set1_epi8(32), quote = _mm_set1_epi8('"');
        const __m128i backslash = _mm_set1_epi8(92), delete = _mm_set1_epi8(127);
        while (end - at >= 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            /* signed: what is not ASCII is negative, and so less than a space, too */
            __m128i special = _mm_or_si128(
                _mm_or_si128(_mm_cmplt_epi8(bytes, space), _mm_cmpeq_epi8(bytes, quote)),
                _mm_or_si128(_mm_cmpeq_epi8(bytes, backslash), _mm_cmpeq_epi8(bytes, delete)));
            int mask = _mm_movemask_epi8(special);
            if (mask) {
                at += __builtin_ctz(mask);
                return *at == '"' ? at : NULL;
            }
            at += 16;
        }
    #endif
        for (; at < end; at++) {
            unsigned char letter = (unsigned char)*at;
            if (letter == '"') return at;
            if (letter < 32 || letter > 126 || letter == 92) return NULL;
        }
        return NULL;
    }
    """
    const char *pm_closing_quote(const char *at, const char *end) noexcept nogil


cdef inline const char *_string(const char *at, const char *end, Text *text) noexcept nogil:
    """Read a string of plain printable ASCII; return what follows it, or NULL."""
    cdef const char *quote
    if at[0] != b'"':
        return NULL
    quote = pm_closing_quote(at + 1, end)
    if quote == NULL:
        return NULL
    text.at = at + 1
    text.length = quote - text.at
    return quote + 1


cdef inline bint _same(Text text, const char *word, Py_ssize_t length) noexcept nogil:
    return text.length == length and memcmp(text.at, word, length) == 0


cdef int _key(Text text) noexcept nogil:
    """Return the KEY_ bit of a known key, or 0."""
    if text.length == 4:
        if memcmp(text.at, b"size", 4) == 0:
            return KEY_SIZE
        if memcmp(text.at, b"side", 4) == 0:
            return KEY_SIDE
        if memcmp(text.at, b"hash", 4) == 0:
            return KEY_HASH
        if memcmp(text.at, b"bids", 4) == 0:
            return KEY_BIDS
        if memcmp(text.at, b"asks", 4) == 0:
            return KEY_ASKS
    elif text.length == 5:
        if memcmp(text.at, b"price", 5) == 0:
            return KEY_PRICE
    elif text.length == 6:
        if memcmp(text.at, b"market", 6) == 0:
            return KEY_MARKET
    elif text.length == 8:
        if memcmp(text.at, b"asset_id", 8) == 0:
            return KEY_ASSET_ID
        if memcmp(text.at, b"best_bid", 8) == 0:
            return KEY_BEST_BID
        if memcmp(text.at, b"best_ask", 8) == 0:
            return KEY_BEST_ASK
    elif text.length == 9:
        if memcmp(text.at, b"timestamp", 9) == 0:
            return KEY_TIMESTAMP
        if memcmp(text.at, b"tick_size", 9) == 0:
            return KEY_TICK_SIZE
    elif text.length == 10:
        if memcmp(text.at, b"event_type", 10) == 0:
            return KEY_EVENT_TYPE
    elif text.length == 12:
        if memcmp(text.at, b"fee_rate_bps", 12) == 0:
            return KEY_FEE_RATE_BPS
    elif text.length == 13:
        if memcmp(text.at, b"price_changes", 13) == 0:
            return KEY_PRICE_CHANGES
    elif text.length == 16:
        if memcmp(text.at, b"last_trade_price", 16) == 0:
            return KEY_LAST_TRADE_PRICE
        if memcmp(text.at, b"transaction_hash", 16) == 0:
            return KEY_TRANSACTION_HASH
    return 0


cdef int64_t _number(Text text) noexcept nogil:
    """Return a decimal of at most 10 whole digits and 6 decimals in e6; -1 for any other text."""
    cdef const char *at = text.at
    cdef const char *end = at + text.length
    cdef const char *point
    cdef int64_t value = 0
    cdef Py_ssize_t decimals
    while at < end and b"0" <= at[0] <= b"9":
        value = value * 10 + (at[0] - 48)
        at += 1
        if at - text.at > 10:
            return -1
    if at == end:
        return -1 if text.length == 0 else value * 1_000_000
    if at[0] != b".":
        return -1
    at += 1
    point = at
    while at < end and b"0" <= at[0] <= b"9":
        if at - point == 6:
            return -1
        value = value * 10 + (at[0] - 48)
        at += 1
    decimals = at - point
    if at != end or decimals == 0:
        return -1
    return value * _SCALE[decimals]


cdef inline int64_t _price(Text text) noexcept nogil:
    cdef int64_t value = _number(text)
    return value if 0 < value <= _MAX_PRICE else -1


cdef inline int64_t _size(Text text) noexcept nogil:
    cdef int64_t value = _number(text)
    return value if value <= _MAX_SIZE else -1


cdef int64_t _nanoseconds(Text text) noexcept nogil:
    """Return milliseconds text in ns; -1 for what the twin must judge."""
    cdef int64_t value = 0
    cdef Py_ssize_t i
    if not 1 <= text.length <= 13:
        return -1
    for i in range(text.length):
        if not b"0" <= text.at[i] <= b"9":
            return -1
        value = value * 10 + (text.at[i] - 48)
    return value * 1_000_000 if value <= _MAX_MILLISECONDS else -1


cdef inline int _side(Text text) noexcept nogil:
    """Return 1 for BUY, 0 for SELL, -1 for any other text."""
    if _same(text, b"BUY", 3):
        return 1
    if _same(text, b"SELL", 4):
        return 0
    return -1


cdef bint _plain_id(Text text) noexcept nogil:
    """Say whether printable ASCII is an asset id: 1 to 128 letters, no space and no `|`."""
    cdef Py_ssize_t i
    if not 1 <= text.length <= 128:
        return False
    for i in range(text.length):
        if text.at[i] == b" " or text.at[i] == b"|":
            return False
    return True


cdef uint64_t _hash(const char *text, Py_ssize_t length) noexcept nogil:
    """Mix a text eight bytes at a time (the multiply-and-fold step of wyhash)."""
    cdef uint64_t value = 0x9E3779B97F4A7C15ULL ^ <uint64_t>length
    cdef uint64_t part
    while length >= 8:
        memcpy(&part, text, 8)
        value = (value ^ part) * 0xA0761D6478BD642FULL
        value ^= value >> 32
        text += 8
        length -= 8
    if length:
        part = 0
        memcpy(&part, text, length)
        value = (value ^ part) * 0xA0761D6478BD642FULL
        value ^= value >> 32
    return value


cdef class Names:
    """Small numbers for byte strings, given out in order of first sight."""

    def __cinit__(self):
        cdef Py_ssize_t i
        self.texts = []
        self.keys = []
        self.mask = 1023
        self.slots = <Slot *>PyMem_Malloc(1024 * sizeof(Slot))
        if self.slots == NULL:
            raise MemoryError
        for i in range(1024):
            self.slots[i].index = -1

    def __dealloc__(self):
        PyMem_Free(self.slots)

    cdef Py_ssize_t find(self, const char *text, Py_ssize_t length) except -2:
        """Return the text's number, or -1."""
        cdef uint64_t code = _hash(text, length)
        cdef Py_ssize_t at = code & self.mask
        cdef bytes key
        while self.slots[at].index >= 0:
            if self.slots[at].hash == code:
                key = <bytes>self.keys[self.slots[at].index]
                if PyBytes_GET_SIZE(key) == length and memcmp(PyBytes_AS_STRING(key), text, length) == 0:
                    return self.slots[at].index
            at = (at + 1) & self.mask
        return -1

    cdef Py_ssize_t add(self, const char *text, Py_ssize_t length) except -2:
        """Return the number of a text that `find` does not know, from now on."""
        cdef bytes key = text[:length]
        cdef Py_ssize_t index = len(self.keys)
        cdef uint64_t code = _hash(text, length)
        cdef Py_ssize_t at
        if index * 2 > self.mask:
            self._grow()
        self.texts.append(key.decode("utf-8", "surrogatepass"))
        self.keys.append(key)
        at = code & self.mask
        while self.slots[at].index >= 0:
            at = (at + 1) & self.mask
        self.slots[at].hash = code
        self.slots[at].index = index
        return index

    cdef int _grow(self) except -1:
        cdef Py_ssize_t size = 2 * (self.mask + 1), i, at
        cdef Slot *slots = <Slot *>PyMem_Malloc(size * sizeof(Slot))
        if slots == NULL:
            raise MemoryError
        for i in range(size):
            slots[i].index = -1
        for i in range(self.mask + 1):
            if self.slots[i].index >= 0:
                at = self.slots[i].hash & (size - 1)
                while slots[at].index >= 0:
                    at = (at + 1) & (size - 1)
                slots[at] = self.slots[i]
        PyMem_Free(self.slots)
        self.slots = slots
        self.mask = size - 1
        return 0


cdef class Decoder:
    """Decode frames one after another, counting what they were; attributes as the twin's."""

    def __cinit__(self):
        self.general = GeneralDecoder()
        self.tokens = Names()
        self.markets = Names()
        self.resolved = []
        self.ops = NULL
        self.levels = NULL
        self.op_count = self.op_capacity = self.level_count = self.level_capacity = 0
        self.data_frames = self.book_messages = self.change_messages = self.trade_messages = 0

    def __dealloc__(self):
        PyMem_Free(self.ops)
        PyMem_Free(self.levels)

    @property
    def counters(self):
        counters = dict(self.general.counters)
        counters["data"] += self.data_frames
        return counters

    @property
    def names(self):
        names = {table: dict(counts) for table, counts in self.general.names.items()}
        types = names["types"]
        for name, count in (
            ("book", self.book_messages),
            ("price_change", self.change_messages),
            ("last_trade_price", self.trade_messages),
        ):
            if count:
                types[name] = types.get(name, 0) + count
        return names

    @property
    def samples(self):
        return self.general.samples

    def decode(self, bytes payload not None):
        """Return the frame's operations in wire order; never raises."""
        cdef Py_ssize_t i
        self.read(payload)
        return [self._as_tuple(&self.ops[i]) for i in range(self.op_count)]

    cdef object _as_tuple(self, Op *op):
        market = None if op.market < 0 else self.markets.texts[op.market]
        ts_event = None if op.ts_event < 0 else op.ts_event
        if op.kind == OP_RESOLVED:
            return self.resolved[op.token]
        asset_id = self.tokens.texts[op.token]
        if op.kind == OP_CHANGE:
            return ChangeOp(asset_id, market, ts_event, op.side == 1, op.price, op.size)
        if op.kind == OP_TRADE:
            side = None if op.side < 0 else "buy" if op.side else "sell"
            return TradeOp(asset_id, market, ts_event, side, op.price, None if op.size < 0 else op.size)
        if op.kind == OP_TICK_SIZE:
            return TickSizeOp(asset_id, market, ts_event, op.price)
        return BookOp(
            asset_id,
            market,
            ts_event,
            [(self.levels[i].price, self.levels[i].size) for i in range(op.first_bid, op.first_bid + op.bids)],
            [(self.levels[i].price, self.levels[i].size) for i in range(op.first_ask, op.first_ask + op.asks)],
            None if op.price < 0 else op.price,
            None if op.size < 0 else op.size,
        )

    cdef int read(self, bytes payload) except -1:
        """Fill ops and levels from a frame."""
        cdef int64_t books = self.book_messages
        cdef int64_t changes = self.change_messages
        cdef int64_t trades = self.trade_messages
        cdef const char *start = PyBytes_AS_STRING(payload)
        self.op_count = self.level_count = 0
        if self._scan(start, start + PyBytes_GET_SIZE(payload)):
            self.data_frames += 1
            return 0
        self.book_messages, self.change_messages, self.trade_messages = books, changes, trades
        self._load(self.general.decode(payload))
        return 0

    cdef bint _scan(self, const char *at, const char *end) except -1:
        """Read the whole frame; False where it is not of the usual kind."""
        at = _space(at)
        if at[0] == b"[":
            at += 1
            while True:
                at = self._scan_message(_space(at), end)
                if at == NULL:
                    return False
                at = _space(at)
                if at[0] == b",":
                    at += 1
                elif at[0] == b"]":
                    at += 1
                    break
                else:
                    return False
        else:
            at = self._scan_message(at, end)
            if at == NULL:
                return False
        return _space(at) == end

    cdef const char *_scan_message(self, const char *at, const char *end) except? NULL:
        """Read one object and append its operations; return what follows it, or NULL."""
        cdef Text key, market, asset_id, timestamp, event_type, tick, last_price, price, size, side, other
        cdef Text *value
        cdef int seen = 0, bit
        cdef Py_ssize_t first_bid = 0, first_ask = 0, bids = 0, asks = 0, first_op = self.op_count, i
        cdef Py_ssize_t market_index = -1
        cdef int64_t ts_event
        cdef Op *op
        if at[0] != b"{":
            return NULL
        at = _space(at + 1)
        while True:
            at = _string(at, end, &key)
            if at == NULL:
                return NULL
            bit = _key(key)
            if bit == 0 or seen & bit:
                return NULL
            seen |= bit
            at = _space(at)
            if at[0] != b":":
                return NULL
            at = _space(at + 1)
            if bit == KEY_BIDS:
                at = self._scan_levels(at, end, &first_bid, &bids)
            elif bit == KEY_ASKS:
                at = self._scan_levels(at, end, &first_ask, &asks)
            elif bit == KEY_PRICE_CHANGES:
                at = self._scan_changes(at, end)
            else:
                if bit == KEY_MARKET:
                    value = &market
                elif bit == KEY_ASSET_ID:
                    value = &asset_id
                elif bit == KEY_TIMESTAMP:
                    value = &timestamp
                elif bit == KEY_EVENT_TYPE:
                    value = &event_type
                elif bit == KEY_TICK_SIZE:
                    value = &tick
                elif bit == KEY_LAST_TRADE_PRICE:
                    value = &last_price
                elif bit == KEY_PRICE:
                    value = &price
                elif bit == KEY_SIZE:
                    value = &size
                elif bit == KEY_SIDE:
                    value = &side
                else:
                    value = &other
                at = _string(at, end, value)
            if at == NULL:
                return NULL
            at = _space(at)
            if at[0] == b",":
                at = _space(at + 1)
            elif at[0] == b"}":
                at += 1
                break
            else:
                return NULL
        if not (seen & KEY_EVENT_TYPE and seen & KEY_TIMESTAMP):
            return NULL
        ts_event = _nanoseconds(timestamp)
        if ts_event < 0:
            return NULL
        if seen & KEY_MARKET:
            market_index = self.markets.find(market.at, market.length)
            if market_index < 0:
                market_index = self.markets.add(market.at, market.length)
        if _same(event_type, b"price_change", 12):
            if seen & CHANGE_NEEDS != CHANGE_NEEDS or seen & ~CHANGE_MAY:
                return NULL
            for i in range(first_op, self.op_count):
                self.ops[i].market = market_index
                self.ops[i].ts_event = ts_event
            self.change_messages += 1
            return at
        if seen & KEY_PRICE_CHANGES:
            return NULL
        if _same(event_type, b"book", 4):
            if seen & BOOK_NEEDS != BOOK_NEEDS or seen & ~BOOK_MAY:
                return NULL
            op = self._new_op()
            op.kind = OP_BOOK
            op.first_bid, op.bids, op.first_ask, op.asks = first_bid, bids, first_ask, asks
            op.price = op.size = -1
            if seen & KEY_TICK_SIZE and tick.length:
                op.price = _price(tick)
                if op.price < 0:
                    return NULL
            if seen & KEY_LAST_TRADE_PRICE and last_price.length:
                op.size = _price(last_price)
                if op.size < 0:
                    return NULL
            self.book_messages += 1
        elif _same(event_type, b"last_trade_price", 16):
            if seen & TRADE_NEEDS != TRADE_NEEDS or seen & ~TRADE_MAY:
                return NULL
            op = self._new_op()
            op.kind = OP_TRADE
            op.price, op.size, op.side = _price(price), _size(size), _side(side)
            if op.price < 0 or op.size < 0 or op.side < 0:
                return NULL
            self.trade_messages += 1
        else:
            return NULL
        op.market, op.ts_event = market_index, ts_event
        op.token = self._token(asset_id.at, asset_id.length)
        return NULL if op.token < 0 else at

    cdef const char *_scan_levels(
        self, const char *at, const char *end, Py_ssize_t *first, Py_ssize_t *count
    ) except? NULL:
        """Read a list of {price, size} and append its levels; return what follows it, or NULL."""
        cdef Text key, price, size
        cdef Level *level
        first[0] = self.level_count
        if at[0] != b"[":
            return NULL
        at = _space(at + 1)
        if at[0] == b"]":
            return at + 1
        while True:
            if at[0] != b"{":
                return NULL
            at = _string(_space(at + 1), end, &key)
            if at == NULL or not _same(key, b"price", 5):
                return NULL
            at = _space(at)
            if at[0] != b":":
                return NULL
            at = _string(_space(at + 1), end, &price)
            if at == NULL:
                return NULL
            at = _space(at)
            if at[0] != b",":
                return NULL
            at = _string(_space(at + 1), end, &key)
            if at == NULL or not _same(key, b"size", 4):
                return NULL
            at = _space(at)
            if at[0] != b":":
                return NULL
            at = _string(_space(at + 1), end, &size)
            if at == NULL:
                return NULL
            at = _space(at)
            if at[0] != b"}":
                return NULL
            level = self._new_level()
            level.price, level.size = _price(price), _size(size)
            if level.price < 0 or level.size < 0:
                return NULL
            at = _space(at + 1)
            if at[0] == b",":
                at = _space(at + 1)
            elif at[0] == b"]":
                count[0] = self.level_count - first[0]
                return at + 1
            else:
                return NULL

    cdef const char *_scan_changes(self, const char *at, const char *end) except? NULL:
        """Read the list of a price_change and append its operations; return what follows it, or NULL."""
        cdef Text key, asset_id, price, size, side, other
        cdef Text *value
        cdef int seen, bit
        cdef Op *op
        if at[0] != b"[":
            return NULL
        at = _space(at + 1)
        while True:
            if at[0] != b"{":
                return NULL
            at = _space(at + 1)
            seen = 0
            while True:
                at = _string(at, end, &key)
                if at == NULL:
                    return NULL
                bit = _key(key)
                if not bit & ENTRY_MAY or seen & bit:
                    return NULL
                seen |= bit
                at = _space(at)
                if at[0] != b":":
                    return NULL
                if bit == KEY_ASSET_ID:
                    value = &asset_id
                elif bit == KEY_PRICE:
                    value = &price
                elif bit == KEY_SIZE:
                    value = &size
                elif bit == KEY_SIDE:
                    value = &side
                else:
                    value = &other
                at = _string(_space(at + 1), end, value)
                if at == NULL:
                    return NULL
                at = _space(at)
                if at[0] == b",":
                    at = _space(at + 1)
                elif at[0] == b"}":
                    at = _space(at + 1)
                    break
                else:
                    return NULL
            if seen & ENTRY_NEEDS != ENTRY_NEEDS:
                return NULL
            op = self._new_op()
            op.kind = OP_CHANGE
            op.price, op.size, op.side = _price(price), _size(size), _side(side)
            if op.price < 0 or op.size < 0 or op.side < 0:
                return NULL
            op.token = self._token(asset_id.at, asset_id.length)
            if op.token < 0:
                return NULL
            if at[0] == b",":
                at = _space(at + 1)
            elif at[0] == b"]":
                return at + 1
            else:
                return NULL

    cdef Py_ssize_t _token(self, const char *text, Py_ssize_t length) except -2:
        """Return the number of an asset id; -1 when the text is none."""
        cdef Text asset_id
        cdef Py_ssize_t index = self.tokens.find(text, length)
        if index >= 0:
            return index
        asset_id.at, asset_id.length = text, length
        return self.tokens.add(text, length) if _plain_id(asset_id) else -1

    cdef Op *_new_op(self) except NULL:
        cdef Py_ssize_t capacity
        cdef Op *ops
        if self.op_count == self.op_capacity:
            capacity = 2 * self.op_capacity + 16
            ops = <Op *>PyMem_Realloc(self.ops, capacity * sizeof(Op))
            if ops == NULL:
                raise MemoryError
            self.ops, self.op_capacity = ops, capacity
        self.op_count += 1
        return &self.ops[self.op_count - 1]

    cdef Level *_new_level(self) except NULL:
        cdef Py_ssize_t capacity
        cdef Level *levels
        if self.level_count == self.level_capacity:
            capacity = 2 * self.level_capacity + 256
            levels = <Level *>PyMem_Realloc(self.levels, capacity * sizeof(Level))
            if levels == NULL:
                raise MemoryError
            self.levels, self.level_capacity = levels, capacity
        self.level_count += 1
        return &self.levels[self.level_count - 1]

    cdef int _load(self, list ops) except -1:
        """Take over the operations that the Python twin decoded."""
        cdef Op *op
        cdef Level *level
        cdef bytes text
        self.op_count = self.level_count = 0
        self.resolved.clear()
        for item in ops:
            op = self._new_op()
            op.market = -1
            if item.market is not None:
                text = item.market.encode("utf-8", "surrogatepass")
                op.market = self.markets.find(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
                if op.market < 0:
                    op.market = self.markets.add(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            op.ts_event = -1 if item.ts_event is None else item.ts_event
            op.price = op.size = -1
            op.side = -1
            if isinstance(item, ResolvedOp):
                op.kind = OP_RESOLVED
                op.token = len(self.resolved)
                self.resolved.append(item)
                continue
            text = item.asset_id.encode("ascii")
            op.token = self._token(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            if isinstance(item, ChangeOp):
                op.kind = OP_CHANGE
                op.side, op.price, op.size = item.is_bid, item.price_e6, item.size_e6
            elif isinstance(item, TradeOp):
                op.kind = OP_TRADE
                op.price = item.price_e6
                if item.size_e6 is not None:
                    op.size = item.size_e6
                if item.side is not None:
                    op.side = item.side == "buy"
            elif isinstance(item, TickSizeOp):
                op.kind = OP_TICK_SIZE
                op.price = item.tick_size_e6
            else:
                op.kind = OP_BOOK
                if item.tick_size_e6 is not None:
                    op.price = item.tick_size_e6
                if item.last_trade_price_e6 is not None:
                    op.size = item.last_trade_price_e6
                op.first_bid, op.bids = self.level_count, len(item.bids)
                op.first_ask, op.asks = op.first_bid + op.bids, len(item.asks)
                for price, size in item.bids + item.asks:
                    level = self._new_level()
                    level.price, level.size = price, size
        return 0
