"""Print a run's canonical events as NDJSON, in replay order.

Every field of a kind is there, absent ones null. With --hash-lines prints the
lines of which events_hash is the SHA-256 instead. What a damaged bundle still
holds is printed, as `run --salvage` takes it: with a gap for the shard's tokens
in the place of what was skipped. That is named on stderr, and the exit code is 1.
"""

import argparse
import sys
from pathlib import Path

from pm_data import jsonlib
from pm_data.cli import arguments

NAME = "capture-events"
SUMMARY = "print a run's canonical events as NDJSON"

KINDS = ("top_of_book", "trade", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to read")
    parser.add_argument(
        "--market", action="append", metavar="ASSET_ID", help="only this token; may be repeated"
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be repeated")
    parser.add_argument("--from-ns", type=arguments.stamp, metavar="NS", help="from this ts_recv on")
    parser.add_argument("--to-ns", type=arguments.stamp, metavar="NS", help="before this ts_recv")
    parser.add_argument("--first", type=arguments.count, metavar="SEQ", help="from this seq on")
    parser.add_argument("--last", type=arguments.count, metavar="SEQ", help="up to this seq")
    arguments.add_book_checks(parser)
    parser.add_argument("--hash-lines", action="store_true", help="print hash lines instead of JSON")


def run(args: argparse.Namespace) -> int:
    """Print the events; 1 when the bundle is damaged."""
    from pm_data.cli.readable import Readable
    from pm_data.runtime.eventlines import event_line
    from pm_data.runtime.eventstream import EventStream

    readable = Readable(NAME, args.run_dir)
    markets = frozenset(args.market or ())
    for event in EventStream(book_checks=args.book_checks).replay(readable.records()):
        if (
            (markets and event.market_id not in markets)
            or (args.kind and event.kind not in args.kind)
            or (args.from_ns is not None and event.ts_recv < args.from_ns)
            or (args.to_ns is not None and event.ts_recv >= args.to_ns)
            or (args.first is not None and event.seq < args.first)
        ):
            continue
        if args.last is not None and event.seq > args.last:
            break
        if args.hash_lines:
            sys.stdout.write(event_line(event))
        else:
            fields = event._asdict()
            sys.stdout.write(jsonlib.ndjson_line({"kind": event.kind, "seq": fields.pop("seq"), **fields}))
    return readable.exit_code
