"""Print full books of a run as NDJSON: one line a token and moment, levels best first.

A moment is a receive stamp, rx_mono_ns in `capture-frames` and ts_recv in `capture-events`:
--at names one, --every takes the first record's and every S seconds after it; without
either it is the end. A book is that after all records up to the moment, that one's too.
Each line has at_ns, market_id (the asset id), market (the condition id), status and
cause, ts_event and ts_recv of the token's last message, seq of its last event, and bids
and asks as [price_e6, size_e6].

What a damaged bundle still holds is printed, with a gap in the place of what was
skipped. That is named on stderr, and the exit code is 1.
"""

import argparse
import sys
from pathlib import Path

from pm_data import jsonlib
from pm_data.cli import arguments, output

NAME = "capture-books"
SUMMARY = "print full books of a run at chosen moments as NDJSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to read")
    parser.add_argument(
        "--market", action="append", default=[], metavar="ASSET_ID", help="only this token; may be repeated"
    )
    moment = parser.add_mutually_exclusive_group()
    moment.add_argument("--at", type=arguments.stamp, metavar="NS", help="at this receive stamp")
    moment.add_argument("--every", type=arguments.seconds, metavar="S", help="every S seconds")
    parser.add_argument("--depth", type=arguments.count, metavar="N", help="the N best levels (default: all)")
    arguments.add_book_checks(parser)


def run(args: argparse.Namespace) -> int:
    """Print the books; 1 when the bundle is damaged."""
    from pm_data.analysis.depth import book_lines
    from pm_data.cli.readable import Readable

    readable = Readable(NAME, args.run_dir)
    printed = set()
    for line in book_lines(
        readable.records(),
        asset_ids=list(dict.fromkeys(args.market)),
        depth=args.depth,
        at_ns=args.at,
        every_ns=None if args.every is None else max(1, round(args.every * 1_000_000_000)),
        book_checks=args.book_checks,
    ):
        printed.add(line["market_id"])
        sys.stdout.write(jsonlib.ndjson_line(line))
    for asset_id in args.market:
        if asset_id not in printed:
            output.note(f"pm_data {NAME}: nothing is known of {asset_id} at that moment")
    return readable.exit_code
