"""Find the gaps between a capture's heartbeats: times in which the process stood still.

A capture states its balance once a second. The begin and the end of the run count as
heartbeats do. The exit code is 1 where two of them lie further apart than the threshold,
and where the log of a closed run has lost its end: a gap of unknown length.
"""

import argparse
import time
from pathlib import Path

from pm_data.cli import arguments, output

NAME = "capture-audit"
SUMMARY = "find gaps between a capture's heartbeats"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to audit")
    parser.add_argument(
        "--threshold-seconds",
        type=arguments.seconds,
        default=2.0,
        metavar="S",
        help="longest time between two heartbeats that is good (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the audit; 1 when a gap is over the threshold."""
    from pm_data.analysis.audit import audit
    from pm_data.analysis.runlog import read_lines
    from pm_data.bundle.manifest import CLOSED
    from pm_data.bundle.opening import open_bundle

    bundle = open_bundle(args.run_dir)
    closed = bundle.status == CLOSED
    found = audit(read_lines(bundle.run.runlog), args.threshold_seconds, closed=closed)
    for gap in found.top_gaps:
        if gap.seconds > args.threshold_seconds:
            begun = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(gap.from_wall_ns_utc // 1_000_000_000))
            output.note(
                f"pm_data capture-audit: {gap.seconds:.3f} s without a heartbeat "
                f"from {begun} UTC, after heartbeat {gap.after_hb}"
            )
    if found.lacks_end:
        output.note("pm_data capture-audit: the run log holds no end of the run")
    ok = not found.gaps_over_threshold
    output.print_json({"ok": ok, **found.fields()})
    return 0 if ok else 1
