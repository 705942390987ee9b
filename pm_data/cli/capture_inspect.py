"""Say what a run holds: a JSON line on stdout, and the same for people on stderr.

Sizes, records by kind, messages by type, time span, gaps, connections, markets, and
how the run was made. Nothing is judged: that is for capture-verify and capture-gates.
Damage is stepped over and named; the exit code is then 1.
"""

import argparse
import time
from pathlib import Path

from pm_data.cli import output
from pm_data.jsonlib import JsonObject

NAME = "capture-inspect"
SUMMARY = "say what a run holds"

_NEIGHBOURS = {"previous": "after", "next": "before"}
_DAMAGE_SHOWN = 10
_NAME_WIDTH = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to look into")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")


def run(args: argparse.Namespace) -> int:
    """Print what the run holds; 1 when it is damaged."""
    from pm_data.analysis.inspection import Inspection
    from pm_data.bundle.opening import open_bundle

    inspection = Inspection(open_bundle(args.run_dir))
    inspection.read()
    found = inspection.fields()
    if not args.json:
        for name, text in _rows(found):
            output.note(f"{name:<{_NAME_WIDTH}}{output.printable(text)}")
    output.print_json(found)
    return 0 if found["ok"] else 1


def _rows(found: JsonObject) -> list[tuple[str, str]]:
    gaps, connections, messages = found["gaps"], found["connections"], found["messages"]
    rows = [("run", f"{found.get('run_id', '?')}, {found['status']}")]
    if "digest" in found:
        rows += _making(found)
    rows += [
        ("time", _time(found["span"])),
        ("size", f"{found['bytes']:,} bytes in {len(found['shards'])} shards"),
        ("records", _counts(found["kinds"])),
    ]
    if found["marked"]:
        rows.append(("carried", f"{found['marked']:,} of these records, from before the cut"))
    rows += [
        ("frames", f"{_counts(messages['classes'])}; {found['payload_bytes']:,} bytes of payload"),
        ("messages", _counts(messages["types"] | messages["texts"])),
        ("unknown", _counts(messages["unknown_types"])),
        ("opened", f"{connections['opened']:,} connections"),
        ("closed", _counts(connections["closed"])),
        ("gaps", _counts(gaps["causes"]) or "none"),
    ]
    if gaps["dropped_frames"]:
        rows.append(("dropped", f"{gaps['dropped_frames']:,} frames, {gaps['dropped_bytes']:,} bytes"))
    rows.append(("markets", _markets(found["universe"])))
    rows += [("damage", text) for text in found["damage"]["listed"][:_DAMAGE_SHOWN]]
    if found["damage"]["count"] > _DAMAGE_SHOWN:
        rows.append(("damage", f"{found['damage']['count']:,} places in all"))
    return [(name, text) for name, text in rows if text]


def _making(found: JsonObject) -> list[tuple[str, str]]:
    made = f"{found['source']}, by pm_data {found['package_version']}, {found['core']} core"
    rows = [("made", f"{made}, Python {found['python']}, {found['platform']}"), ("digest", found["digest"])]
    parent = found["parent"]
    if parent is not None:
        bounds = [f"{name} {value}" for name, value in parent["range"].items() if value is not None]
        rows.append(("slice of", f"{parent['run_id']}, {'; '.join(bounds)}; digest {parent['digest']}"))
    neighbours = [f"{word} {found[key]}" for key, word in _NEIGHBOURS.items() if found[key] is not None]
    if neighbours:
        rows.append(("rotated", ", ".join(neighbours)))
    settings = [
        f"{name}={setting.get('value')} ({setting.get('origin')})" if isinstance(setting, dict) else name
        for name, setting in found["settings"].items()
    ]
    rows.append(("settings", ", ".join(settings) or "all as by default"))
    return rows


def _time(span: JsonObject) -> str:
    if span["first_wall_ns_utc"] is None:
        return "no record"
    first, last = _clock(span["first_wall_ns_utc"]), _clock(span["last_wall_ns_utc"])
    return f"{first} to {last} UTC, {span['seconds']:,.3f} s"


def _clock(wall_ns_utc: int) -> str:
    """Return wall time as text; a stranger's stamp may be outside of what the calendar knows."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(wall_ns_utc // 1_000_000_000))
    except (OverflowError, ValueError, OSError):
        return f"{wall_ns_utc} ns"


def _markets(universe: JsonObject) -> str:
    if not universe["markets"]:
        return "none named"
    return (
        f"{universe['markets']:,} with {universe['tokens']:,} tokens; {universe['neg_risk']:,} neg risk, "
        f"{universe['fees_enabled']:,} with fees; ticks: {_counts(universe['tick_sizes'])}"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
