"""Cut a part out of a run, by time, by record or by shard: DATA_DIR/runs/ID.

The slice is a closed bundle like any other. It names its parent, begins with marked
records for all that was known at the cut (markets, connections, owners, gaps, one
full book a token), and replays to the parent's events of the range after one top
of book a token. The same range gives the same .frames bytes every time.

Beginning and end may be given in different ways; without one the slice begins, or
ends, with the run. A run with a torn tail can be cut; any other damage, up to the
end of the range, is refused. What was begun and failed is removed again.
"""

import argparse
import dataclasses
import os
from pathlib import Path

from pm_data import config
from pm_data.cli import arguments, output

NAME = "capture-slice"
SUMMARY = "cut a part out of a run, as a run of its own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to cut from")
    parser.add_argument("--run-id", required=True, metavar="ID", help="name of the slice's run directory")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--from-ns", type=arguments.stamp, metavar="NS", help="from this rx_mono_ns on")
    begin.add_argument(
        "--from-seconds",
        type=arguments.offset_seconds,
        metavar="S",
        help="from S seconds after the first record on",
    )
    begin.add_argument(
        "--first", type=arguments.index, metavar="N", help="from record N on, counted from 0 in replay order"
    )
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--to-ns", type=arguments.stamp, metavar="NS", help="before this rx_mono_ns")
    end.add_argument(
        "--to-seconds", type=arguments.seconds, metavar="S", help="before S seconds after the first record"
    )
    end.add_argument("--last", type=arguments.index, metavar="N", help="up to record N, itself included")
    parser.add_argument(
        "--shard",
        type=arguments.index,
        action="append",
        metavar="N",
        help="only this shard, as if there were no others; may be repeated",
    )
    config.add_arguments(parser, ["data_dir"])


def run(args: argparse.Namespace) -> int:
    """Make the slice and print its JSON line."""
    from pm_data.analysis.slice import Span, make_slice
    from pm_data.bundle.opening import open_bundle

    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    bundle = open_bundle(args.run_dir)
    span = Span(args.first, args.last, args.from_ns, args.to_ns, args.from_seconds, args.to_seconds)
    if bundle.live:
        output.note(f"pm_data capture-slice: {args.run_dir} is still being written; what it holds now is cut")
    made = make_slice(bundle, span, args.shard, Path(resolved.config.data_dir), args.run_id)
    for tail in made.tails:
        output.note(f"pm_data capture-slice: {tail}; its tokens have a gap")
    manifest = made.manifest
    # It is closed, and a slice.
    assert manifest.shards is not None
    assert manifest.parent is not None
    output.print_json(
        {
            "ok": True,
            "run_id": manifest.run_id,
            "run_dir": str(made.run.path),
            "status": manifest.status,
            "shards": len(manifest.shards),
            "records": sum(seal.records for seal in manifest.shards),
            "bytes": sum(seal.bytes for seal in manifest.shards),
            "digest": manifest.digest,
            "parent": dataclasses.asdict(manifest.parent),
        }
    )
    return 0
