"""The orchestrator with small strategies: order, fills within a book state, refusals, faults."""

import itertools

import pytest
from support.frames import A, B, book, encode, trade

from pm_data.errors import DamageError, StrategyError, UsageError
from pm_data.frame import FLAG_MUST_UNDERSTAND, Control, Kind, Record, control_flags, control_payload
from pm_data.runtime import fees
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.orchestrator import MAX_FILL_ROUNDS, Orchestrator
from pm_data.strategy import CancelIntent, MergeIntent, PlaceOrderIntent, SplitIntent, Strategy

ONE = 1_000_000
_stamps = itertools.count(1)


def frame(payload, conn=1):
    return Record(0, 0, Kind.TEXT, 0, 0, conn, next(_stamps), 0, payload)


def control(kind, conn=1, **fields):
    payload = control_payload(fields)
    flags = control_flags(kind)
    return Record(0, 0, Kind.CONTROL, kind, flags, conn, next(_stamps), 0, payload)


def engine(core, **strategies):
    instances = {name: found({}) for name, found in sorted(strategies.items())}
    lines = []
    made = Orchestrator(
        instances,
        lambda _markets: SimTerms(fees.flat(100)),
        on_intent=lambda *passed: lines.append(passed),
        core=core,
    )
    return made, lines


def taker(market_id=A, side="buy", size=ONE, price=None):
    order_type = "market" if price is None else "limit"
    return PlaceOrderIntent(market_id, side, price, size, order_type, "ioc", "taker")


class OnceATop(Strategy):
    """Take what its class attribute says at each top of book."""

    wants = ()

    def on_top_of_book(self, ctx, event, market_state, portfolio):
        return self.wants


class Forger(str):
    """A text that equals a word and would print as more than an intent line's field."""

    def __format__(self, _specification):
        return "buy|1|1|gtc|maker|x\n2|t|place|m|buy"


def taking(*wants):
    return type("Taking", (OnceATop,), {"wants": wants})


def test_strategies_are_called_in_the_order_of_their_names(core):
    quote = PlaceOrderIntent(A, "buy", 1, 1)
    made, lines = engine(core, zeta=taking(quote), alpha=taking(quote, CancelIntent(A, "buy")))
    made.run([frame(book())])
    assert [(seq, name) for seq, name, _intent in lines] == [(1, "alpha"), (1, "alpha"), (1, "zeta")]


def test_start_and_stop_carry_the_seq_0_and_the_last(core):
    class Bracket(Strategy):
        def on_start(self, ctx, portfolio):
            assert (ctx.seq, ctx.ts_recv, ctx.strategy_id) == (0, None, "bracket")
            return [CancelIntent(A, "buy", "start")]

        def on_stop(self, ctx, portfolio):
            assert ctx.seq == 2
            return [CancelIntent(A, "buy", "stop")]

    made, lines = engine(core, bracket=Bracket)
    made.run([frame(book()), frame(book(B))])
    assert [(seq, intent.tag) for seq, _name, intent in lines] == [(0, "start"), (2, "stop")]


def test_liquidity_is_used_up_within_a_book_state(core):
    made, _lines = engine(core, t=taking(taker(size=15 * ONE), taker(size=15 * ONE)))
    made.run([frame(book(asks=[("0.46", "20")]))])
    assert made.ledger.position(A) == 20 * ONE
    # the bid changes, the ask does not: nothing more is there to take
    made.run([frame(book(bids=[("0.41", "1")], asks=[("0.46", "20")]))])
    assert made.ledger.position(A) == 20 * ONE
    made.run([frame(book(asks=[("0.46", "21")]))])
    assert made.ledger.position(A) == 41 * ONE


@pytest.mark.parametrize(("limit", "size"), [(459_999, 0), (460_000, ONE)])
def test_a_limit_taker_fills_only_within_its_limit(core, limit, size):
    made, _lines = engine(core, t=taking(taker(price=limit)))
    made.run([frame(book())])
    assert made.ledger.position(A) == size


def test_slippage_is_rounded_against_the_trader_and_stays_within_1(core):
    class Both(OnceATop):
        wants = (taker(), taker(side="sell"))

        def on_fill(self, ctx, fill, market_state, portfolio):
            filled.append((fill.side, fill.price_e6))

    filled = []
    made = Orchestrator({"b": Both({})}, lambda _markets: SimTerms(fees.flat(0), 10), core=core)
    made.run([frame(book(bids=[("0.003", "5")], asks=[("0.9999", "5")]))])
    assert filled == [("buy", ONE), ("sell", 2_997)]
    made.run([frame(book(bids=[("0.000001", "5")], asks=[("0.000002", "5")]))])
    assert filled[2:] == [("buy", 3), ("sell", 0)]


def test_nothing_fills_on_an_empty_side_an_unknown_or_a_suspect_market(core):
    class OnEverything(Strategy):
        def on_trade(self, ctx, event, market_state, portfolio):
            return [taker(), taker("unknown"), taker(B)]

    made, lines = engine(core, t=OnEverything)
    made.run([frame(book()), control(Control.GAP, tokens=[A]), frame(book(B, asks=[])), frame(trade())])
    assert (len(lines), made.fills, made.execution.desk.acks) == (3, 0, 3)


def test_on_fill_intents_join_the_same_event_for_at_most_16_rounds(core):
    class Greedy(Strategy):
        def on_top_of_book(self, ctx, event, market_state, portfolio):
            return [taker(size=1)]

        def on_fill(self, ctx, fill, market_state, portfolio):
            assert (fill.seq, fill.strategy_id) == (ctx.seq, "greedy")
            return [taker(size=1)]

    made, lines = engine(core, greedy=Greedy)
    made.run([frame(book())])
    assert len(lines) == 1 + MAX_FILL_ROUNDS
    assert {seq for seq, *_rest in lines} == {1}
    assert made.allocator.refused == {"fill_rounds": 1}


def test_portfolio_shows_positions_and_sums(core):
    class Look(Strategy):
        def on_top_of_book(self, ctx, event, market_state, portfolio):
            seen.append((portfolio.position(A), portfolio.pnl()["position_value_e6"], market_state.bid_px_e6))
            assert ctx.market(A).market_id == A
            assert ctx.market("unknown") is None
            return [taker()]

    seen = []
    made, _lines = engine(core, look=Look)
    made.run([frame(book()), frame(book(bids=[("0.42", "1")]))])
    assert seen == [(0, 0, 400_000), (ONE, 420_000, 420_000)]


def test_resolution_settles_a_position(core):
    resolved = encode(
        {"event_type": "market_resolved", "assets_ids": [A, B], "winning_asset_id": A, "timestamp": "3"}
    )
    made, _lines = engine(core, t=taking(taker()))
    made.run([frame(book()), frame(resolved)])
    assert made.ledger.position(A) == 0
    assert made.pnl()["realized_pnl_e6"] == 540_000


@pytest.mark.parametrize("winner", [{}, {"winning_asset_id": ""}, {"winning_asset_id": None}])
def test_a_market_that_resolves_without_a_winner_stays_open_and_a_pair_of_it_merges(core, winner):
    """How the venue tells of 50/50 nobody has recorded; no half is booked on a guess."""

    causes = []

    class Holder(Strategy):
        def on_trade(self, ctx, event, market_state, portfolio):
            return [SplitIntent(A, 5 * ONE)]

        def on_status(self, ctx, event, market_state, portfolio):
            causes.append(event.cause)
            return [MergeIntent(A, 2 * ONE), taker()]

    made, _lines = engine(core, s=Holder)
    resolved = encode({"event_type": "market_resolved", "assets_ids": [A, B], **winner})
    cleared = [frame(book(token, bids=[], asks=[])) for token in (A, B)]
    made.run([frame(book(A)), frame(book(B)), frame(trade(A)), *cleared, frame(resolved)])
    assert causes == ["unknown", "unknown"]
    pnl = made.pnl()
    assert pnl["positions_e6"] == {A: ONE, B: ONE}
    assert (pnl["cash_e6"], pnl["position_value_e6"], pnl["unmarked"]) == (-ONE, 0, [A, B])
    assert made.execution.unfilled == {"not_live": 2}


@pytest.mark.parametrize(
    ("intent", "reason"),
    [
        (PlaceOrderIntent("a|b", "buy", 1, 1), "bad_text"),
        (PlaceOrderIntent(A, "buy", 1, 1, tag="x\ny"), "bad_text"),
        (CancelIntent(A, "buy", "\r"), "bad_text"),
        (CancelIntent(A, "buy", "\ud800"), "bad_text"),
        (SplitIntent("a|b", 1), "bad_text"),
        (MergeIntent(A, 0), "bad_size"),
        (SplitIntent(A, 1.0), "bad_size"),
        (CancelIntent(A, "BUY"), "bad_side"),
        (PlaceOrderIntent(A, "buy", None, 1), "bad_price"),
        (PlaceOrderIntent(A, "buy", 0, 1), "bad_price"),
        (PlaceOrderIntent(A, "buy", 1_000_001, 1), "bad_price"),
        (PlaceOrderIntent(A, "buy", 0.5, 1), "bad_price"),
        (PlaceOrderIntent(A, "buy", 1, 0), "bad_size"),
        (PlaceOrderIntent(A, "buy", 1, True), "bad_size"),
        (PlaceOrderIntent(A, "buy", 1, 1, "stop"), "bad_terms"),
        (PlaceOrderIntent(A, "buy", 1, 1, tif="day"), "bad_terms"),
        (PlaceOrderIntent(A, Forger("buy"), 1, 1), "bad_side"),
        (CancelIntent(A, Forger("buy")), "bad_side"),
        (PlaceOrderIntent(A, "buy", 1, 1, Forger("limit")), "bad_terms"),
        (PlaceOrderIntent(A, "buy", 1, 1, tif=Forger("gtc")), "bad_terms"),
        (PlaceOrderIntent(A, "buy", 1, 1, urgency=Forger("maker")), "bad_terms"),
    ],
)
def test_a_bad_intent_is_refused_and_counted(core, intent, reason):
    made, lines = engine(core, t=taking(intent, CancelIntent(A, "buy")))
    made.run([frame(book())])
    assert made.allocator.refused == {reason: 1}
    assert len(lines) == made.intents == 1


def test_a_strategy_that_raises_ends_the_run_named(core):
    class Broken(Strategy):
        def on_trade(self, ctx, event, market_state, portfolio):
            return 1 // 0

    made, _lines = engine(core, broken=Broken)
    with pytest.raises(
        StrategyError, match="strategy broken raised ZeroDivisionError in on_trade at event 2"
    ):
        made.run([frame(book()), frame(trade())])


def test_a_generator_of_intents_may_raise_too(core):
    class Lazy(Strategy):
        def on_top_of_book(self, ctx, event, market_state, portfolio):
            yield CancelIntent(A, "buy")
            raise KeyError("late")

    made, _lines = engine(core, lazy=Lazy)
    with pytest.raises(StrategyError, match="strategy lazy raised KeyError in on_top_of_book"):
        made.run([frame(book())])


@pytest.mark.parametrize("answer", [5, "text", [None], [("place",)], {CancelIntent(A, "buy")}])
def test_an_answer_that_is_no_intent_ends_the_run(core, answer):
    class Odd(Strategy):
        def on_top_of_book(self, ctx, event, market_state, portfolio):
            return answer

    made, _lines = engine(core, odd=Odd)
    with pytest.raises(StrategyError, match="strategy odd returned"):
        made.run([frame(book())])


def test_connection_records_own_tokens_and_gaps_make_them_suspect(core):
    made, _lines = engine(core)
    state = made.stream.store
    made.run([control(Control.SUBSCRIBED, tokens=[A, B], reason="initial"), frame(book(), conn=1)])
    assert (state.market(A).connection, state.market(B).status) == (1, "new")
    made.run([control(Control.CLOSED, code=1013, reason="", cause="venue")])
    assert state.market(A).connection == 0
    made.run([control(Control.GAP, tokens=[A, B], cause="closed")])
    assert (state.market(A).status, made.canonical_events) == ("suspect", 2)
    made.run([control(Control.HANDOVER, conn=2, tokens=[A]), frame(book(), conn=2)])
    assert (state.market(A).status, state.market(A).connection) == ("live", 2)
    made.run([control(Control.UNSUBSCRIBED, conn=2, tokens=[A], reason="refresh")])
    assert (state.market(A).status, state.market(A).connection) == ("suspect", 0)


def test_an_unknown_control_is_skipped_or_refused_by_its_flag(core):
    made, _lines = engine(core)
    unknown = Record(0, 7, Kind.CONTROL, 200, 0, 0, 1, 0, b"{}")
    made.run([unknown])
    assert made.stream.skipped_controls == 1
    with pytest.raises(UsageError, match="shard 0 record 7: control type 200 must be understood"):
        made.run([unknown._replace(flags=FLAG_MUST_UNDERSTAND)])


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"tokens":1}', b'{"tokens":[1]}'])
def test_a_gap_without_tokens_is_damage(core, payload):
    made, _lines = engine(core)
    with pytest.raises(DamageError, match="the gap record lists no tokens"):
        made.run([Record(0, 0, Kind.CONTROL, Control.GAP, 1, 1, 1, 0, payload)])
