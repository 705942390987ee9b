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

from pm_data._fast.decode_py import FRAME_CLASSES, ITEM_COUNTERS, GeneralDecoder
from pm_data._fast.ops import MAX_PRICE_E6, MAX_SIZE_E6, BookOp, ChangeOp, ResolvedOp, TickSizeOp, TradeOp

include "scan.pxi"


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
        cdef uint64_t code = pm_hash(text, length)
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
        cdef uint64_t code = pm_hash(text, length)
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


cdef object _text(const Text *text):
    return None if text.at == NULL else text.at[:text.length].decode("utf-8", "surrogatepass")


cdef class Decoder:
    """Decode frames one after another, counting what they were; attributes as the twin's."""

    def __cinit__(self):
        self.general = GeneralDecoder()
        self.tokens = Names()
        self.markets = Names()
        self.resolved = []
        self.texts = []
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
            return ChangeOp(
                asset_id,
                market,
                ts_event,
                op.side == 1,
                op.price,
                op.size,
                _text(&op.hash),
                _text(&op.best_bid),
                _text(&op.best_ask),
            )
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
            _text(&op.hash),
        )

    cdef int read(self, bytes payload) except -1:
        """Fill ops and levels from a frame; they stay until the next one is read."""
        cdef int64_t books = self.book_messages
        cdef int64_t changes = self.change_messages
        cdef int64_t trades = self.trade_messages
        cdef const char *start = PyBytes_AS_STRING(payload)
        self.payload = payload
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
        cdef Text key, market, asset_id, timestamp, event_type, tick, last_price, price, size, side, book_hash
        cdef Text other
        cdef Text *value
        cdef int seen = 0, bit
        cdef Py_ssize_t first_bid = 0, first_ask = 0, bids = 0, asks = 0, first_op = self.op_count, i
        cdef Py_ssize_t market_index = -1
        cdef int64_t ts_event
        cdef Op *op
        cdef const char *after = self._scan_price_change(at, end)
        if after != NULL:
            return after
        self.op_count = first_op
        if at[0] != b"{":
            return NULL
        at = _space(at + 1)
        while True:
            at = pm_string(at, end, &key)
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
                elif bit == KEY_HASH:
                    value = &book_hash
                else:
                    value = &other
                at = pm_string(at, end, value)
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
            market_index = self._market(market.at, market.length)
        if _same(event_type, b"price_change", 12):
            if seen & CHANGE_NEEDS != CHANGE_NEEDS or seen & ~CHANGE_MAY:
                return NULL
            self._complete_changes(first_op, market_index, ts_event)
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
            op.hash.at = NULL
            if seen & KEY_HASH:
                op.hash = book_hash
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

    cdef const char *_scan_price_change(self, const char *at, const char *end) except? NULL:
        """Read a price_change in the venue's own key order; return what follows it, or NULL."""
        cdef Text market, timestamp
        cdef Py_ssize_t first_op = self.op_count
        cdef int64_t ts_event
        at = pm_usual_head(at, end, &market)
        if at == NULL:
            return NULL
        at = self._scan_changes(at, end)
        if at == NULL:
            return NULL
        at = pm_usual_tail(at, end, &timestamp)
        if at == NULL:
            return NULL
        ts_event = _nanoseconds(timestamp)
        if ts_event < 0:
            return NULL
        self._complete_changes(first_op, self._market(market.at, market.length), ts_event)
        return at

    cdef int _complete_changes(self, Py_ssize_t first_op, Py_ssize_t market, int64_t ts_event) except -1:
        """Give the operations of a price_change what stands beside its list."""
        cdef Py_ssize_t i
        for i in range(first_op, self.op_count):
            self.ops[i].market = market
            self.ops[i].ts_event = ts_event
        self.change_messages += 1
        return 0

    cdef const char *_scan_levels(
        self, const char *at, const char *end, Py_ssize_t *first, Py_ssize_t *count
    ) except? NULL:
        """Read a list of {price, size} and append its levels; return what follows it, or NULL."""
        cdef Text price, size
        cdef const char *after
        cdef Level *level
        first[0] = self.level_count
        if at[0] != b"[":
            return NULL
        at = _space(at + 1)
        if at[0] == b"]":
            return at + 1
        while True:
            after = pm_usual_level(at, end, &price, &size)
            if after == NULL:
                after = _level(at, end, &price, &size)
                if after == NULL:
                    return NULL
            level = self._new_level()
            level.price, level.size = _price(price), _size(size)
            if level.price < 0 or level.size < 0:
                return NULL
            at = _space(after)
            if at[0] == b",":
                at = _space(at + 1)
            elif at[0] == b"]":
                count[0] = self.level_count - first[0]
                return at + 1
            else:
                return NULL

    cdef const char *_scan_changes(self, const char *at, const char *end) except? NULL:
        """Read the list of a price_change and append its operations; return what follows it, or NULL."""
        cdef Entry entry
        cdef const char *after
        cdef Op *op
        if at[0] != b"[":
            return NULL
        at = _space(at + 1)
        while True:
            after = pm_usual_entry(at, end, &entry)
            if after == NULL:
                after = _entry(at, end, &entry)
                if after == NULL:
                    return NULL
            op = self._new_op()
            op.kind = OP_CHANGE
            op.price, op.size, op.side = _price(entry.price), _size(entry.size), _side(entry.side)
            if op.price < 0 or op.size < 0 or op.side < 0:
                return NULL
            op.token = self._token(entry.asset_id.at, entry.asset_id.length)
            if op.token < 0:
                return NULL
            op.hash, op.best_bid, op.best_ask = entry.hash, entry.best_bid, entry.best_ask
            at = _space(after)
            if at[0] == b",":
                at = _space(at + 1)
            elif at[0] == b"]":
                return at + 1
            else:
                return NULL

    cdef Py_ssize_t _market(self, const char *text, Py_ssize_t length) except -2:
        """Return the number of a market's text."""
        cdef Py_ssize_t index = self.markets.find(text, length)
        return index if index >= 0 else self.markets.add(text, length)

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
        self.texts.clear()
        for item in ops:
            op = self._new_op()
            op.market = -1
            if item.market is not None:
                text = item.market.encode("utf-8", "surrogatepass")
                op.market = self._market(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
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
                self._keep(item.hash, &op.hash)
                self._keep(item.best_bid, &op.best_bid)
                self._keep(item.best_ask, &op.best_ask)
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
                self._keep(item.hash, &op.hash)
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

    cdef int _keep(self, object text, Text *kept) except -1:
        """Point to a text of the Python twin's, which stays until the next frame is read."""
        cdef bytes encoded
        kept.at = NULL
        if text is not None:
            encoded = text.encode("utf-8", "surrogatepass")
            self.texts.append(encoded)
            kept.at, kept.length = PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)
        return 0
