#!/usr/bin/env python3
"""Read a large bundle with the real commands, plain and sealed, and hold each to its memory (SPEC.md 10).

The embedded venue makes the bundle. Prints time and most memory of each command; ends with 1 where one fails
or takes more than the limit.

    python3 tools/soak_large_bundle.py --gigabytes 5 --directory /somewhere/with/room
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRAME_BYTES = 750
"""About what a frame of the venue takes in a bundle."""
LIMIT_BYTES = 150_000_000
MARKETS = 2000
RATE = 5000
SLICE_FIRST = 100_000


def timed(arguments):
    """Run a command; return its exit code, seconds, and most resident bytes."""
    command = [sys.executable, "-m", "pm_data", *map(str, arguments)]
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    began = time.monotonic()
    pid = os.posix_spawn(
        sys.executable,
        command,
        os.environ | {"PYTHONPATH": search},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - began, usage.ru_maxrss * 1024


def readers(run, out, form):
    """Yield name and arguments of each command that reads the run."""
    reading = f"--run-dir={run}"
    yield "capture-verify", ["capture-verify", reading, "--summary-only"]
    yield "run", ["run", "--mode=replay", reading, "--strategy=toy_spread", "--print-hash"]
    yield "capture-inspect", ["capture-inspect", reading, "--json"]
    yield (
        "capture-slice",
        ["capture-slice", reading, f"--first={SLICE_FIRST}", f"--data-dir={out}", f"--run-id={form}"],
    )


def soak(directory, gigabytes):
    """Make the bundle and run every command; return whether all was good."""
    run, out = directory / "data/runs/large", directory / "out"
    frames = round(gigabytes * 1e9 / FRAME_BYTES)
    made = ["venue", f"--markets={MARKETS}", f"--rate={RATE}", f"--frames={frames}", f"--out-bundle={run}"]
    good = True

    def report(name, arguments):
        nonlocal good
        code, seconds, memory = timed(arguments)
        good = good and code == 0 and memory <= LIMIT_BYTES
        print(f"{name:<24} exit {code}  {seconds:7.1f} s  {memory / 1e6:6.1f} MB", flush=True)

    code, seconds, _memory = timed(made)
    if code:
        print(f"the bundle cannot be made: exit {code}")
        return False
    print(f"{size_of(run) / 1e9:.2f} GB in {seconds:.0f} s")
    for form in ("plain", "sealed"):
        for name, arguments in readers(run, out, form):
            report(f"{form} {name}", arguments)
        shutil.rmtree(out)
        if form == "plain":
            report("capture-seal", ["capture-seal", f"--run-dir={run}"])
            print(f"{size_of(run) / 1e9:.2f} GB sealed")
    return good


def size_of(run):
    """Return the bytes of the run's records, as they are stored."""
    return sum(path.stat().st_size for path in run.glob("capture/*.frames*"))


def main():
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=5.0, help="size of the bundle (default 5)")
    parser.add_argument("--directory", type=Path, help="where; three times the size must be free")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.directory) as name:
        sys.exit(0 if soak(Path(name), args.gigabytes) else 1)


if __name__ == "__main__":
    main()
