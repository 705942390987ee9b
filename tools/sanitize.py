#!/usr/bin/env python3
"""Run tests and fuzz on a compiled core with AddressSanitizer and UBSan, built in a copy of the tree.

This is sanitizers_clean of the rules for faults. Needs Linux and gcc with libasan and libubsan; the fuzz
needs atheris too. What is not there is skipped, and said. Prints what the sanitizers report, exit 1 then,
or `no report`.

    python3 tools/sanitize.py --minutes 10
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined"
TESTS = ["tests/_fast", "tests/bundle", "tests/state", "tests/runtime", "tests/analysis"]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "build", "data", "__pycache__", "*.so", ".*_cache", "*.egg-info"
)


def runtimes() -> list[str] | None:
    """Return the paths of the sanitizers' libraries; None where gcc has them not."""
    if shutil.which("gcc") is None:
        return None
    paths = []
    for name in ("libasan.so", "libubsan.so"):
        done = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        paths.append(done.stdout.strip())
    return paths if all(os.path.isabs(path) for path in paths) else None


def build(tree: Path) -> None:
    """Build the extensions where their sources are."""
    flags = dict.fromkeys(("CFLAGS", "LDFLAGS"), FLAGS)
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(
        command, cwd=tree, env=os.environ | flags | {"PM_DATA_CORE": "compiled", "CC": "gcc"}, check=True
    )


def check_core(tree: Path, variables: dict[str, str]) -> None:
    """End where another core than the tree's would be run."""
    code = "from pm_data import _fast; print(_fast.CORE, _fast.store.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=variables, capture_output=True, text=True
    )
    if not done.stdout.startswith(f"compiled {tree}"):
        raise SystemExit(f"sanitize: the tree's core is not in force: {done.stdout}{done.stderr}")


def environment(tree: Path, libraries: list[str], reports: Path) -> dict[str, str]:
    """Return the variables with which Python runs the tree's core under the sanitizers."""
    return os.environ | {
        "PYTHONPATH": str(tree),
        "PM_DATA_CORE": "compiled",
        "LD_PRELOAD": " ".join(libraries),
        # Each object is an allocation of its own then, so that a byte too far is seen.
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": f"detect_leaks=0:log_path={reports}/asan",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={reports}/ubsan",
    }


def main() -> int:
    """Build, run, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10, help="of fuzz in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzz (default: %(default)s)")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="what pytest runs (default: %(default)s)")
    args = parser.parse_args()
    libraries = runtimes() if sys.platform == "linux" else None
    if libraries is None:
        print("skipped: needs Linux and gcc with libasan and libubsan")
        return 0
    with tempfile.TemporaryDirectory() as directory:
        tree, reports = Path(directory, "tree"), Path(directory, "reports")
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        reports.mkdir()
        build(tree)
        variables = environment(tree, libraries, reports)
        check_core(tree, variables)
        works = True
        seconds = str(round(args.minutes * 60 / 2))
        # Tests that measure time or memory would measure the sanitizers.
        pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=1200", *args.tests]
        for command in (
            pytest if args.tests else [],
            ["tools/fuzz.py", "frames", "--seconds", seconds, "--seed", str(args.seed)],
            ["tools/fuzz.py", "records", "--seconds", seconds, "--seed", str(args.seed)],
        ):
            if command and (command is pytest or args.minutes):
                works &= subprocess.run([sys.executable, *command], cwd=tree, env=variables).returncode == 0
        found = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(reports.iterdir())]
    print(*found, sep="\n")
    print(f"{len(found)} reports" if found else "no report")
    return 0 if works and not found else 1


if __name__ == "__main__":
    sys.exit(main())
