"""The StateStore: every token's full book, its state, and the events that leave it.

A frame is applied whole before its events are handed out. Token states
(SPEC.md 12): `new` until its first book, `live`, `suspect` after a gap or a failed
book check until its next full book (or verified hash), `resolved` for good.
"""

from array import array
from collections.abc import Iterable

from pm_data._fast.book_side import Int64s, Levels, read_side, set_level
from pm_data._fast.checks_py import BookChecks
from pm_data._fast.decode_py import FRAME_CLASSES, ITEM_COUNTERS, Decoder
from pm_data._fast.e6_py import from_e6
from pm_data._fast.events_py import Event, MarketStatus, TopOfBookUpdate, Trade
from pm_data._fast.market_state import MarketState
from pm_data._fast.ops import (
    BookOp,
    ChangeOp,
    GlobalState,
    MarketFacts,
    Op,
    ResolvedOp,
    TickSizeOp,
    TokenState,
    TradeOp,
)
from pm_data._fast.verdicts import Incident, Outcomes, checked_mode

STORE_COUNTERS = (
    "top_of_book_events",
    "trade_events",
    "status_events",
    "crossed",
    "delta_without_book",
    "not_owner",
    "bid_scan_count",
    "ask_scan_count",
    "tob_sample_misses",
)
_BOOK_OPS = (BookOp, ChangeOp)


class StateStore:
    """Apply frames to books; one instance is one run's state.

    Args:
        book_checks: `off`, `count`, which changes no event, or `suspect`, which marks what fails.

    Raises:
        ValueError: book_checks is none of these.
    """

    def __init__(self, book_checks: str = "off") -> None:
        self._decoder = Decoder()
        self._counters = dict.fromkeys(STORE_COUNTERS, 0)
        self._tokens: dict[str, MarketState] = {}
        self._ops: list[Op] = []
        self._checks = None if checked_mode(book_checks) == "off" else BookChecks()
        self._suspecting = book_checks == "suspect"
        self._statuses = {"new": 0, "live": 0, "suspect": 0, "resolved": 0}
        self._pairs: dict[str, tuple[str, str]] = {}
        self._legs: dict[str, list[str]] = {}
        self._ts_event: int | None = None
        self._ts_recv: int | None = None

    def frame(self, payload: bytes, conn: int, ts_recv: int, seq: int) -> list[Event]:
        """Apply a received frame and return its events, numbered from seq + 1; never raises.

        Args:
            conn: the connection that brought it; tokens that another one owns are left alone.
            ts_recv: the receive stamp, ns.
            seq: the last number given out.
        """
        self.decode(payload)
        return self.apply(conn, ts_recv, seq)

    def decode(self, payload: bytes) -> None:
        """Decode a received frame for `apply`: the first half of `frame`, for those who time the halves."""
        self._ops = self._decoder.decode(payload)

    def apply(self, conn: int, ts_recv: int, seq: int) -> list[Event]:
        """Apply what was decoded last, as `frame` does."""
        return self._apply(self._ops, conn, ts_recv, seq)

    def gap(self, asset_ids: Iterable[str], ts_recv: int, seq: int, cause: str = "gap") -> list[Event]:
        """Mark live tokens suspect because continuity was lost; return their status events."""
        events: list[Event] = []
        for asset_id in asset_ids:
            token = self._token(asset_id)
            if self._checks is not None:
                self._checks.lose(token, cause)
            if token._status == "live":
                self._suspect(token, cause, None, ts_recv, seq, events)
        return events

    def finish(self, ts_recv: int, seq: int) -> list[Event]:
        """Judge what only the end of the stream ends, and return the events of that.

        Args:
            ts_recv: the last record's stamp, ns.
            seq: the last number given out.
        """
        events: list[Event] = []
        for asset_id, verdict in self._checks.finish() if self._checks is not None else ():
            token = self._tokens[asset_id]
            self._judge(token, verdict, None, ts_recv, seq, events)
            if verdict == "verified" and token._status == "live":
                self._emit_top(token, None, ts_recv, seq, events)
        return events

    def learn(self, facts: MarketFacts) -> None:
        """Take what a universe record says of a market."""
        first, second = facts.asset_ids if len(facts.asset_ids) == 2 else ("", "")
        if first != second:
            self._pairs[first] = self._pairs[second] = (first, second)
        if self._checks is not None:
            self._checks.learn_facts(facts)

    def restore(self, asset_id: str, state: TokenState, ts_recv: int) -> None:
        """Bring a token into this state, without an event; its owner stays.

        The caller has checked that a token can be in it.
        """
        token = self._token(asset_id)
        if state.market is not None:
            self._join(token, state.market)
        self._set_status(token, state.status, state.cause)
        token._ts_event, token._ts_recv = state.ts_event, ts_recv
        token._top = state.bid_px_e6, state.bid_sz_e6, state.ask_px_e6, state.ask_sz_e6
        token._tick_size_e6 = state.tick_size_e6
        token._last_trade_price_e6 = state.last_trade_price_e6
        token._last_trade_size_e6 = state.last_trade_size_e6
        token._is_shown = False
        token._bid_keys = array("q", [price for price, _size in reversed(state.bids)])
        token._bid_sizes = array("q", [size for _price, size in reversed(state.bids)])
        token._ask_keys = array("q", [-price for price, _size in reversed(state.asks)])
        token._ask_sizes = array("q", [size for _price, size in reversed(state.asks)])
        if self._checks is not None:
            self._checks.learn(state.market, state.tick_size_e6, state.last_trade_price_e6)
            if state.status == "suspect":
                self._checks.lose(token, state.cause)

    def own(self, asset_ids: Iterable[str], conn: int) -> None:
        """Give tokens that no open connection owns to this one."""
        for asset_id in asset_ids:
            token = self._token(asset_id)
            if not token._connection:
                token._connection = conn

    def handover(self, asset_ids: Iterable[str], conn: int) -> None:
        """Move tokens to this connection, whoever owned them."""
        for asset_id in asset_ids:
            self._token(asset_id)._connection = conn

    def disown(self, asset_ids: Iterable[str], conn: int) -> None:
        """Take these tokens from this connection."""
        for asset_id in asset_ids:
            token = self._token(asset_id)
            if token._connection == conn:
                token._connection = 0

    def release(self, conn: int) -> None:
        """Take every token from a connection that has closed."""
        for token in self._tokens.values():
            if token._connection == conn:
                token._connection = 0

    def market(self, asset_id: str) -> MarketState | None:
        """Return the token's state, kept up to date; None for one that no record has named."""
        return self._tokens.get(asset_id)

    def pair(self, asset_id: str) -> tuple[str, str] | None:
        """Return both tokens of a token's market, None where the stream has not named both.

        They stand in the order of the market's outcomes where a universe record named it, else in
        the order in which frames did.
        """
        pair = self._pairs.get(asset_id)
        token = self._tokens.get(asset_id)
        if pair is None and token is not None and token._market is not None:
            legs = self._legs[token._market]
            if len(legs) == 2:
                pair = legs[0], legs[1]
        return pair

    def global_state(self) -> GlobalState:
        """Return the sums over all tokens at this moment."""
        return GlobalState(
            **self._statuses,
            markets=len(self._legs),
            ts_event=self._ts_event,
            ts_recv=self._ts_recv,
            top_of_book_events=self._counters["top_of_book_events"],
            trade_events=self._counters["trade_events"],
            status_events=self._counters["status_events"],
        )

    def asset_ids(self) -> list[str]:
        """Return every token known, in the order in which they were first named."""
        return list(self._tokens)

    def counters(self) -> dict[str, int]:
        """Return every counter: FRAME_CLASSES, ITEM_COUNTERS, STORE_COUNTERS, and those of book checks."""
        checks = {} if self._checks is None else self._checks.counters()
        return {**self._decoder.counters, **self._counters, **checks}

    def outcomes(self) -> dict[str, Outcomes]:
        """Return how the book checks of each token came out; empty where they are off."""
        return {} if self._checks is None else self._checks.outcomes()

    def incidents(self) -> list[Incident]:
        """Return the spans in which hashes failed, at most INCIDENTS_KEPT_MAX, in order."""
        return [] if self._checks is None else self._checks.incidents.kept

    def names(self) -> dict[str, dict[str, int]]:
        """Return the tables of names seen: `types`, `unknown_types`, `unknown_keys`, `texts`."""
        return {table: dict(counts) for table, counts in self._decoder.names.items()}

    def samples(self) -> dict[str, str]:
        """Return the first frame of each unknown type and key, cut to 200 characters."""
        return dict(self._decoder.samples)

    def _token(self, asset_id: str) -> MarketState:
        token = self._tokens.get(asset_id)
        if token is None:
            token = self._tokens[asset_id] = MarketState(asset_id)
            self._statuses["new"] += 1
        return token

    def _join(self, token: MarketState, market: str) -> None:
        token._market = market
        legs = self._legs.setdefault(market, [])
        if len(legs) < 3 and token._market_id not in legs:  # a third shows that they are no pair
            legs.append(token._market_id)

    def _set_status(self, token: MarketState, status: str, cause: str) -> None:
        self._statuses[token._status] -= 1
        self._statuses[status] += 1
        token._status, token._cause = status, cause

    def _apply(self, ops: list[Op], conn: int, ts_recv: int, seq: int) -> list[Event]:
        events: list[Event] = []
        # A token's top of book leaves once a frame, at its last book operation there.
        last = {op[0]: index for index, op in enumerate(ops) if type(op) in _BOOK_OPS}
        tokens = self._tokens
        for index, op in enumerate(ops):
            if isinstance(op, ResolvedOp):
                self._apply_resolved(op, conn, ts_recv, seq, events)
                continue
            asset_id, market, ts_event = op[:3]
            token = tokens.get(asset_id) or self._token(asset_id)
            if token._connection and token._connection != conn:
                self._counters["not_owner"] += 1
                continue
            if market is not None and market != token._market:
                self._join(token, market)
            token._ts_event, token._ts_recv = self._ts_event, self._ts_recv = ts_event, ts_recv
            if self._checks is not None:
                self._check(self._checks, token, op, ts_recv, seq, events)
            if isinstance(op, ChangeOp):
                self._apply_change(token, op)
            elif isinstance(op, BookOp):
                self._apply_book(token, op, ts_recv, seq, events)
            elif isinstance(op, TradeOp):
                self._apply_trade(token, op, ts_recv, seq, events)
            else:
                self._apply_tick_size(token, op, ts_recv, seq, events)
            if not token._is_shown and token._status == "live" and last.get(asset_id) == index:
                self._emit_top(token, ts_event, ts_recv, seq, events)
        return events

    def _check(
        self, checks: BookChecks, token: MarketState, op: Op, ts_recv: int, seq: int, events: list[Event]
    ) -> None:
        """Let the book checks see an operation that is about to be applied."""
        if isinstance(op, TradeOp):
            checks.learn(token._market, None, op.price_e6)
        elif isinstance(op, TickSizeOp):
            checks.learn(token._market, op.tick_size_e6, None)
        elif isinstance(op, BookOp) or (isinstance(op, ChangeOp) and token._status != "new"):
            verdict = checks.message(token, op)
            self._judge(token, verdict, op.ts_event, ts_recv, seq, events)

    def _judge(
        self,
        token: MarketState,
        verdict: str,
        ts_event: int | None,
        ts_recv: int,
        seq: int,
        events: list[Event],
    ) -> None:
        """Mark a token as the verdict on one of its runs says."""
        if not verdict or not self._suspecting:
            return
        if verdict != "verified":
            if token._status == "live":
                self._suspect(token, verdict, ts_event, ts_recv, seq, events)
        elif token._status == "suspect" and token._cause != "gap":
            self._set_status(token, "live", "")
            self._status(token, "live", "", ts_event, ts_recv, seq, events)

    def _suspect(
        self,
        token: MarketState,
        cause: str,
        ts_event: int | None,
        ts_recv: int,
        seq: int,
        events: list[Event],
    ) -> None:
        self._set_status(token, "suspect", cause)
        self._status(token, "suspect", cause, ts_event, ts_recv, seq, events)

    def _apply_change(self, token: MarketState, op: ChangeOp) -> None:
        if token._status == "new":
            self._counters["delta_without_book"] += 1
        elif op.is_bid:
            if set_level(token._bid_keys, token._bid_sizes, op.price_e6, op.size_e6):
                token._is_shown = False
        elif set_level(token._ask_keys, token._ask_sizes, -op.price_e6, op.size_e6):
            token._is_shown = False

    def _apply_book(
        self, token: MarketState, op: BookOp, ts_recv: int, seq: int, events: list[Event]
    ) -> None:
        token._is_shown = False
        token._bid_keys, token._bid_sizes = self._read_side(op.bids, 1, "bid_scan_count")
        token._ask_keys, token._ask_sizes = self._read_side(op.asks, -1, "ask_scan_count")
        if op.tick_size_e6 is not None:
            token._tick_size_e6 = op.tick_size_e6
        if op.last_trade_price_e6 is not None:
            token._last_trade_price_e6 = op.last_trade_price_e6
        if token._status == "new":
            self._set_status(token, "live", "")
        elif token._status == "suspect":
            self._set_status(token, "live", "")
            self._status(token, "live", "", op.ts_event, ts_recv, seq, events)

    def _read_side(self, levels: Levels, sign: int, scan_counter: str) -> tuple[Int64s, Int64s]:
        """Return keys and sizes, ascending to the best; of a price named twice the last counts."""
        found = read_side(levels, sign)
        self._counters["tob_sample_misses"] += found.is_sample_miss
        self._counters[scan_counter] += not found.was_sorted
        return found.keys, found.sizes

    def _apply_trade(
        self, token: MarketState, op: TradeOp, ts_recv: int, seq: int, events: list[Event]
    ) -> None:
        token._last_trade_price_e6, token._last_trade_size_e6 = op.price_e6, op.size_e6
        self._counters["trade_events"] += 1
        token._sequence = seq + len(events) + 1
        events.append(
            Trade(op.asset_id, op.side, op.price_e6, op.size_e6, op.ts_event, ts_recv, token._sequence)
        )

    def _apply_tick_size(
        self, token: MarketState, op: TickSizeOp, ts_recv: int, seq: int, events: list[Event]
    ) -> None:
        if token._tick_size_e6 != op.tick_size_e6:
            token._tick_size_e6 = op.tick_size_e6
            self._status(token, "tick_size", from_e6(op.tick_size_e6), op.ts_event, ts_recv, seq, events)

    def _apply_resolved(self, op: ResolvedOp, conn: int, ts_recv: int, seq: int, events: list[Event]) -> None:
        for asset_id, payout in zip(op.asset_ids, op.payouts, strict=True):
            token = self._token(asset_id)
            if token._connection and token._connection != conn:
                self._counters["not_owner"] += 1
            elif token._status != "resolved":
                token._ts_event, token._ts_recv = self._ts_event, self._ts_recv = op.ts_event, ts_recv
                if op.market is not None:
                    self._join(token, op.market)
                self._set_status(token, "resolved", payout)
                self._status(token, "resolved", payout, op.ts_event, ts_recv, seq, events)

    def _status(
        self,
        token: MarketState,
        status: str,
        cause: str,
        ts_event: int | None,
        ts_recv: int,
        seq: int,
        events: list[Event],
    ) -> None:
        self._counters["status_events"] += 1
        token._sequence = seq + len(events) + 1
        events.append(MarketStatus(token._market_id, status, cause, ts_event, ts_recv, token._sequence))

    def _emit_top(
        self, token: MarketState, ts_event: int | None, ts_recv: int, seq: int, events: list[Event]
    ) -> None:
        top = token._book_top()
        token._is_shown = True
        if top == token._top:
            return
        token._top = top
        bid_px, _bid_sz, ask_px, _ask_sz = top
        if bid_px is not None and ask_px is not None and bid_px >= ask_px:
            self._counters["crossed"] += 1
        self._counters["top_of_book_events"] += 1
        token._sequence = seq + len(events) + 1
        # Not TopOfBookUpdate(...): this makes the same object in half the time.
        fields = (token._market_id, *top, ts_event, ts_recv, token._sequence)
        events.append(tuple.__new__(TopOfBookUpdate, fields))


__all__ = ["FRAME_CLASSES", "ITEM_COUNTERS", "STORE_COUNTERS", "MarketState", "StateStore"]
