"""The StateStore: every token's full book, its state, and the events that leave it.

store_py.py is the definition. Sides hold levels by key, ascending towards the
best, which is last: a bid's key is its price, an ask's the negative price.
"""

include "source_digest.pxi"

cimport cython
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MIN, int32_t, int64_t
from libc.stdlib cimport qsort
from libc.string cimport memmove

from pm_data._fast.checks_c cimport (
    VERDICT_BBO,
    VERDICT_HASH,
    VERDICT_NONE,
    VERDICT_VERIFIED,
    BookChecks,
    Side,
    Verdict,
)
from pm_data._fast.decode_c cimport (
    OP_BOOK,
    OP_CHANGE,
    OP_RESOLVED,
    OP_TICK_SIZE,
    OP_TRADE,
    Decoder,
    Level,
    Op,
    OpTexts,
)
from pm_data._fast.events_c cimport MarketStatus, TopOfBookUpdate, Trade

from pm_data._fast.book_side import SAMPLES
from pm_data._fast.decode_py import FRAME_CLASSES, ITEM_COUNTERS
from pm_data._fast.e6_py import from_e6
from pm_data._fast.ops import GlobalState
from pm_data._fast.store_py import STORE_COUNTERS
from pm_data._fast.verdicts import checked_mode

cdef tuple _STATUS_NAMES = ("new", "live", "suspect", "resolved")
cdef Py_ssize_t _SAMPLES = SAMPLES

cdef inline object _optional(int64_t value):
    return None if value < 0 else value


cdef inline int64_t _or_absent(value) except? -1:
    return -1 if value is None else value


include "book_side.pxi"
include "market_state.pxi"


@cython.final
cdef class StateStore:
    """Apply frames to books; one instance is one run's state."""

    def __cinit__(self, str book_checks not None="off"):
        self._checks = None if checked_mode(book_checks) == "off" else BookChecks()
        self._suspecting = book_checks == "suspect"
        self._pairs = {}
        self._legs = {}
        self._ts_event = self._ts_recv = -1
        self._decoder = Decoder()
        self._decoder.scan.keeps_texts = self.keeps_texts()
        self._numbering = Numbering(self._decoder.token_texts, self._decoder.market_texts)
        self._tokens = {}

    def frame(self, bytes payload not None, int64_t conn, int64_t ts_recv, int64_t seq):
        """Apply a received frame and return its events, numbered from seq + 1; never raises."""
        self._decoder.read(payload)
        return self._apply(conn, ts_recv, seq)

    def decode(self, bytes payload not None):
        """Decode a received frame for `apply`: the first half of `frame`, for those who time the halves."""
        self._decoder.read(payload)

    def apply(self, int64_t conn, int64_t ts_recv, int64_t seq):
        """Apply what was decoded last, as `frame` does."""
        return self._apply(conn, ts_recv, seq)

    def gap(self, asset_ids, int64_t ts_recv, int64_t seq, str cause not None="gap"):
        """Mark live tokens suspect because continuity was lost; return their status events."""
        cdef list events = []
        cdef MarketState token
        for asset_id in asset_ids:
            token = self._token(asset_id)
            if self._checks is not None:
                self._checks.lose(token.market_id, &token._bids, &token._asks, cause)
            if token._status == LIVE:
                self._suspect(token, cause, -1, ts_recv, seq, events)
        return events

    def finish(self, int64_t ts_recv, int64_t seq):
        """Judge what only the end of the stream ends, and return the events of that."""
        cdef list events = []
        cdef MarketState token
        cdef Verdict verdict
        if self._checks is not None:
            for asset_id, verdict in self._checks.finish():
                token = self._tokens[asset_id]
                self._judge(token, verdict, -1, ts_recv, seq, events)
                if verdict == VERDICT_VERIFIED and token._status == LIVE:
                    self._emit_top(token, -1, ts_recv, seq, events)
        return events

    def learn(self, facts):
        """Take what a universe record says of a market."""
        first, second = facts.asset_ids if len(facts.asset_ids) == 2 else ("", "")
        if first != second:
            self._pairs[first] = self._pairs[second] = (first, second)
        if self._checks is not None:
            self._checks.learn_facts(facts)

    def restore(self, asset_id, state, int64_t ts_recv):
        """Bring a token into this state, without an event; its owner stays."""
        cdef MarketState token = self._token(asset_id)
        if state.market is not None:
            self._join(token, state.market)
        self._set_status(token, <Status><int>_STATUS_NAMES.index(state.status), state.cause)
        token._ts_event, token._ts_recv = _or_absent(state.ts_event), ts_recv
        token._top.bid_px, token._top.bid_sz = _or_absent(state.bid_px_e6), _or_absent(state.bid_sz_e6)
        token._top.ask_px, token._top.ask_sz = _or_absent(state.ask_px_e6), _or_absent(state.ask_sz_e6)
        token._tick_size = _or_absent(state.tick_size_e6)
        token._last_trade_price = _or_absent(state.last_trade_price_e6)
        token._last_trade_size = _or_absent(state.last_trade_size_e6)
        token._is_shown = False
        _restore_side(&token._bids, state.bids, 1)
        _restore_side(&token._asks, state.asks, -1)
        if self._checks is not None:
            self._checks.learn(state.market, token._tick_size, token._last_trade_price)
            if token._status == SUSPECT:
                self._checks.lose(token.market_id, &token._bids, &token._asks, token.cause)

    def own(self, asset_ids, int64_t conn):
        """Give tokens that no open connection owns to this one."""
        cdef MarketState token
        for asset_id in asset_ids:
            token = self._token(asset_id)
            if not token.connection:
                token.connection = conn

    def handover(self, asset_ids, int64_t conn):
        """Move tokens to this connection, whoever owned them."""
        for asset_id in asset_ids:
            self._token(asset_id).connection = conn

    def disown(self, asset_ids, int64_t conn):
        """Take these tokens from this connection."""
        cdef MarketState token
        for asset_id in asset_ids:
            token = self._token(asset_id)
            if token.connection == conn:
                token.connection = 0

    def release(self, int64_t conn):
        """Take every token from a connection that has closed."""
        cdef MarketState token
        for token in self._tokens.values():
            if token.connection == conn:
                token.connection = 0

    def market(self, asset_id):
        """Return the token's state, kept up to date; None for one that no record has named."""
        return self._tokens.get(asset_id)

    def pair(self, asset_id):
        """Return both tokens of a token's market, None where the stream has not named both."""
        pair = self._pairs.get(asset_id)
        token = self._tokens.get(asset_id)
        if pair is None and token is not None and token.market is not None:
            legs = self._legs[token.market]
            if len(legs) == 2:
                pair = tuple(legs)
        return pair

    def global_state(self):
        """Return the sums over all tokens at this moment."""
        return GlobalState(
            self._statuses[<int>NEW],
            self._statuses[<int>LIVE],
            self._statuses[<int>SUSPECT],
            self._statuses[<int>RESOLVED],
            len(self._legs),
            _optional(self._ts_event),
            _optional(self._ts_recv),
            self._top_of_book_events,
            self._trade_events,
            self._status_events,
        )

    def asset_ids(self):
        """Return every token known, in the order in which they were first named."""
        return list(self._tokens)

    def counters(self):
        """Return every counter: FRAME_CLASSES, ITEM_COUNTERS, STORE_COUNTERS, and those of book checks."""
        return {
            **self._decoder.counters,
            "top_of_book_events": self._top_of_book_events,
            "trade_events": self._trade_events,
            "status_events": self._status_events,
            "crossed": self._crossed,
            "delta_without_book": self._delta_without_book,
            "not_owner": self._not_owner,
            "bid_scan_count": self._bid_scan_count,
            "ask_scan_count": self._ask_scan_count,
            "tob_sample_misses": self._tob_sample_misses,
            **({} if self._checks is None else self._checks.counters()),
        }

    def outcomes(self):
        """Return how the book checks of each token came out; empty where they are off."""
        return {} if self._checks is None else self._checks.outcomes()

    def incidents(self):
        """Return the spans in which hashes failed, at most INCIDENTS_KEPT_MAX, in order."""
        return [] if self._checks is None else self._checks.incidents.kept

    def names(self):
        """Return the tables of names seen: `types`, `unknown_types`, `unknown_keys`, `texts`."""
        return self._decoder.names

    def samples(self):
        """Return the first frame of each unknown type and key, cut to 200 characters."""
        return dict(self._decoder.samples)

    cdef MarketState _token(self, asset_id):
        token = self._tokens.get(asset_id)
        if token is None:
            token = self._tokens[asset_id] = MarketState(asset_id)
            self._statuses[<int>NEW] += 1
        return <MarketState>token

    cdef int _join(self, MarketState token, market) except -1:
        cdef list legs = self._legs.setdefault(market, [])
        token.market = market
        if len(legs) < 3 and token.market_id not in legs:  # a third shows that they are no pair
            legs.append(token.market_id)
        return 0

    cdef int _set_status(self, MarketState token, Status status, str cause) except -1:
        self._statuses[<int>token._status] -= 1
        self._statuses[<int>status] += 1
        token._status, token.cause = status, cause
        return 0

    cdef MarketState _numbered(self, Numbering numbering, int32_t number):
        cdef list states = numbering.states
        if number < PyList_GET_SIZE(states):
            token = <object>PyList_GET_ITEM(states, number)
            if token is not None:
                return <MarketState>token
        while len(states) <= number:
            states.append(None)
        token = states[number] = self._token(numbering.token_texts[number])
        return <MarketState>token

    cdef list _apply(self, int64_t conn, int64_t ts_recv, int64_t seq):
        cdef list events = []
        cdef Py_ssize_t i, count = min(self._decoder.scan.op_count, FETCHED_OPS)
        for i in range(count):
            fetch_state(self._numbering, self._decoder.scan.ops + i)
        for i in range(count):
            fetch_best(self._numbering, self._decoder.scan.ops + i)
        self.apply_operations(
            self._numbering,
            self._decoder.scan.ops,
            self._decoder.scan.texts,
            self._decoder.scan.op_count,
            self._decoder.scan.levels,
            conn,
            ts_recv,
            seq,
            events,
        )
        return events

    cdef bint keeps_texts(self) noexcept:
        """Say whether operations must come with their texts."""
        return self._checks is not None

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
    ) except -1:
        """Apply a frame's operations; `events` is empty, and takes what leaves."""
        cdef Py_ssize_t i
        cdef const Op *op
        cdef MarketState token
        for i in range(count):
            op = &ops[i]
            if op.kind == OP_RESOLVED:
                self._apply_resolved(op, conn, ts_recv, seq, events)
                continue
            token = self._numbered(numbering, op.token)
            if token.connection and token.connection != conn:
                self._not_owner += 1
                continue
            if op.market >= 0:
                text = <object>PyList_GET_ITEM(numbering.market_texts, op.market)
                if token.market is not text:
                    self._join(token, text)
            token._ts_event, token._ts_recv = op.ts_event, ts_recv
            self._ts_event, self._ts_recv = op.ts_event, ts_recv
            if self._checks is not None:
                self._check(token, op, texts + i, ts_recv, seq, events)
            if op.kind == OP_CHANGE:
                self._apply_change(token, op)
            elif op.kind == OP_BOOK:
                self._apply_book(token, op, levels, ts_recv, seq, events)
            elif op.kind == OP_TRADE:
                self._apply_trade(token, op, ts_recv, seq, events)
                continue
            else:
                self._apply_tick_size(token, op, ts_recv, seq, events)
                continue
            # A token's top of book leaves once a frame, at its last book operation there.
            if op.is_last and token._status == LIVE and not token._is_shown:
                self._emit_top(token, op.ts_event, ts_recv, seq, events)
        return 0

    cdef int _check(
        self, MarketState token, const Op *op, const OpTexts *texts, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        """Let the book checks see an operation that is about to be applied."""
        cdef Verdict verdict
        if op.kind == OP_TRADE:
            self._checks.learn(token.market, -1, op.price)
        elif op.kind == OP_TICK_SIZE:
            self._checks.learn(token.market, op.price, -1)
        elif op.kind == OP_BOOK or token._status != NEW:
            verdict = self._checks.message(token.market_id, token.market, &token._bids, &token._asks, op, texts)
            self._judge(token, verdict, op.ts_event, ts_recv, seq, events)
        return 0

    cdef int _judge(
        self, MarketState token, Verdict verdict, int64_t ts_event, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        """Mark a token as the verdict on one of its runs says."""
        if verdict == VERDICT_NONE or not self._suspecting:
            return 0
        if verdict != VERDICT_VERIFIED:
            if token._status == LIVE:
                cause = "hash" if verdict == VERDICT_HASH else "bbo" if verdict == VERDICT_BBO else "mirror"
                self._suspect(token, cause, ts_event, ts_recv, seq, events)
        elif token._status == SUSPECT and token.cause != "gap":
            self._set_status(token, LIVE, "")
            self._emit_status(token, "live", "", ts_event, ts_recv, seq, events)
        return 0

    cdef int _suspect(
        self, MarketState token, str cause, int64_t ts_event, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        self._set_status(token, SUSPECT, cause)
        self._emit_status(token, "suspect", cause, ts_event, ts_recv, seq, events)
        return 0

    cdef inline int _apply_change(self, MarketState token, const Op *op) except -1:
        if token._status == NEW:
            self._delta_without_book += 1
        elif _set_level(
            &token._bids if op.side == 1 else &token._asks, op.price if op.side == 1 else -op.price, op.size
        ):
            token._is_shown = False
        return 0

    cdef int _apply_book(
        self, MarketState token, const Op *op, const Level *levels, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        token._is_shown = False
        self._read_side(&token._bids, levels + op.first_bid, op.bids, 1, &self._bid_scan_count)
        self._read_side(&token._asks, levels + op.first_ask, op.asks, -1, &self._ask_scan_count)
        if op.price >= 0:
            token._tick_size = op.price
        if op.size >= 0:
            token._last_trade_price = op.size
        if token._status == NEW:
            self._set_status(token, LIVE, "")
        elif token._status == SUSPECT:
            self._set_status(token, LIVE, "")
            self._emit_status(token, "live", "", op.ts_event, ts_recv, seq, events)
        return 0

    cdef int _read_side(
        self, Side *side, const Level *levels, Py_ssize_t count, int sign, int64_t *scan_count
    ) except -1:
        """Replace a side by wire levels; of a price named twice the last counts."""
        if not _read_sorted(side, levels, count, sign):
            if _looks_sorted(levels, count, sign):
                self._tob_sample_misses += 1
            scan_count[0] += 1
            _read_unsorted(side, levels, count, sign)
        return 0

    cdef int _apply_trade(
        self, MarketState token, const Op *op, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        cdef Trade event
        token._last_trade_price, token._last_trade_size = op.price, op.size
        self._trade_events += 1
        token.sequence = seq + len(events) + 1
        event = Trade.__new__(Trade)
        event.market_id = token.market_id
        event.side = None if op.side < 0 else "buy" if op.side else "sell"
        event.price_e6, event._size = op.price, op.size
        event._ts_event, event.ts_recv, event.seq = op.ts_event, ts_recv, token.sequence
        events.append(event)
        return 0

    cdef int _apply_tick_size(
        self, MarketState token, const Op *op, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        if token._tick_size != op.price:
            token._tick_size = op.price
            self._emit_status(token, "tick_size", from_e6(op.price), op.ts_event, ts_recv, seq, events)
        return 0

    cdef int _apply_resolved(
        self, const Op *op, int64_t conn, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        cdef MarketState token
        resolved = self._decoder.resolved[op.token]  # only the twin's decoder reads these
        for asset_id, payout in zip(resolved.asset_ids, resolved.payouts):
            token = self._token(asset_id)
            if token.connection and token.connection != conn:
                self._not_owner += 1
            elif token._status != RESOLVED:
                token._ts_event, token._ts_recv = op.ts_event, ts_recv
                self._ts_event, self._ts_recv = op.ts_event, ts_recv
                if op.market >= 0:
                    self._join(token, self._decoder.market_texts[op.market])
                self._set_status(token, RESOLVED, payout)
                self._emit_status(token, "resolved", payout, op.ts_event, ts_recv, seq, events)
        return 0

    cdef int _emit_status(
        self,
        MarketState token,
        str status,
        str cause,
        int64_t ts_event,
        int64_t ts_recv,
        int64_t seq,
        list events,
    ) except -1:
        cdef MarketStatus event = MarketStatus.__new__(MarketStatus)
        self._status_events += 1
        token.sequence = seq + len(events) + 1
        event.market_id, event.status, event.cause = token.market_id, status, cause
        event._ts_event, event.ts_recv, event.seq = ts_event, ts_recv, token.sequence
        events.append(event)
        return 0

    cdef int _emit_top(
        self, MarketState token, int64_t ts_event, int64_t ts_recv, int64_t seq, list events
    ) except -1:
        cdef Top top = _book_top(token)
        cdef TopOfBookUpdate event
        token._is_shown = True
        if (
            top.bid_px == token._top.bid_px
            and top.bid_sz == token._top.bid_sz
            and top.ask_px == token._top.ask_px
            and top.ask_sz == token._top.ask_sz
        ):
            return 0
        token._top = top
        if top.bid_px >= 0 and top.ask_px >= 0 and top.bid_px >= top.ask_px:
            self._crossed += 1
        self._top_of_book_events += 1
        token.sequence = seq + len(events) + 1
        event = TopOfBookUpdate.__new__(TopOfBookUpdate)
        event.market_id, event._market = token.market_id, token
        event._bid_px, event._bid_sz = top.bid_px, top.bid_sz
        event._ask_px, event._ask_sz = top.ask_px, top.ask_sz
        event._ts_event, event.ts_recv, event.seq = ts_event, ts_recv, token.sequence
        events.append(event)
        return 0
