"""Measure how fast this machine records: a capture's own queue, writer and sync threads, on its own disk.

Frames of the embedded venue, made before the clock starts, go the way of received
ones, into a run under DATA_DIR that is removed again. Prints frames and megabytes
of payload a second; of each write (one a shard and batch), of each fsync, and of the
way from receipt to written (the oldest frame of each write) number, p50, p99 and
maximum in ms. With --rate the latter is what a capture at that rate would see; at
full speed it is the time spent waiting in a queue of up to 16,384 frames.

`ns_per_frame` is what a frame costs by itself, on one thread, in batches of 256: `writer`, all
that a capture does (of which `encode` is making the records and their index), beside `os_write`,
a bare write of each payload, and `os_write_batches`, a bare write of 256 payloads joined before.
"""

import argparse
import os

from pm_data import config
from pm_data.cli import arguments, output

NAME = "capture-bench"
SUMMARY = "measure how fast this machine records"

_SETTINGS = (
    "data_dir",
    "ws_shards",
    "capture_fsync",
    "capture_fsync_interval_seconds",
    "capture_queue_max_frames",
    "capture_queue_max_bytes",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--frames", type=arguments.count, default=200_000, metavar="N", help="how many (default: 200000)"
    )
    parser.add_argument(
        "--rate", type=arguments.count, metavar="R", help="frames a second (default: as many as go)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the run, a closed bundle, where it is")
    config.add_arguments(parser, _SETTINGS)


def run(args: argparse.Namespace) -> int:
    """Measure and print the JSON line."""
    from pm_data import _fast
    from pm_data.capture.bench import Load, run_bench

    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    if notice := _fast.fallback_notice():
        output.note(notice)
    output.print_json(run_bench(resolved, Load(args.frames, args.rate), keep=args.keep))
    return 0
