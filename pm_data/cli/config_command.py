"""Show every setting as a command would take it, and with --show-origin where it comes from.

A table on stderr, a JSON line on stdout. Flags and PM_DATA_ variables count as they do
for `capture` and `run`; passwords in URLs are struck out.
"""

import argparse
import dataclasses
import os

from pm_data import config
from pm_data.cli import output

NAME = "config"
SUMMARY = "show every setting, and where its value comes from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--show-origin", action="store_true", help="say for each value: default, flag or environment"
    )
    config.add_arguments(parser, [field.name for field in dataclasses.fields(config.Config)])


def run(args: argparse.Namespace) -> int:
    """Print the settings."""
    from pm_data.capture.provenance import config_snapshot

    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    settings = config_snapshot(resolved)
    width = max(map(len, settings)) + 2
    for name, setting in settings.items():
        origin = f"  ({setting['origin']})" if args.show_origin else ""
        output.note(output.printable(f"{name:<{width}}{setting['value']}{origin}"))
    if not args.show_origin:
        settings = {name: setting["value"] for name, setting in settings.items()}
    output.print_json(settings)
    return 0
