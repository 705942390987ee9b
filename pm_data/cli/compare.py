"""Name the first event, intent or fill at which two runs part.

A and B are two run directories, which are replayed with the same strategies and
settings, or two files that `run --checkpoints FILE` wrote, perhaps on different
machines. Of run directories the first line that differs is named; of files, the
checkpoints between which it lies (with --checkpoint-events 1, the event).
Prints a JSON line; the exit code is 0 where all is equal, 1 where not.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pm_data import config
from pm_data.cli import arguments, output
from pm_data.cli.simulation import SIM_SETTINGS, add_strategy_arguments, difference_fields
from pm_data.config import Config
from pm_data.errors import UsageError

if TYPE_CHECKING:
    from pm_data.runtime.checkpoints import Trail
    from pm_data.runtime.comparison import Difference, Run

NAME = "compare"
SUMMARY = "name the first event, intent or fill at which two runs part"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("a", type=Path, metavar="A", help="a run directory, or a file of checkpoints")
    parser.add_argument("b", type=Path, metavar="B", help="the other, of the same kind")
    add_strategy_arguments(parser)
    parser.add_argument(
        "--max-events", type=arguments.count, metavar="N", help="run directories: compare N canonical events"
    )
    arguments.add_book_checks(parser)
    config.add_arguments(parser, SIM_SETTINGS)


def run(args: argparse.Namespace) -> int:
    """Compare and print where they part; 0 where they do not."""
    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    for path in (args.a, args.b):
        if not path.exists():
            raise UsageError(f"there is no {path}")
    directories = [path.is_dir() for path in (args.a, args.b)]
    if directories[0] != directories[1]:
        raise UsageError("A and B must be two run directories or two files of checkpoints")
    found = _compare_runs(args, resolved.config) if directories[0] else _compare_files(args.a, args.b)
    output.print_json(
        {
            "ok": found is None,
            "a": str(args.a),
            "b": str(args.b),
            "first_difference": difference_fields(found),
        }
    )
    return 0 if found is None else 1


def _compare_files(a: Path, b: Path) -> Difference | None:
    from pm_data.cli.checkpoint_file import read_checkpoints
    from pm_data.runtime.comparison import differ

    (every_a, marks_a), (every_b, marks_b) = read_checkpoints(a), read_checkpoints(b)
    if every_a != every_b:
        raise UsageError(f"checkpoints every {every_a} events in {a}, every {every_b} in {b}")
    return differ(marks_a, marks_b)


def _compare_runs(args: argparse.Namespace, settings: Config) -> Difference | None:
    from pm_data.bundle.opening import open_bundle
    from pm_data.runtime import entrypoint
    from pm_data.runtime.comparison import find_difference
    from pm_data.strategy.loading import load_strategies

    def replay_of(run_dir: Path) -> Run:
        def replay(trail: Trail) -> object:
            return entrypoint.run(
                open_bundle(run_dir).replay_records(lambda tail: output.note(f"pm_data compare: {tail}")),
                load_strategies(args.strategy, args.strategy_params),
                settings,
                entrypoint.RunOptions("replay", args.max_events, book_checks=args.book_checks),
                opened_at=time.perf_counter(),
                trail=trail,
            )

        return replay

    return find_difference(replay_of(args.a), replay_of(args.b))
