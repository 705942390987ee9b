"""What the commands that run strategies have in common."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from pm_data import config
from pm_data.jsonlib import JsonObject

if TYPE_CHECKING:
    from pm_data.runtime.comparison import Difference

SIM_SETTINGS = tuple(
    entry.name for entry in dataclasses.fields(config.Config) if entry.name.startswith(("sim_", "alloc_"))
)
"""The settings that decide what a simulated run gives."""


def add_strategy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name strategies and their parameters."""
    parser.add_argument(
        "--strategy",
        action="append",
        default=[],
        metavar="NAME",
        help="a built-in (toy_spread, pair_taker, momentum_taker, counting_maker), an entry point of "
        "pm_data.strategies, or package.module:Class; may be repeated",
    )
    parser.add_argument(
        "--strategy-params",
        action="append",
        default=[],
        metavar="NAME.key=value",
        help="set a parameter of the strategy with that name; may be repeated",
    )


def difference_fields(found: "Difference | None") -> JsonObject | None:
    """Return where two runs part as the commands print it."""
    if found is None:
        return None
    return {name: list(value) if type(value) is tuple else value for name, value in found._asdict().items()}
