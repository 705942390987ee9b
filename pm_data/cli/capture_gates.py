"""Judge a capture by every FAIL gate in one pass: a table on stderr, a JSON line on stdout.

The gates are heartbeat_gaps, reconnects, drops, loop_lag, pressure, crc and fatal. Every record
is checked for the crc gate, which any damage to records or manifest fails. The exit code is 0
when all gates hold, else 1.

Beside the verdict stands a grade, for runs of days and weeks, which hardly pass every gate: A, all
gates hold and nothing was lost; B, every gap of a token has a cause and an end, and every frame is
accounted for; C, anything else. A gap ends with a full book, or with the token, resolved or
unsubscribed; one that had still time for its book when the run ended needs none. Connections that
ended midrun are split by where that came from: planned, venue, ours (a limit of ours was reached),
network.
"""

import argparse
import os
from pathlib import Path

from pm_data import jsonlib
from pm_data.cli import output
from pm_data.cli.progress import ProgressBar

NAME = "capture-gates"
SUMMARY = "judge a capture by every gate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to judge")


def run(args: argparse.Namespace) -> int:
    """Print the gates; 1 when one fails."""
    from pm_data.analysis.coverage import coverage_of
    from pm_data.analysis.gates import gates
    from pm_data.analysis.grade import by_source, grade
    from pm_data.analysis.latency_report import report_on
    from pm_data.analysis.verify import verify_bundle
    from pm_data.bundle.opening import open_bundle

    bundle = open_bundle(args.run_dir)
    report = report_on(bundle).fields()
    with ProgressBar("pm_data capture-gates", sum(bundle.sizes.values())) as bar:
        verdict = verify_bundle(bundle, bar.add)
    judged = gates(report, verdict, has_fatal=os.path.lexists(bundle.run.fatal))
    for gate in judged:
        value, limit = jsonlib.dumps(gate.value), jsonlib.dumps(gate.limit)
        look = "" if gate.ok else f"; see {gate.look}"
        verdict_text = "PASS" if gate.ok else "FAIL"
        output.note(output.printable(f"{verdict_text}  {gate.name:<15} {value} (limit {limit}){look}"))
    coverage = coverage_of(bundle, lambda _damage: None)
    graded = grade(judged, report, verdict, coverage, status=bundle.status)
    reasons = f": {'; '.join(graded.reasons)}" if graded.reasons else ""
    output.note(output.printable(f"grade {graded.letter}{reasons}"))
    ok = all(gate.ok for gate in judged)
    output.print_json(
        {
            "ok": ok,
            "gates": [gate.fields() for gate in judged],
            **graded.fields(),
            "disconnects_by_source": by_source(report["disconnected"]),
        }
    )
    return 0 if ok else 1
