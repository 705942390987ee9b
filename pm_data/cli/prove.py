"""Prove on this machine that a live run and its replay decide the same.

Records the live feed for a while, and runs the strategies over it at the same
time, off the same sockets; then replays the bundle and compares events,
intents, fills and PnL, byte for byte. Without a URL of the venue's it plays
Polymarket itself, on loopback. The bundle stays in DATA_DIR/runs/. Prints one
JSON line; the exit code is 0 when all was equal, 1 when not, with the first line
that differs (a: live, b: replayed).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pm_data import config
from pm_data.cli import arguments, output
from pm_data.cli.simulation import SIM_SETTINGS, add_strategy_arguments, difference_fields
from pm_data.config import Resolved
from pm_data.errors import FatalCaptureError
from pm_data.jsonlib import JsonObject

if TYPE_CHECKING:
    from pm_data._fast.lines_py import LineSink
    from pm_data.frame import Record

NAME = "prove"
SUMMARY = "show that a live run and its replay decide the same"

_URLS = ("gamma_base_url", "clob_base_url", "clob_ws_url")
_CAPTURE_SETTINGS = tuple(
    entry.name
    for entry in dataclasses.fields(config.Config)
    if entry.name.startswith(("data_", "gamma_", "clob_", "ws_", "capture_"))
    and entry.name != "capture_rotate_seconds"  # one bundle holds the proof
)
_LINES_IN_MEMORY_BYTES = 16 << 20
_MARKETS, _FRAMES_A_SECOND = 50, 500
_NO_RESULT = ("mode", "elapsed_ms")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_strategy_arguments(parser)
    parser.add_argument(
        "--run-id", metavar="ID", help="name of the run directory (default: prove- and the time)"
    )
    parser.add_argument(
        "--duration-seconds",
        type=arguments.seconds,
        default=10.0,
        metavar="S",
        help="record for S seconds, or until Ctrl-C (default: 10)",
    )
    arguments.add_book_checks(parser)
    config.add_arguments(parser, [*SIM_SETTINGS, *_CAPTURE_SETTINGS])


def run(args: argparse.Namespace) -> int:
    """Prove it; 0 when live and replay were equal."""
    from pm_data import _fast
    from pm_data.strategy.loading import load_strategies

    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    if notice := _fast.fallback_notice():
        output.note(notice)
    load_strategies(args.strategy, args.strategy_params)  # a mistake is told before anything is recorded
    with ExitStack() as stack:
        if all(resolved.origins[name] == "default" for name in _URLS):
            from pm_data.venue.embedded.in_process import EmbeddedVenue
            from pm_data.venue.embedded.options import VenueOptions

            options = VenueOptions(markets=_MARKETS, rate=_FRAMES_A_SECOND)
            urls = stack.enter_context(EmbeddedVenue(options)).urls
            _say(f"the embedded venue plays Polymarket at {urls.gamma_base_url}")
            there = {name: getattr(urls, name) for name in _URLS}
            resolved = dataclasses.replace(resolved, config=dataclasses.replace(resolved.config, **there))
        line = _prove(args, resolved)
    output.print_json(line)
    return 0 if line["ok"] else 1


def _prove(args: argparse.Namespace, resolved: Resolved) -> JsonObject:
    from pm_data.bundle.layout import new_run_id
    from pm_data.bundle.opening import open_bundle
    from pm_data.capture.online import capture_online
    from pm_data.cli.tee import Tee
    from pm_data.runtime.kept_lines import KeptLines

    tee = Tee()
    run_id = args.run_id or f"prove-{new_run_id()}"
    # Once so much is spilled, the capture has made the directory.
    with tempfile.SpooledTemporaryFile(_LINES_IN_MEMORY_BYTES, dir=resolved.config.data_dir) as file:
        lines = KeptLines(file)
        with ThreadPoolExecutor(1, "prove-live") as executor:
            running = executor.submit(_simulate, args, resolved, "live", tee.records(), lines.keep)
            running.add_done_callback(lambda _done: tee.abandon())
            try:
                captured = capture_online(resolved, run_id, args.duration_seconds, _say, tap=tee.put)
            finally:
                tee.close()
            live = running.result()
        if not captured["ok"]:
            raise FatalCaptureError(
                f"the capture in {captured['run_dir']} ended fatally, so that nothing is proved"
            )
        _say(f"{live['canonical_events']} events and {live['intents']} intents live; now the replay")
        records = open_bundle(Path(captured["run_dir"])).replay_records(lambda tail: _say(str(tail)))
        replay = _simulate(args, resolved, "replay", records, lines.compare)
        difference = lines.difference()
    unequal = [key for key in live if key not in _NO_RESULT and live[key] != replay[key]]
    if not live["canonical_events"]:
        _say("no event came, so that nothing is proved")
    if unequal:
        _say(f"live and replay differ in {', '.join(unequal)}")
    if difference is not None:
        _say(f"the first line that differs is of event {difference.seq}, in {difference.stream}:")
        _say(f"  live      {output.printable(difference.a or '(none)')}")
        _say(f"  replayed  {output.printable(difference.b or '(none)')}")
    return {
        "ok": bool(live["canonical_events"]) and not unequal and difference is None,
        "run_dir": captured["run_dir"],
        **{key: replay[key] for key in ("canonical_events", "intents", "fills", "final_hash", "events_hash")},
        "pnl": replay["pnl"],
        "book_checks": args.book_checks,
        "unequal": unequal,
        "first_difference": difference_fields(difference),
    }


def _simulate(
    args: argparse.Namespace,
    resolved: Resolved,
    mode: str,
    records: Iterable[Record],
    on_line: LineSink,
) -> JsonObject:
    """Run the strategies, made anew, over records."""
    from pm_data.runtime import entrypoint
    from pm_data.runtime.checkpoints import Trail
    from pm_data.strategy.loading import load_strategies

    return entrypoint.run(
        records,
        load_strategies(args.strategy, args.strategy_params),
        resolved.config,
        entrypoint.RunOptions(
            mode, print_hash=True, print_pnl=True, print_summary=True, book_checks=args.book_checks
        ),
        opened_at=time.perf_counter(),
        trail=Trail(on_line=on_line),
    )


def _say(text: str) -> None:
    output.note(f"pm_data prove: {text}")
