"""Assemble a run, and hold the format of the intent line (SEED.md section 4)."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from pm_data import _fast
from pm_data._fast.limits_py import OrderLimits
from pm_data.bundle.replay import ReplayRecords
from pm_data.config import Config
from pm_data.errors import StrategyError
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.runtime import fees
from pm_data.runtime.callback_stats import CallbackStats
from pm_data.runtime.checkpoints import Trail
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.latency import StageClock
from pm_data.runtime.markets import Markets
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.runtime.run_watch import RunWatch
from pm_data.strategy import CancelIntent, Intent, PlaceOrderIntent, SplitIntent, Strategy


@dataclass(frozen=True)
class RunOptions:
    """What a run does and what its line shows.

    Args:
        mode: `replay` or `live`.
        max_events: canonical events of every kind after which the run ends; None for no end.
        max_seconds: receive time from the first record on after which it ends; None for no end.
        print_hash, print_pnl, print_summary, print_latency: which keys the line has.
        book_checks: `off`, `count` or `suspect`.
    """

    mode: str
    max_events: int | None = None
    max_seconds: float | None = None
    print_hash: bool = False
    print_pnl: bool = False
    print_summary: bool = False
    print_latency: bool = False
    book_checks: str = "off"


def intent_line(seq: int, strategy_id: str, intent: Intent) -> str:
    """Return an intent's line, ended by LF.

    `seq|strategy_id|intent_type|market_id|side|price_e6|size_e6|tif|urgency|tag`; what an
    intent does not have is empty.
    """
    if isinstance(intent, PlaceOrderIntent):
        price = "" if intent.price_e6 is None else intent.price_e6
        terms = (
            f"place|{intent.market_id}|{intent.side}|{price}|{intent.size_e6}|{intent.tif}|{intent.urgency}"
        )
    elif isinstance(intent, CancelIntent):
        terms = f"cancel|{intent.market_id}|{intent.side}||||"
    else:
        kind = "split" if isinstance(intent, SplitIntent) else "merge"
        terms = f"{kind}|{intent.market_id}|||{intent.size_e6}||"
    return f"{seq}|{strategy_id}|{terms}|{intent.tag}\n"


def run(
    records: Iterable[Record],
    strategies: dict[str, Strategy],
    config: Config,
    options: RunOptions,
    *,
    opened_at: float,
    core: _fast.Core | None = None,
    trail: Trail | None = None,
    watch: RunWatch | None = None,
) -> JsonObject:
    """Run strategies over records and return the run's summary.

    Args:
        opened_at: `time.perf_counter()` when the first file was opened; `elapsed_ms` counts from it.
        core: the set of twins to use; the one in force unless a test compares both.
        trail: follows the run's lines, where somebody wants checkpoints or the lines themselves.
        watch: follows the run, where somebody wants its page.

    Raises:
        StrategyError, UsageError, DamageError: as `Orchestrator.run`.
    """
    if trail is None and options.print_hash:
        trail = Trail()
    stages = StageClock() if options.print_latency else None
    calls = CallbackStats() if options.print_summary else None
    orchestrator = Orchestrator(
        strategies,
        lambda markets: _terms(config, markets),
        limits=OrderLimits(
            config.alloc_max_orders_per_event,
            config.alloc_max_orders_per_strategy,
            config.alloc_max_orders_per_market,
            config.alloc_max_notional_e6,
            config.alloc_max_position_e6,
        ),
        lines=None if trail is None else trail.start(intent_line, core),
        on_event=None if watch is None else watch.event,
        on_fill=None if watch is None else watch.fill,
        core=core,
        stages=stages,
        calls=calls,
        book_checks=options.book_checks,
    )
    if watch is not None:
        watch.attach(orchestrator.pnl)
    max_ns = None if options.max_seconds is None else round(options.max_seconds * 1_000_000_000)
    orchestrator.run(records, options.max_events, max_ns)
    if watch is not None:
        watch.finish()
    last = None if trail is None else trail.end(orchestrator.canonical_events)
    elapsed_ms = round((time.perf_counter() - opened_at) * 1000)
    if isinstance(records, ReplayRecords):
        records.finish()
    line: JsonObject = {
        "ok": True,
        "mode": options.mode,
        "execution": "sim",
        "canonical_events": orchestrator.canonical_events,
        "intents": orchestrator.intents,
        "fills": orchestrator.fills,
    }
    if options.print_hash and last is not None:
        line["final_hash"] = last.intents
        line["events_hash"] = last.events
    line["elapsed_ms"] = elapsed_ms
    if options.print_pnl:
        line["pnl"] = orchestrator.pnl()
    line["book_checks"] = options.book_checks
    line["frames"] = orchestrator.stream.frames
    line["counters"] = orchestrator.stream.store.counters()
    line["refused"] = dict(orchestrator.allocator.refused)
    line["unfilled"] = dict(orchestrator.execution.unfilled)
    if calls is not None:
        line["names"] = orchestrator.stream.store.names()
        line["samples"] = orchestrator.stream.store.samples()
        line["intents_by_strategy"] = dict(orchestrator.intents_by_strategy)
        line["callback_stats"] = calls.report()
        line["reports"] = {name: _report(name, strategy) for name, strategy in strategies.items()}
    if stages is not None:
        line["latency_ns"] = stages.report()
    return line


def _report(name: str, strategy: Strategy) -> JsonObject:
    try:
        report = dict(strategy.report())
    except Exception as error:  # a stranger's code
        raise StrategyError(f"strategy {name} raised {type(error).__name__} in report: {error}") from error
    for key, value in report.items():
        if type(key) is not str or type(value) not in (str, int):
            raise StrategyError(
                f"strategy {name} reports {key!r}: {value!r}, expected texts and whole numbers"
            )
    return report


def _terms(config: Config, markets: Markets) -> SimTerms:
    if config.sim_fee_model == "polymarket":
        fee = fees.polymarket(markets, config.sim_fee_rounding)
    else:
        fee = fees.flat(config.sim_fee_bps)
    return SimTerms(
        fee,
        config.sim_slippage_bps,
        config.sim_max_fill_size_e6,
        config.sim_allow_shorts,
        config.sim_cash_e6,
    )
