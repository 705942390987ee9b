"""Run strategies over a recorded run, or over the live feed, with simulated execution.

Prints one JSON line. No order is ever sent, and nothing is written to disk
unless --checkpoints FILE or --report FILE asks for it.
A replay of the same bundle with the same options gives the same hashes on any
machine; with --stable-json the whole line is the same, byte for byte. A damaged
bundle is refused, unless a crash left the damage, at its end: see --salvage.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pm_data import config
from pm_data.cli import arguments, output
from pm_data.cli.simulation import SIM_SETTINGS, add_strategy_arguments
from pm_data.config import Resolved
from pm_data.errors import UsageError
from pm_data.jsonlib import JsonObject

if TYPE_CHECKING:
    from pm_data.frame import Record
    from pm_data.runtime.run_watch import RunWatch
    from pm_data.strategy import Strategy

NAME = "run"
SUMMARY = "run strategies over a bundle or the live feed, simulated"

_LIVE_SETTINGS = (
    "gamma_base_url",
    "clob_base_url",
    "clob_ws_url",
    "ws_shards",
    "ws_tokens_per_shard_max",
    "ws_ping_interval_seconds",
    "ws_ping_timeout_seconds",
    "ws_data_idle_reconnect_seconds",
    "ws_connection_max_seconds",
    "capture_confirm_timeout_seconds",
    "capture_confirm_min_events",
    "capture_first_book_seconds",
    "capture_witness_silent_seconds",
    "capture_witness_grace_seconds",
    "capture_witness_timeout_seconds",
    "capture_universe_refresh_enable",
    "capture_universe_refresh_interval_seconds",
    "capture_universe_grace_seconds",
    "capture_max_markets",
    "capture_queue_max_frames",
    "capture_queue_max_bytes",
    "runtime_windows_high_res_timer_enable",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--mode", choices=("replay", "live"), required=True, help="where frames come from")
    parser.add_argument("--execution", choices=("sim",), default="sim", help="simulated; there is no other")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="replay: the run to replay")
    parser.add_argument(
        "--salvage",
        action="store_true",
        help="replay: skip damage, with a gap for the shard's tokens in its place, and count it",
    )
    add_strategy_arguments(parser)
    parser.add_argument(
        "--max-seconds", type=arguments.seconds, metavar="S", help="take records of the first S seconds"
    )
    parser.add_argument(
        "--max-events", type=arguments.count, metavar="N", help="end after N canonical events"
    )
    parser.add_argument(
        "--duration-seconds", type=arguments.seconds, metavar="S", help="live: end after S seconds"
    )
    arguments.add_book_checks(parser)
    parser.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FILE",
        help="write chained hashes of events, intents and fills there, for pm_data compare",
    )
    parser.add_argument(
        "--checkpoint-events",
        type=arguments.count,
        metavar="N",
        help="events from one checkpoint to the next (default: 1000)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write a page there that opens offline: equity, positions, fills on the price, refusals",
    )
    parser.add_argument("--print-hash", action="store_true", help="print final_hash and events_hash")
    parser.add_argument("--print-pnl", action="store_true", help="print the ledger's sums")
    parser.add_argument(
        "--print-summary-json",
        action="store_true",
        help="print message types, unknown names, samples, each strategy's calls, and what it reports",
    )
    parser.add_argument(
        "--print-latency-report-json",
        action="store_true",
        help="live: print how long each stage takes, in ns",
    )
    parser.add_argument(
        "--stable-json", action="store_true", help="sorted keys and elapsed_ms 0: the same bytes every time"
    )
    config.add_arguments(parser, [*SIM_SETTINGS, *_LIVE_SETTINGS])


def run(args: argparse.Namespace) -> int:
    """Run and print the summary; 0 when the run was good."""
    from pm_data import _fast
    from pm_data.strategy.loading import load_strategies

    if args.mode == "replay" and args.run_dir is None:
        raise UsageError("--mode replay needs --run-dir DIR")
    if args.mode == "live" and (args.run_dir is not None or args.salvage):
        raise UsageError(f"{'--salvage' if args.salvage else '--run-dir'} goes with --mode replay")
    if args.mode == "replay" and args.duration_seconds is not None:
        raise UsageError("--duration-seconds goes with --mode live; a replay has --max-seconds")
    if args.mode == "replay" and args.print_latency_report_json:
        raise UsageError(
            "--print-latency-report-json goes with --mode live; recorded stamps are of another day"
        )
    if args.checkpoint_events is not None and args.checkpoints is None:
        raise UsageError("--checkpoint-events goes with --checkpoints FILE")
    for flag, path in (("--report", args.report), ("--checkpoints", args.checkpoints)):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"{flag}: {path.parent} is no directory")
    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    if notice := _fast.fallback_notice():
        output.note(notice)
    strategies = load_strategies(args.strategy, args.strategy_params)
    line = (_replay if args.mode == "replay" else _live)(args, resolved, strategies)
    settings = {name: getattr(resolved.config, name) for name in SIM_SETTINGS}
    line |= {name: value for name, value in settings.items() if resolved.origins[name] != "default"}
    if args.stable_json:
        line["elapsed_ms"] = 0
    output.print_json(line, sort_keys=args.stable_json)
    return 0


def _replay(args: argparse.Namespace, resolved: Resolved, strategies: dict[str, Strategy]) -> JsonObject:
    from pm_data.bundle.damage import Damage
    from pm_data.bundle.opening import INTERRUPTED, open_bundle
    from pm_data.runtime.run_watch import RunWatch

    opened_at = time.perf_counter()
    bundle = open_bundle(args.run_dir)
    if bundle.live:
        output.note(f"pm_data run: {args.run_dir} is still being written; what it holds now is replayed")
    if bundle.status == INTERRUPTED:
        output.note(f"pm_data run: {args.run_dir} was interrupted; a shard without an end ends with a gap")
    salvaged = 0

    def skip(damage: Damage) -> None:
        nonlocal salvaged
        salvaged += 1
        output.note(f"pm_data run: skipped {damage}")

    if args.salvage:
        for damage in bundle.damage:
            skip(damage)
    records = bundle.replay_records(
        lambda tail: output.note(f"pm_data run: {tail}"), skip if args.salvage else None
    )
    watch = None
    if args.report is not None:
        first = next(bundle.records(lambda _damage: None), None)
        watch = RunWatch(0 if first is None else first.rx_wall_ns_utc - first.rx_mono_ns)
    line = _run(args, resolved, strategies, records, opened_at, watch)
    return line | {"salvaged": salvaged} if args.salvage else line


def _live(args: argparse.Namespace, resolved: Resolved, strategies: dict[str, Strategy]) -> JsonObject:
    from pm_data import clock, osdep
    from pm_data.runtime.live import LiveSource
    from pm_data.runtime.run_watch import RunWatch

    watch = None if args.report is None else RunWatch(clock.wall_ns() - clock.mono_ns())
    source = LiveSource(resolved.config, args.duration_seconds)
    # The handlers first: a signal in the moment between connecting and listening to it must not be missed.
    with osdep.stop_signals(source.stop), source:
        return _run(args, resolved, strategies, source.records(), time.perf_counter(), watch)


def _run(
    args: argparse.Namespace,
    resolved: Resolved,
    strategies: dict[str, Strategy],
    records: Iterable[Record],
    opened_at: float,
    watch: RunWatch | None,
) -> JsonObject:
    from pm_data.cli.checkpoint_file import checkpoint_line, header_line
    from pm_data.runtime import entrypoint
    from pm_data.runtime.checkpoints import Trail
    from pm_data.runtime.comparison import CHECKPOINT_EVENTS
    from pm_data.runtime.run_page import run_page

    options = entrypoint.RunOptions(
        args.mode,
        args.max_events,
        args.max_seconds,
        args.print_hash,
        args.print_pnl,
        args.print_summary_json,
        args.print_latency_report_json or (args.mode == "live" and args.report is not None),
        args.book_checks,
    )
    with ExitStack() as stack:
        trail = None
        if args.checkpoints is not None:
            file = stack.enter_context(args.checkpoints.open("w", encoding="utf-8", newline="\n"))
            every_events = args.checkpoint_events or CHECKPOINT_EVENTS
            file.write(header_line(every_events))
            trail = Trail(every_events, lambda mark: file.write(checkpoint_line(mark)))
        line = entrypoint.run(
            records, strategies, resolved.config, options, opened_at=opened_at, trail=trail, watch=watch
        )
    if watch is not None:
        output.write_report(args.report, run_page(line, watch, list(strategies)))
    if not args.print_latency_report_json:
        line.pop("latency_ns", None)
    return line
