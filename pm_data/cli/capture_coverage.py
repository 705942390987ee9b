"""Say of each token since when a run holds it, and where continuity was lost.

One JSON line: for every token when it was subscribed to, when its first full book came, its
state at the end, and its gaps: cause, from when, and until which full book. `missing` lists
the tokens that were subscribed to and never had a book; the exit code is 1 when there are any,
or when the run is damaged. Stamps are those of the records, monotonic ns.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pm_data.cli import output
from pm_data.jsonlib import JsonObject

if TYPE_CHECKING:
    from pm_data.bundle.damage import Damage

NAME = "capture-coverage"
SUMMARY = "say what a run holds of each token, and where continuity was lost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to look into")


def run(args: argparse.Namespace) -> int:
    """Print the coverage; 1 when tokens are missing, or the run is damaged."""
    from pm_data.analysis.coverage import coverage_of
    from pm_data.bundle.opening import open_bundle

    damages: list[Damage] = []

    def note_damage(damage: "Damage") -> None:
        damages.append(damage)
        output.note(f"pm_data capture-coverage: {output.printable(str(damage))}")

    found = coverage_of(open_bundle(args.run_dir), note_damage).fields()
    output.note(f"pm_data capture-coverage: {_summary(found)}")
    found["ok"] = found["ok"] and not damages
    output.print_json(found)
    return 0 if found["ok"] else 1


def _summary(found: JsonObject) -> str:
    tokens = found["tokens"]
    states = Counter(token["state"] for token in tokens)
    gaps = Counter(gap["cause"] for token in tokens for gap in token["gaps"])
    open_gaps = sum(gap["to_ns"] is None for token in tokens for gap in token["gaps"])
    shown = ", ".join(f"{output.printable(cause)} {count}" for cause, count in gaps.most_common())
    return (
        f"{len(tokens)} tokens ({', '.join(f'{state} {count}' for state, count in states.most_common())}), "
        f"{gaps.total()} gaps ({shown or 'none'}; {open_gaps} not ended), {len(found['missing'])} missing"
    )
