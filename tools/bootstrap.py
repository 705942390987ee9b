#!/usr/bin/env python3
"""Install pm_data into a virtual environment of its own and run it: demo, test, coverage, lint, install.

Needs Python 3.11 or later with venv (or uv on the PATH) and nothing else. PM_DATA_CORE chooses the core:
auto (default: compiled where a C compiler and the Python headers are there), compiled, or pure. The
environment is .venv, or .venv-pure for the pure core; what has not changed is not installed again.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import NoReturn

if sys.version_info < (3, 11):  # noqa: UP036  (this check is for those who run it with an older one)
    sys.exit(f"bootstrap: pm_data needs Python 3.11 or later, this is {sys.version.split()[0]}")

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "build" / "bootstrap.log"
MARK = "pm_data setup: "
"""Begins the lines in which setup.py says why it did not build the compiled core."""

MISLEADING = {
    *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONOPTIMIZE"),
    *("VIRTUAL_ENV", "CONDA_PREFIX"),
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_DRY_RUN"),
    *("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX"),
    *("PIP_REQUIRE_HASHES", "UV_REQUIRE_HASHES", "PIP_QUIET", "UV_QUIET"),
}
"""Variables that would send our own steps astray; which index is asked stays the user's."""


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


def fail(text: str) -> NoReturn:
    """End with one line."""
    say(text)
    sys.exit(1)


def clean_environment() -> dict[str, str]:
    """Return the environment for every process that is started from here."""
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    environment.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_NO_COMPILE="1")
    # uv trusts a list of its own unless told to trust what this machine trusts, as pip does on Debian;
    # the second name is that of older versions.
    for name in ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS"):
        environment.setdefault(name, "true")
    return environment


class Environment:
    """The virtual environment of one core, and what is installed in it.

    Args:
        core: auto, compiled or pure.
    """

    def __init__(self, core: str) -> None:
        self.core = core
        self.path = ROOT / (".venv-pure" if core == "pure" else ".venv")
        self.scripts = self.path / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")
        self.record_path = self.path / "bootstrap.json"
        self.variables = clean_environment()
        self.uv = shutil.which("uv")

    def ask(self, code: str) -> tuple[bool, str]:
        """Run code in the environment; return whether it ran, and what it printed or its last error."""
        command = [str(self.python), "-c", code]
        try:
            done = subprocess.run(command, env=self.variables, cwd=ROOT, capture_output=True, text=True)
        except OSError as error:
            return False, str(error)
        if done.returncode == 0:
            return True, done.stdout.strip()
        return False, (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]

    def install(self, *extras: str) -> None:
        """Install pm_data for development, and these extras' pinned requirements, where they are not yet."""
        LOG.parent.mkdir(exist_ok=True)
        LOG.write_bytes(b"")
        record = self.record()
        if not record:
            self.make()
            record = {"python": sys.version, "root": str(ROOT)}
        project = self.project_digest()
        if record.get("project") != project or self.version() != (True, record["version"]):
            self.install_requirements("build", "base")
            self.install_project()
            works, version = self.version()
            if not works:
                fail(f"pm_data is installed but does not start: {version}")
            record.update(project=project, version=version)
        for extra in extras:
            digest = digest_of([ROOT / "requirements" / f"{extra}.txt"])
            if record.get(extra) != digest:
                self.install_requirements(extra)
                record[extra] = digest
        self.record_path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        say(f"{record['version']}, in {self.path.name}")

    def record(self) -> dict[str, str]:
        """Return what was installed by an earlier run; empty where the environment has to be made anew."""
        try:
            record: dict[str, str] = json.loads(self.record_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        module = "sys" if self.uv else "pip"
        made_here = record.get("python") == sys.version and record.get("root") == str(ROOT)
        return record if made_here and self.ask(f"import {module}")[0] else {}

    def make(self) -> None:
        """Make the environment, in the place of one that does not fit."""
        if self.path.exists() and not (self.path / "pyvenv.cfg").exists() and any(self.path.iterdir()):
            fail(f"{self.path} is in the way: it is no virtual environment")
        shutil.rmtree(self.path, ignore_errors=True)
        if self.uv:
            self.run("making a virtual environment", self.uv, "venv", "--python", sys.executable, self.path)
            return
        missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
        if missing:
            fail(f"this Python lacks {' and '.join(missing)}: install python3-venv (Debian, Ubuntu), or uv")
        self.run("making a virtual environment", sys.executable, "-m", "venv", self.path)

    def install_requirements(self, *names: str) -> None:
        """Install pinned requirements; their hashes are checked."""
        files = [part for name in names for part in ("-r", ROOT / "requirements" / f"{name}.txt")]
        self.run_installer(f"installing requirements ({', '.join(names)})", "--require-hashes", *files)

    def install_project(self) -> None:
        """Install the working tree itself, so that changes to Python files need no new install."""
        arguments = ["--no-deps", "--no-build-isolation", "--verbose", "--editable", ROOT]
        if self.uv:  # else it may take a build from its cache whose .so files are no longer there
            arguments += ["--reinstall-package", "pm_data"]
        self.run_installer(f"installing pm_data (core: {self.core})", *arguments)
        for line in build_messages():
            say(line)

    def run_installer(self, doing: str, *arguments: object) -> None:
        """Run uv's or pip's install in this environment."""
        if self.uv:
            self.run(doing, self.uv, "pip", "install", "--python", self.python, *arguments)
        else:
            self.run(doing, self.python, "-m", "pip", "install", *arguments)

    def run(self, doing: str, *command: object) -> None:
        """Run one step with its output in the log; show the reason, or the end of the log, when it fails."""
        started = time.monotonic()
        with LOG.open("ab") as log:
            words = [str(word) for word in command]
            code = subprocess.call(words, env=self.variables, cwd=ROOT, stdout=log, stderr=log)
        if code == 0:
            say(f"{doing}: {time.monotonic() - started:.0f} s")
            return
        reasons = build_messages()
        if not reasons:
            for line in LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]:
                say(line)
        fail(f"{doing} failed: {'; '.join(reasons) or 'see above'} (all of it is in {LOG})")

    def project_digest(self) -> str:
        """Return a digest of everything that an install depends on."""
        names = ["pyproject.toml", "setup.py", "pm_data/__init__.py"]
        names += ["requirements/base.txt", "requirements/build.txt"]
        sources = [ROOT / name for name in names]
        sources += sorted(path for path in (ROOT / "pm_data/_fast").iterdir() if path.match("*.p[yx][xdi]"))
        # A compiler or headers installed since are a reason to build again.
        header = Path(sysconfig.get_path("include"), "Python.h").exists()
        return digest_of(sources, f"{self.core} {shutil.which(os.environ.get('CC', 'cc'))} {header}")

    def version(self) -> tuple[bool, str]:
        """Return whether pm_data starts, and its line of version, core and Python."""
        return self.ask("import sys; from pm_data.cli import main; sys.exit(main(['--version']))")

    def call(self, program: str, *arguments: str) -> int:
        """Run a program of the environment and return its exit code."""
        return subprocess.call([self.scripts / program, *arguments], env=self.variables)

    def become(self, program: str, *arguments: str) -> int:
        """Run a program in the place of this one, so that Ctrl-C is its own; Windows cannot, and calls it."""
        if os.name == "posix":
            # The first argument is the whole path, for by it Python finds its environment.
            os.execve(self.scripts / program, [self.scripts / program, *arguments], self.variables)
        return self.call(program, *arguments)


def build_messages() -> list[str]:
    """Return what setup.py said to people, from the log."""
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()
    return sorted({line.split(MARK, 1)[1] for line in lines if MARK in line})


def digest_of(paths: list[Path], text: str = "") -> str:
    """Return a digest of files and a text."""
    digest = hashlib.sha256(text.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def demo(environment: Environment, arguments: list[str]) -> int:
    """Run `pm_data demo`, in the directory from which this was started."""
    environment.install()
    return environment.become("pm_data", "demo", *arguments)


def test(environment: Environment, arguments: list[str]) -> int:
    """Run the tests: the short stage, or with --long both."""
    environment.install("test")
    os.chdir(ROOT)
    # Many tests wait for sockets, timers and processes: two run in less time than one after the other.
    # A file stays with one process, for what its tests share; `-n 0` in the arguments undoes it.
    in_two = ["--numprocesses=2", "--dist=loadfile"]
    return environment.become("python", "-m", "pytest", *in_two, *arguments)


def coverage(environment: Environment, arguments: list[str]) -> int:
    """Measure which lines the tests run, by tools/coverage.py."""
    environment.install("test")
    os.chdir(ROOT)
    return environment.become("python", "tools/coverage.py", *arguments)


def lint(environment: Environment, arguments: list[str]) -> int:
    """Run ruff and mypy --strict."""
    environment.install("lint")
    os.chdir(ROOT)
    return max(environment.call("ruff", "check", *arguments), environment.call("mypy"))


def install(environment: Environment, arguments: list[str]) -> int:
    """Install only, with these extras."""
    for extra in arguments:
        if not (ROOT / "requirements" / f"{extra}.txt").exists():
            fail(f"there is no extra {extra!r}; requirements/ has one file for each")
    environment.install(*arguments)
    return 0


COMMANDS = {"demo": demo, "test": test, "coverage": coverage, "lint": lint, "install": install}


def main() -> int:
    """Parse the command line and run one command."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    parser.add_argument("command", choices=COMMANDS, help="what to do once pm_data is installed")
    words = "for pm_data demo, pytest or ruff, after --; for install the extras"
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=words)
    args = parser.parse_args()
    arguments = args.arguments[1:] if args.arguments[:1] == ["--"] else args.arguments
    core = os.environ.get("PM_DATA_CORE", "auto")
    if core not in ("auto", "compiled", "pure"):
        fail(f"PM_DATA_CORE: {core!r} is not one of auto, compiled, pure")
    try:
        return COMMANDS[args.command](Environment(core), arguments)
    except KeyboardInterrupt:
        fail("interrupted")
    except OSError as error:
        fail(str(error))


if __name__ == "__main__":
    sys.exit(main())
