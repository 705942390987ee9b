#!/usr/bin/env python3
"""Measure which lines the tests run, of Python and of Cython; hold both to the floors in pyproject.toml.

In a copy of the project, whose core is built with Cython's line tracing, also where the interpreter lock
is not held. Lines of a process that is killed are lost. The tests are those of the short stage, without
what only repeats lines many times, and tests/build: traced code runs at a tenth of its speed. Cython
traces lines for coverage.py up to Python 3.11; later only Python is measured, and that is said.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("pm_data", "tests", "tools", "docs", "deploy", "pyproject.toml", "setup.py", "README.md", "LICENSE")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
TRACED = "# cython: linetrace=True\n"
CFLAGS = "-O1 -g0 -DCYTHON_TRACE=1 -DCYTHON_TRACE_NOGIL=1"
CYTHON_SUFFIXES = (".pyx", ".pxd", ".pxi")
REPEATING = (
    *("mutation", "mutants", "every_bit", "every_byte", "bitflip", "kill9", "power_cut", "linear_time"),
    *("oracle", "any_cut", "damaged_shards", "random", "alone"),
)
"""Words in the names of tests that do the same thing thousands of times, or with the clock in hand."""


def main() -> int:
    """Measure, print a line for each file and both sums; 1 where a sum is below its floor or a test fails."""
    can_trace = sys.version_info < (3, 12)
    with tempfile.TemporaryDirectory(prefix="pm_data-coverage-") as directory:
        copy = Path(directory, "project")
        copy_project(copy)
        environment = os.environ | {"PYTHONPATH": str(copy), "PM_DATA_CORE": "compiled"}
        build(copy, environment, traced=can_trace)
        failed = run_tests(copy, environment)
        files = measured(copy, environment)
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pm_data"]["floors"]
    if failed:
        print("coverage: tests failed", file=sys.stderr)
    ok = not failed
    for language, floor in floors.items():
        if language == "cython" and not can_trace:
            print("cython: not measured, its line tracing for coverage.py ends with Python 3.11")
            continue
        ok &= judge(language, files[language], floor)
    return 0 if ok else 1


def copy_project(copy: Path) -> None:
    """Copy what the tests need."""
    copy.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=NOT_COPIED)
        else:
            shutil.copy(ROOT / name, copy / name)


def build(copy: Path, environment: dict[str, str], *, traced: bool) -> None:
    """Build the core in its place, with the C files where coverage.py looks for them."""
    fast = copy / "pm_data" / "_fast"
    if traced:
        environment = environment | {"CFLAGS": CFLAGS}
        for path in fast.glob("*.pyx"):
            path.write_text(TRACED + path.read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(command, cwd=copy, env=environment, check=True, stdout=subprocess.DEVNULL)
    for path in (copy / "build" / "generated").glob("*.c"):
        shutil.copy(path, fast)


def run_tests(copy: Path, environment: dict[str, str]) -> bool:
    """Run them, their child processes measured too; return whether one failed."""
    words = ["-q", "--numprocesses=2", "--dist=loadfile", "--ignore=tests/build", "-p", "no:cacheprovider"]
    words += ["-k", f"not ({' or '.join(REPEATING)})", *sys.argv[1:]]
    return coverage(copy, environment, "run", "-m", "pytest", *words) != 0


def measured(copy: Path, environment: dict[str, str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return by language and file how many lines were run, and how many there are."""
    coverage(copy, environment, "combine", "--quiet")
    coverage(copy, environment, "json", "--quiet", "-o", "coverage.json")
    found: dict[str, dict[str, tuple[int, int]]] = {"python": {}, "cython": {}}
    for name, fields in json.loads((copy / "coverage.json").read_text())["files"].items():
        summary = fields["summary"]
        language = "cython" if name.endswith(CYTHON_SUFFIXES) else "python"
        found[language][name] = (summary["covered_lines"], summary["num_statements"])
    return found


def coverage(copy: Path, environment: dict[str, str], *words: str) -> int:
    """Run coverage.py, whose settings are in pyproject.toml; return its exit code."""
    return subprocess.call([sys.executable, "-m", "coverage", *words], cwd=copy, env=environment)


def judge(language: str, files: dict[str, tuple[int, int]], floor: float) -> bool:
    """Print the figures of one language; return whether they reach the floor."""
    for name, (run, lines) in sorted(files.items()):
        if run < lines:
            print(f"{100 * run / lines:6.1f} %  {lines - run:4} of {lines:4} not run  {name}")
    run, lines = (sum(column) for column in zip(*files.values(), strict=True))
    percent = 100 * run / lines
    ok = percent >= floor
    print(
        f"{language}: {percent:.1f} % of {lines} lines run, {'above' if ok else 'BELOW'} the floor, {floor}"
    )
    return ok


if __name__ == "__main__":
    sys.exit(main())
