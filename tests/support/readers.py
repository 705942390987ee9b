"""The commands that read a bundle: one list, for every test that must hold of each of them."""

import itertools

RUNS = itertools.count()

READERS = {
    "capture-verify": lambda run, out: [f"--run-dir={run}"],
    "capture-verify --summary-only": lambda run, out: [f"--run-dir={run}", "--summary-only"],
    "capture-verify --repair": lambda run, out: [f"--run-dir={run}", "--repair"],
    "capture-frames": lambda run, out: [f"--run-dir={run}"],
    "capture-events": lambda run, out: [f"--run-dir={run}"],
    "capture-books": lambda run, out: [f"--run-dir={run}", "--every=60"],
    "capture-inspect": lambda run, out: [f"--run-dir={run}"],
    "capture-slice": lambda run, out: [f"--run-dir={run}", f"--data-dir={out}", f"--run-id=cut-{next(RUNS)}"],
    "capture-seal": lambda run, out: [f"--run-dir={run}"],
    "capture-audit": lambda run, out: [f"--run-dir={run}"],
    "capture-coverage": lambda run, out: [f"--run-dir={run}"],
    "capture-gates": lambda run, out: [f"--run-dir={run}"],
    "capture-latency-report": lambda run, out: [f"--run-dir={run}"],
    "compare": lambda run, out: [str(run), str(run)],
    "run": lambda run, out: ["--mode=replay", f"--run-dir={run}", "--print-hash"],
    "run --salvage": lambda run, out: ["--mode=replay", f"--run-dir={run}", "--salvage"],
}
"""What each is given, after its own name, to read a run; `out` is a directory where it may write.

Those that change a run (`CHANGING`) need one of their own.
"""

JUDGING = {"capture-audit", "capture-coverage", "capture-gates", "capture-latency-report", "compare"}
"""Those whose verdict is not about the files: of a good run it may be bad, and the other way round."""

CHANGING = {"capture-verify --repair", "capture-seal"}


def command_line(name, run_dir, out):
    """Return the arguments with which a reader reads this run."""
    command, *flags = name.split()
    return [command, *flags, *READERS[name](run_dir, out)]
