"""The decoder: scans the venue's usual bytes; decode_py.py is the definition.

The scanner accepts printable ASCII without escapes, known keys once each,
plain numbers in range, and the three messages that make up a market's traffic,
in any key order and white space (and new_market, which says nothing of a book).
Whatever else a frame holds, the whole frame is handed to the Python twin, so
strange input cannot make the two differ. Behind a frame stands a byte that no
rule accepts, or that leads past the frame's end: so single bytes can be looked
at without a length check.
"""

include "source_digest.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from pm_data._fast.decode_py import FRAME_CLASSES, ITEM_COUNTERS, GeneralDecoder
from pm_data._fast.ops import MAX_PRICE_E6, MAX_SIZE_E6, BookOp, ChangeOp, ResolvedOp, TickSizeOp, TradeOp

include "scan.pxi"
include "names.pxi"
include "new_market.pxi"
include "messages.pxi"


cdef object _text(const Text *text):
    return None if text.at == NULL else text.at[:text.length].decode("utf-8", "surrogatepass")


cdef class Decoder:
    """Decode frames one after another, counting what they were; attributes as the twin's."""

    def __cinit__(self):
        self.general = GeneralDecoder()
        self.resolved = []
        self.texts = []
        self.token_texts = []
        self.market_texts = []
        self.data_frames = 0
        if not scan_begin(&self.scan):
            raise MemoryError
        self.scan.keeps_texts = True

    def __dealloc__(self):
        scan_end(&self.scan)

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
            ("book", self.scan.counts.books),
            ("price_change", self.scan.counts.changes),
            ("last_trade_price", self.scan.counts.trades),
            ("new_market", self.scan.counts.new_markets),
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
        return [self._as_tuple(&self.scan.ops[i], &self.scan.texts[i]) for i in range(self.scan.op_count)]

    cdef object _as_tuple(self, const Op *op, const OpTexts *texts):
        cdef Level *levels = self.scan.levels
        market = None if op.market < 0 else self.market_texts[op.market]
        ts_event = None if op.ts_event < 0 else op.ts_event
        if op.kind == OP_RESOLVED:
            return self.resolved[op.token]
        asset_id = self.token_texts[op.token]
        if op.kind == OP_CHANGE:
            return ChangeOp(
                asset_id,
                market,
                ts_event,
                op.side == 1,
                op.price,
                op.size,
                _text(&texts.hash),
                _text(&texts.best_bid),
                _text(&texts.best_ask),
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
            [(levels[i].price, levels[i].size) for i in range(op.first_bid, op.first_bid + op.bids)],
            [(levels[i].price, levels[i].size) for i in range(op.first_ask, op.first_ask + op.asks)],
            None if op.price < 0 else op.price,
            None if op.size < 0 else op.size,
            _text(&texts.hash),
        )

    cdef int read(self, bytes payload) except -1:
        """Fill the scan's operations from a frame; they stay until the next one is read."""
        cdef const char *start = PyBytes_AS_STRING(payload)
        self.payload = payload
        self.scan.op_count = self.scan.level_count = 0
        if scan_frame(&self.scan, start, start + PyBytes_GET_SIZE(payload)):
            self.data_frames += 1
        else:
            self._load(self.general.decode(payload))
        self.name_all()
        return 0

    cdef void count(self, int64_t frames, const Counts *counts) noexcept:
        """Count frames that were scanned elsewhere, and their messages."""
        self.data_frames += frames
        self.scan.counts.books += counts.books
        self.scan.counts.changes += counts.changes
        self.scan.counts.trades += counts.trades
        self.scan.counts.new_markets += counts.new_markets

    cdef int name_all(self) except -1:
        """Put the texts of all names into their lists."""
        while len(self.token_texts) < self.scan.tokens.count:
            self.token_texts.append(word_text(&self.scan.tokens.words[len(self.token_texts)]))
        while len(self.market_texts) < self.scan.markets.count:
            self.market_texts.append(word_text(&self.scan.markets.words[len(self.market_texts)]))
        return 0

    cdef int32_t _name(self, Names *names, object text) except -1:
        cdef bytes encoded = text.encode("utf-8", "surrogatepass")
        cdef int32_t number = names_number(names, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
        if number < 0:
            raise MemoryError
        return number

    cdef int _load(self, list ops) except -1:
        """Take over the operations that the Python twin decoded."""
        cdef Op *op
        cdef Level *level
        self.scan.op_count = self.scan.level_count = 0
        self.resolved.clear()
        self.texts.clear()
        for item in ops:
            op = new_op(&self.scan)
            if op == NULL:
                raise MemoryError
            op.market = -1 if item.market is None else self._name(&self.scan.markets, item.market)
            op.ts_event = -1 if item.ts_event is None else item.ts_event
            op.price = op.size = -1
            op.side = -1
            if isinstance(item, ResolvedOp):
                op.kind = OP_RESOLVED
                op.token = len(self.resolved)
                self.resolved.append(item)
                continue
            op.token = self._name(&self.scan.tokens, item.asset_id)
            if isinstance(item, ChangeOp):
                op.kind = OP_CHANGE
                op.side, op.price, op.size = item.is_bid, item.price_e6, item.size_e6
                if self.scan.keeps_texts:
                    self._keep(item.hash, &op_texts(&self.scan).hash)
                    self._keep(item.best_bid, &op_texts(&self.scan).best_bid)
                    self._keep(item.best_ask, &op_texts(&self.scan).best_ask)
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
                if self.scan.keeps_texts:
                    self._keep(item.hash, &op_texts(&self.scan).hash)
                if item.tick_size_e6 is not None:
                    op.price = item.tick_size_e6
                if item.last_trade_price_e6 is not None:
                    op.size = item.last_trade_price_e6
                op.first_bid, op.bids = self.scan.level_count, len(item.bids)
                op.first_ask, op.asks = op.first_bid + op.bids, len(item.asks)
                for price, size in item.bids + item.asks:
                    level = new_level(&self.scan)
                    if level == NULL:
                        raise MemoryError
                    level.price, level.size = price, size
        if not mark_last(&self.scan, 0):
            raise MemoryError
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


cdef str word_text(const Word *word):
    return word.text[:word.length].decode("utf-8", "surrogatepass")
