"""Write a file that a strategy of your own can start from.

`pm_data strategy new NAME` writes NAME.py in the working directory, a strategy
that runs as it is: `pm_data run … --strategy NAME:Class`. docs/strategies.md
says what it may use. Prints a JSON line: ok, path, strategy.
"""

import argparse
from pathlib import Path

from pm_data.cli import output
from pm_data.errors import UsageError

NAME = "strategy"
SUMMARY = "write a file that a strategy of your own can start from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("action", choices=("new",), help="new: write the file")
    parser.add_argument("name", metavar="NAME", help="the module's name, such as my_idea")


def run(args: argparse.Namespace) -> int:
    """Write the file and say how to run it; 2 where there is one already."""
    from pm_data.strategy.template import class_name, strategy_source

    source = strategy_source(args.name)
    path = Path(f"{args.name}.py")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(source)
    except FileExistsError:
        raise UsageError(f"{path} is there already") from None
    strategy = f"{args.name}:{class_name(args.name)}"
    output.note(f"wrote {path}; try it: pm_data run --mode replay --run-dir RUN_DIR --strategy {strategy}")
    output.print_json({"ok": True, "path": str(path), "strategy": strategy})
    return 0
