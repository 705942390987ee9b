"""Record Polymarket's market WebSocket in a run directory under DATA_DIR/runs.

Online, it runs until Ctrl-C or SIGTERM, or for --duration-seconds. The run
directory is named on stderr at the start; the last line, on stdout, is JSON:
ok, run_id, run_dir, status, received, written, dropped.

For runs of weeks, --rotate-seconds S closes the bundle every S seconds and begins the next,
RUN_ID-0002 and so on, on the same connections: no frame falls between two, each is whole by itself and
names its neighbours. The last line then is of the last bundle, its frames those of all, and
run_ids lists the bundles.

It records all active binary markets, the largest first up to the cap, or those that
--market, --tag and --tokens-file name together.

Offline (--offline --fixtures-dir D), it makes the same kind of bundle from
recorded frames: *.ndjson with one raw frame a line or {"t":ms,"raw":str} lines,
*.json, and .gz of these; one shard a file, in the order of their names. Frames do not say
all that strategies and book checks need of a market: --universe names a file that does.

Exit codes: 0 closed well (also by Ctrl-C), 2 usage, 3 ended fatally (fatal.json
in the run directory says why), 69 no venue, 74 input or output, 78 a bad setting.
"""

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pm_data import config, jsonlib
from pm_data.cli import arguments, output
from pm_data.cli.status_block import StatusBlock
from pm_data.errors import FatalCaptureError, UsageError

if TYPE_CHECKING:
    from pm_data.venue.selection import Selection

NAME = "capture"
SUMMARY = "record the market WebSocket, or recorded frames, as a bundle"

_SETTINGS = [
    entry.name
    for entry in dataclasses.fields(config.Config)
    if entry.name.startswith(("data_", "gamma_", "clob_", "ws_", "capture_"))
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-id", metavar="ID", help="name of the run directory (default: the time)")
    parser.add_argument(
        "--duration-seconds",
        type=arguments.seconds,
        metavar="S",
        help="online: end after S seconds (default: at Ctrl-C)",
    )
    parser.add_argument(
        "--market",
        metavar="SLUG|CONDITION|TOKEN",
        action="append",
        default=[],
        help="online: only this market; may be given several times",
    )
    parser.add_argument(
        "--tag",
        metavar="NUMBER",
        action="append",
        default=[],
        help="online: only markets with this tag, by Gamma's number; may be given several times",
    )
    parser.add_argument(
        "--tokens-file",
        type=Path,
        metavar="FILE",
        help="online: only the markets of these tokens, one a line, # begins a comment",
    )
    parser.add_argument(
        "--offline",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="make the bundle from the files of --fixtures-dir, without the network",
    )
    parser.add_argument("--fixtures-dir", type=Path, metavar="DIR", help="directory of recorded frames")
    parser.add_argument(
        "--universe",
        type=Path,
        metavar="FILE",
        help="offline: the markets, as `discover --json` prints them or as Gamma's own JSON",
    )
    config.add_arguments(parser, _SETTINGS)


def run(args: argparse.Namespace) -> int:
    """Capture and print the JSON line."""
    from pm_data import _fast
    from pm_data.capture.offline import capture_offline
    from pm_data.venue.selection import select

    if args.offline and args.fixtures_dir is None:
        raise UsageError("--offline needs --fixtures-dir DIR")
    if not args.offline and (args.fixtures_dir is not None or args.universe is not None):
        flag = "--universe" if args.fixtures_dir is None else "--fixtures-dir"
        raise UsageError(f"{flag} goes with --offline")
    if args.offline and args.duration_seconds is not None:
        raise UsageError("--duration-seconds goes with an online capture")
    if args.offline and (args.market or args.tag or args.tokens_file):
        raise UsageError("--market, --tag and --tokens-file go with an online capture")
    selection = select(args.market, args.tag, args.tokens_file)
    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    if notice := _fast.fallback_notice():
        output.note(notice)
    if args.offline:
        line = capture_offline(resolved, args.fixtures_dir, args.run_id, args.universe)
    else:
        line = _capture_online(resolved, args, selection)
    output.print_json(line)
    return 0 if line["ok"] else FatalCaptureError.exit_code


def _capture_online(
    resolved: config.Resolved, args: argparse.Namespace, selection: "Selection"
) -> jsonlib.JsonObject:
    from pm_data.capture.online import capture_online

    if not StatusBlock.is_possible():
        return capture_online(resolved, args.run_id, args.duration_seconds, _say, selection)
    block = StatusBlock()
    try:
        return capture_online(
            resolved,
            args.run_id,
            args.duration_seconds,
            lambda text: block.say(f"pm_data capture: {text}"),
            selection,
            block.show,
        )
    finally:
        block.leave()


def _say(text: str) -> None:
    output.note(f"pm_data capture: {text}")
