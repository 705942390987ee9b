"""The arrows of ARCHITECTURE.md: what may import what."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pm_data"

LAYERS = (
    {"__main__"},
    {"cli", "api"},
    {"capture", "analysis", "runtime"},
    {"venue"},
    {"config", "bundle", "state", "strategy", "page"},
    {"_fast"},
    {"errors", "clock", "frame", "jsonlib", "bookhash", "osdep"},
)
"""From the top down. A part imports itself and what stands below it; the leaves also each other."""

LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
LEAVES = LAYERS[-1]
CYTHON_IMPORT = re.compile(
    r"^\s*(?:from\s+(pm_data[\w.]*)\s+c?import\s+(.+)|c?import\s+(pm_data[\w.]*))", re.MULTILINE
)


def python_imports(path):
    """Yield the dotted names that a module imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def cython_imports(path):
    for module, names, plain in CYTHON_IMPORT.findall(path.read_text(encoding="utf-8")):
        yield from (f"{module}.{name.strip(' ()')}" for name in names.split(",")) if module else (plain,)


def parts_imported(path):
    """Return the parts of pm_data that a file imports; `from pm_data import __version__` is none."""
    imports = python_imports(path) if path.suffix == ".py" else cython_imports(path)
    names = {name.split(".")[1] for name in imports if name.startswith("pm_data.")}
    return {name for name in names if name in LEVEL or (PACKAGE / name).exists()}


def sources():
    return sorted(path for suffix in ("py", "pyx", "pxd") for path in PACKAGE.rglob(f"*.{suffix}"))


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_part_has_its_layer():
    parts = {part_of(path) for path in sources()} - {"__init__"}
    assert parts == set(LEVEL)


def test_arrows_point_down():
    wrong = []
    for path in sources():
        part = part_of(path)
        if part == "__init__":
            continue
        for other in parts_imported(path) - {part}:
            both_leaves = part in LEAVES and other in LEAVES
            if not (LEVEL[part] < LEVEL[other] or both_leaves):
                wrong.append(f"{path.relative_to(ROOT)} imports pm_data.{other}")
    assert wrong == []


def test_the_leaves_have_no_circle():
    below = {part: parts_imported(PACKAGE / f"{part}.py") for part in LEAVES}
    while below:
        free = {part for part, others in below.items() if not others}
        assert free, f"these import each other: {sorted(below)}"
        below = {part: others - free for part, others in below.items() if part not in free}


def test_a_strategy_imports_only_what_strategies_see():
    """What ships as built in keeps to the rule that users' strategies are told."""
    paths = sorted((PACKAGE / "strategy" / "builtin").rglob("*.py"))
    assert paths
    for path in paths:
        assert parts_imported(path) <= {"strategy"}, path


def test_each_public_module_is_imported_alone():
    """A module that needs another to be imported first fails here; so does a circle of imports."""
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    )
    code = (
        "import importlib, os, sys\n"
        # What is not ours is read once: it is the dearest, and has no circle with us.
        "import argparse, asyncio, hashlib, ssl, ujson, urllib3, websockets.client\n"
        "for name in sys.argv[1:]:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        importlib.import_module(name)\n"
        "        os._exit(0)\n"
        "    if os.waitpid(child, 0)[1]:\n"
        "        sys.exit(name)\n"
    )
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    done = subprocess.run([sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_building_the_parser_imports_nothing_heavy():
    """`--help` and completions stay quick, and the build makes them without the dependencies."""
    code = (
        "import sys\n"
        "from pm_data.cli.parser import build_parser\n"
        "build_parser()\n"
        "heavy = ('websockets', 'ujson', 'urllib3', 'pm_data._fast')\n"
        "print(*sorted(name for name in heavy if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
