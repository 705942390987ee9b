"""The orchestrator: events to strategies, intents to the allocator, fills to the ledger.

It knows nothing of where records come from; all time is the events' own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pm_data import _fast
from pm_data._fast import events, ledger, orders
from pm_data._fast import loop_py as loop_types
from pm_data._fast.limits_py import NO_LIMITS, LimitCheck, OrderLimits
from pm_data._fast.lines_py import Lines
from pm_data._fast.orders_py import Group
from pm_data._fast.pnl import Pnl
from pm_data.errors import E6OverflowError, StrategyError, UsageError
from pm_data.frame import Record
from pm_data.runtime.allocator import Allocator
from pm_data.runtime.callback_stats import CallbackStats
from pm_data.runtime.eventstream import EventStream
from pm_data.runtime.execution import SimExecution, SimTerms
from pm_data.runtime.latency import StageClock
from pm_data.runtime.markets import Markets
from pm_data.runtime.timers import Timers
from pm_data.strategy import Context, Fill, Intent, Intents, Portfolio, Strategy
from pm_data.strategy.blame import where_raised

MAX_FILL_ROUNDS = 16
"""How often on_fill may answer a fill with new intents at one event."""

Callback = Callable[..., Intents]
IntentSink = Callable[[int, str, Intent], None]
EventSink = Callable[[events.Event], None]
FillSink = Callable[[Fill], None]

_PAYOUTS_E6 = {"0": 0, "0.5": 500_000, "1": 1_000_000}
"""What a resolved token pays, by the cause of its status."""


class Orchestrator:
    """One run's engine.

    Args:
        strategies: by id, in the order in which they are called.
        terms: how the simulation fills, made for the markets that the stream names.
        limits: what orders are held against.
        lines: follows events, intents and fills; None for nobody.
        on_event: told every event before the strategies are; None for nobody.
        on_intent: told every intent that passed, with the seq of its event and its strategy; None for nobody.
        on_fill: told every fill; None for nobody.
        core: the set of twins to use; the one in force unless a test compares both.
        stages: told how long each stage takes; None for nobody.
        calls: told of each call of a strategy; None for nobody.
        book_checks: as `StateStore`.
    """

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        terms: Callable[[Markets], SimTerms],
        *,
        limits: OrderLimits = NO_LIMITS,
        lines: Lines | None = None,
        on_event: EventSink | None = None,
        on_intent: IntentSink | None = None,
        on_fill: FillSink | None = None,
        core: _fast.Core | None = None,
        stages: StageClock | None = None,
        calls: CallbackStats | None = None,
        book_checks: str = "off",
    ) -> None:
        twins = core or _fast
        self.stream = EventStream(core, stages, book_checks)
        self.ledger: ledger.Ledger = twins.ledger.Ledger()
        check: LimitCheck | None = None
        if any(limits):
            check = twins.limits.LimitCheck(limits, self.ledger.position)
        self.allocator = Allocator(check, self.stream.store.pair, core)
        agreed = terms(self.stream.markets)
        self.execution = SimExecution(self.stream.store, self.ledger, agreed, core)
        self._check = self.allocator.check
        self._strategies = strategies
        loop = twins.loop
        self._moment: loop_types.Moment = loop.Moment()
        self._contexts = {
            name: Context(name, self._moment, self.stream.store, agreed.fee) for name in strategies
        }
        self._timers = Timers()
        self._portfolio = Portfolio(self.ledger, self.pnl)
        if calls is not None:
            self._call = calls.counted(self._call)  # type: ignore[method-assign]
        execute = None
        if stages is not None:
            if lines is not None:
                on_event, on_intent = _both(lines.event, on_event), _both(lines.intent, on_intent)
                on_fill, lines = _both(lines.fill, on_fill), None
            on_event = on_event and stages.timed("emit", on_event)
            on_intent = on_intent and stages.timed("emit", on_intent)
            on_fill = on_fill and stages.timed("emit", on_fill)
            execute = stages.timed("execution", self.execution.desk.execute)
            self._check = stages.timed("allocator", self._check)
            self._call = stages.timed("strategy", self._call)  # type: ignore[method-assign]
        self._lines, self._on_event = lines, on_event
        self._rounds: orders.Rounds = twins.orders.Rounds(
            list(strategies), self.execution.desk, check, execute, lines, on_intent, on_fill
        )
        self._answers = any(
            type(strategy).on_fill is not Strategy.on_fill for strategy in strategies.values()
        )
        self._listeners = {
            kind: [
                (name, getattr(strategy, callback))
                for name, strategy in strategies.items()
                if getattr(type(strategy), callback) is not getattr(Strategy, callback)
            ]
            for kind, callback in (
                ("top_of_book", "on_top_of_book"),
                ("trade", "on_trade"),
                ("status", "on_status"),
            )
        }

        after_frame = None if stages is None else stages.end
        is_watched = on_event is not None or stages is not None or calls is not None
        tops = None if is_watched else self._tops()
        self._loop: loop_types.Loop = loop.Loop(self.stream, self._deliver, self._moment, tops, after_frame)

    @property
    def canonical_events(self) -> int:
        """Return how many events were delivered."""
        return self._loop.delivered

    @property
    def intents(self) -> int:
        """Return how many intents passed."""
        return self._rounds.intents

    @property
    def intents_by_strategy(self) -> Mapping[str, int]:
        """Return how many intents of each strategy passed."""
        return self._rounds.intents_by_strategy

    @property
    def fills(self) -> int:
        """Return how many fills there were."""
        return self._rounds.fills

    def run(
        self, records: Iterable[Record], max_events: int | None = None, max_ns: int | None = None
    ) -> None:
        """Process records until they or the allowed events end, with on_start before and on_stop after.

        Args:
            max_ns: no record is taken whose stamp is this much or more after the first one's.

        Raises:
            StrategyError: a strategy raised or returned what it may not.
            UsageError, DamageError: as `EventStream.process`.
        """
        self._call_each("on_start")
        self._timers.start(timer_periods(self._strategies))
        if max_events is None or max_events > 0:
            self._loop.run(records, max_events, max_ns)
        self._call_each("on_stop")

    def _tops(self) -> loop_types.Tops:
        return loop_types.Tops(
            [
                loop_types.Listener(name, callback, self._contexts[name], self._portfolio)
                for name, callback in self._listeners["top_of_book"]
            ],
            bool(self._listeners["trade"]),
            self._lines,
            self.execution.desk,
            self.allocator.gate,
            self._check,
            self._rounds,
            self._answer if self._answers else None,
            _blamed,
            self._timers,
        )

    def pnl(self) -> Pnl:
        """Return the ledger's sums, marked at the tops of book last delivered."""
        marks = {}
        for market_id in self.ledger.open_markets():
            market = self.stream.store.market(market_id)
            if market is not None:
                marks[market_id] = (market.bid_px_e6, market.ask_px_e6)
        return self.ledger.pnl(marks)

    def _deliver(self, event: events.Event) -> None:
        if event.ts_recv >= self._timers.next_ns:
            self._fire_timers(event)
        if self._lines is not None:
            self._lines.event(event)
        if self._on_event is not None:
            self._on_event(event)
        kind = event.kind
        if kind == "top_of_book":
            self.execution.desk.top_changed(event)  # type: ignore[arg-type]
        elif kind == "status":
            self._settle(event)  # type: ignore[arg-type]
        listeners = self._listeners[kind]
        if not listeners:
            return
        market = self.stream.store.market(event.market_id)
        groups: list[Group] = []
        for name, callback in listeners:
            context = self._contexts[name]
            answer = self._call(name, callback, event.seq, context, event, market, self._portfolio)
            self._gather(groups, name, answer)
        if groups:
            self._execute(groups, event.seq)

    def _fire_timers(self, event: events.Event) -> None:
        groups: list[Group] = []
        for name, due_ns in self._timers.take(event.ts_recv):
            context = self._contexts[name]
            callback = self._strategies[name].on_timer
            answer = self._call(name, callback, event.seq, context, due_ns, self._portfolio)
            self._gather(groups, name, answer)
        if groups:
            self._execute(groups, event.seq)

    def _settle(self, event: events.MarketStatus) -> None:
        if event.status == "resolved" and event.cause in _PAYOUTS_E6:
            self.ledger.settle(event.market_id, _PAYOUTS_E6[event.cause])

    def _execute(self, groups: list[Group], seq: int) -> None:
        """Execute intents, and those that their fills bring, for at most MAX_FILL_ROUNDS rounds."""
        fills = self._rounds.execute(groups, seq)
        if fills and self._answers:
            self._answer(fills, seq)
        self.allocator.gate.event_done()

    def _answer(self, fills: list[Fill], seq: int) -> None:
        groups = self._answers_to(fills, seq)
        for _round in range(MAX_FILL_ROUNDS):
            if not groups:
                return
            groups = self._answers_to(self._rounds.execute(groups, seq), seq)
        if groups:
            self.allocator.refused["fill_rounds"] += sum(len(intents) for _strategy_id, intents in groups)

    def _answers_to(self, fills: list[Fill], seq: int) -> list[Group]:
        groups: list[Group] = []
        for fill in fills:
            strategy = self._strategies[fill.strategy_id]
            if type(strategy).on_fill is Strategy.on_fill:
                continue
            context = self._contexts[fill.strategy_id]
            market = self.stream.store.market(fill.market_id)
            answer = self._call(
                fill.strategy_id, strategy.on_fill, seq, context, fill, market, self._portfolio
            )
            self._gather(groups, fill.strategy_id, answer)
        return groups

    def _gather(self, groups: list[Group], name: str, answer: Intents) -> None:
        """Append what passes of an answer."""
        if answer is not None and (intents := self._check(name, answer)):
            groups.append((name, intents))

    def _call_each(self, callback: str) -> None:
        seq = self._moment.seq = self.canonical_events
        groups: list[Group] = []
        for name, strategy in self._strategies.items():
            context = self._contexts[name]
            answer = self._call(name, getattr(strategy, callback), seq, context, self._portfolio)
            self._gather(groups, name, answer)
        self._execute(groups, seq)

    def _call(self, name: str, callback: Callback, seq: int, *arguments: Any) -> Intents:
        try:
            answer = callback(*arguments)
            # read here, because a generator raises only when it is read
            return list(answer) if isinstance(answer, Iterator) else answer
        except Exception as error:  # a strategy is a stranger's code: whatever it raises ends the run
            blamed = _blamed(name, callback, seq, error)
            if blamed is error:
                raise
            raise blamed from error


def _both(first: Callable[..., Any], second: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return what tells both."""
    if second is None:
        return first

    def tell(*what: Any) -> None:
        first(*what)
        second(*what)

    return tell


def _blamed(name: str, callback: Callback, seq: int, error: Exception) -> Exception:
    """Return what ends the run where a callback raised this."""
    if isinstance(error, E6OverflowError | UsageError):
        return error
    raised = f"raised {type(error).__name__} in {callback.__name__} at event {seq}"
    code = getattr(callback, "__code__", None)  # a method has its function's
    place = where_raised(error, getattr(code, "co_filename", None))
    return StrategyError(f"strategy {name} {raised}: {error}{place}")


def timer_periods(strategies: Mapping[str, Strategy]) -> dict[str, int]:
    """Return the period of each strategy that has a timer.

    Raises:
        StrategyError: one that overrides on_timer has no period above 0.
    """
    periods = {}
    for name, strategy in strategies.items():
        if type(strategy).on_timer is Strategy.on_timer:
            continue
        period_ns = strategy.timer_period_ns
        if type(period_ns) is not int or period_ns <= 0:
            raise StrategyError(
                f"strategy {name}: timer_period_ns is {period_ns!r}, expected an int above 0 for on_timer"
            )
        periods[name] = period_ns
    return periods
