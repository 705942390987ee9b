"""Copies of the project to build and break."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pm_data._fast import STEMS

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "build", "dist", "data", "*.egg-info", "__pycache__", "*.so"
)
DEFAULTS = {"PM_DATA_CORE": "auto", "PYTHONWARNINGS": "default", "CFLAGS": "-O0 -g0"}


class Tree:
    """A copy of the project in which commands run with an environment of their own."""

    def __init__(self, path):
        self.path = path
        self.fast = path / "pm_data" / "_fast"

    def run(self, *command, check=True, **variables):
        """Run a command in the tree; PM_DATA_CORE is auto unless a variable says otherwise.

        What is compiled is compiled with -O0, which takes a fifth of the time; -O2 is no other path.
        """
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment.update(DEFAULTS | variables)
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=self.path, env=environment, capture_output=True, text=True)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def python(self, *arguments, **options):
        """Run this Python on the copy, not on the project under test."""
        return self.run(sys.executable, *arguments, PYTHONPATH=str(self.path), **options)

    def build_inplace(self, **options):
        """Put the extensions beside their sources, as an editable install does."""
        return self.python("setup.py", "build_ext", "--inplace", **options)

    def built(self):
        """Return the extension files that lie beside their sources."""
        return sorted(path for path in self.fast.iterdir() if path.suffix in (".so", ".pyd"))


def copy_project(target):
    shutil.copytree(ROOT, target, ignore=NOT_COPIED)
    return Tree(target)


@pytest.fixture
def project(tmp_path):
    """Return a fresh copy of the project, nothing built."""
    return copy_project(tmp_path / "project")


def small_twins(tree):
    """Replace the twins of a copy by small ones; how an install goes does not depend on what they hold."""
    for path in tree.fast.glob("*_c.p*"):
        path.unlink()
    for stem in STEMS:
        (tree.fast / f"{stem}_py.py").write_text(f'NAME = "{stem} pure"\n')
        text = f'include "source_digest.pxi"\n\nNAME = "{stem} compiled"\n'
        (tree.fast / f"{stem}_c.pyx").write_text(text)
    return tree


@pytest.fixture
def small(project):
    """Return a fresh copy whose twins are small, nothing built."""
    return small_twins(project)


@pytest.fixture(scope="session")
def toy_built(tmp_path_factory):
    """Return a copy whose twins are small, built in place."""
    tree = small_twins(copy_project(tmp_path_factory.mktemp("toy") / "project"))
    done = tree.build_inplace(check=False, PM_DATA_CORE="compiled")
    if done.returncode != 0:
        if os.environ.get("PM_DATA_CORE") == "compiled":
            pytest.fail(done.stderr)
        pytest.skip(f"nothing compiles here: {done.stderr.splitlines()[-1]}")
    return tree


@pytest.fixture
def toy(toy_built, tmp_path):
    """Return a copy of the built toy tree, to break."""
    return Tree(Path(shutil.copytree(toy_built.path, tmp_path / "toy")))
