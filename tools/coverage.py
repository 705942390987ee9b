#!/usr/bin/env python3
"""Measure which lines the tests run, of Python and of Cython; hold both to the floors in pyproject.toml.

In a copy of the project, twice. First on a core built with Cython's line tracing, also where the
interpreter lock is not held: the tests of the core and of the state. Then on the pure core, child
processes too: the other tests of the short stage but tests/build. Each without the tests that only do
the same thing thousands of times, since traced code runs at a tenth of its speed.

Lines of a process that is killed are lost. Whether a test passes is for the stages of the tests to
judge: slowed down, one that holds a clock may not. Cython traces lines for coverage.py up to Python
3.11; with a later one only Python is measured, which is said.
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
OF_CORE = ("tests/_fast", "tests/state", "tests/runtime/test_orchestrator.py", "tests/runtime/test_timers.py")
SETTINGS = {
    "core": "[run]\nplugins = Cython.Coverage\nsource = pm_data\nparallel = true\n",
    "pure": "[run]\nsource = pm_data\nparallel = true\npatch =\n    subprocess\n    _exit\n",
}
REPEATING = (
    *("mutation", "mutants", "every_bit", "every_byte", "bitflip", "kill", "power_cut", "linear_time"),
    *("oracle", "any_cut", "damaged", "random", "alone", "generated_feed", "identity", "edges"),
    *("instructions", "odd_strings", "any_value"),
)
"""Words in the names of tests that do the same thing thousands of times."""


def main() -> int:
    """Measure, print what was not run and the sums; return 1 where one is below its floor."""
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pm_data"]["floors"]
    with tempfile.TemporaryDirectory(prefix="pm_data-coverage-") as directory:
        copy = Path(directory, "project")
        copy_project(copy)
        if sys.version_info < (3, 12):
            build(copy)
            run_tests(copy, "core", *OF_CORE)
            for path in (copy / "pm_data" / "_fast").glob("*_c.*.so"):
                path.unlink()
        else:
            print("cython: not measured, its line tracing for coverage.py ends with Python 3.11")
            del floors["cython"]
        in_two = ("--numprocesses=2", "--dist=loadfile", "--ignore=tests/build")
        run_tests(copy, "pure", *in_two, *(() if "cython" not in floors else ("--ignore=tests/_fast",)))
        files = measured(copy)
    below = [language for language, floor in floors.items() if not judge(language, files[language], floor)]
    return 1 if below else 0


def copy_project(copy: Path) -> None:
    """Copy what the tests need, with the settings of both measurements."""
    copy.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=NOT_COPIED)
        else:
            shutil.copy(ROOT / name, copy / name)
    for name, text in SETTINGS.items():
        (copy / f"{name}.coveragerc").write_text(text)


def build(copy: Path) -> None:
    """Build the core in its place, with the C files where coverage.py looks for them."""
    fast = copy / "pm_data" / "_fast"
    for path in fast.glob("*.pyx"):
        path.write_text(TRACED + path.read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    variables = environment(copy) | {"PM_DATA_CORE": "compiled", "CFLAGS": CFLAGS}
    subprocess.run(command, cwd=copy, env=variables, check=True, capture_output=True)
    for path in (copy / "build" / "generated").glob("*.c"):
        shutil.copy(path, fast)


def run_tests(copy: Path, settings: str, *words: str) -> None:
    """Run tests under coverage.py."""
    core = {"core": "compiled", "pure": "pure"}[settings]
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", f"not ({' or '.join(REPEATING)})"]
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}.coveragerc", *pytest, *words]
    code = subprocess.call(command, cwd=copy, env=environment(copy) | {"PM_DATA_CORE": core})
    if code not in (0, 1):
        raise SystemExit(f"coverage: pytest could not run the tests (exit {code})")


def measured(copy: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Return by language and file how many lines were run, and how many there are."""
    coverage = [sys.executable, "-W", "ignore", "-m", "coverage"]
    options = ["--quiet", "--rcfile=core.coveragerc"]
    # A process that was killed leaves a file that cannot be read: an error to combine, expected here.
    subprocess.run([*coverage, "combine", *options], cwd=copy, env=environment(copy), check=False)
    report = [*coverage, "json", "-o", "coverage.json", *options]
    subprocess.run(report, cwd=copy, env=environment(copy), check=True)
    found: dict[str, dict[str, tuple[int, int]]] = {"python": {}, "cython": {}}
    for name, fields in json.loads((copy / "coverage.json").read_text(encoding="utf-8"))["files"].items():
        summary = fields["summary"]
        language = "cython" if name.endswith(CYTHON_SUFFIXES) else "python"
        found[language][name] = (summary["covered_lines"], summary["num_statements"])
    return found


def environment(copy: Path) -> dict[str, str]:
    """Return the environment in which the copy is the package that is imported."""
    return os.environ | {"PYTHONPATH": str(copy)}


def judge(language: str, files: dict[str, tuple[int, int]], floor: float) -> bool:
    """Print the figures of one language; return whether they reach the floor."""
    for name, (run, lines) in sorted(files.items()):
        if run < lines:
            print(f"{100 * run / lines:6.1f} %  {lines - run:4} of {lines:4} not run  {name}")
    run, lines = (sum(column) for column in zip(*files.values(), strict=True))
    ok = 100 * run >= floor * lines
    verdict = "above" if ok else "BELOW"
    print(f"{language}: {100 * run / lines:.1f} % of {lines} lines run, {verdict} the floor, {floor} %")
    return ok


if __name__ == "__main__":
    sys.exit(main())
