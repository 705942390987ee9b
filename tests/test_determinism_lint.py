"""Rule H1 in the source: no clock, randomness, set order or float where results are made."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pm_data"
PLACES = ("runtime", "state", "strategy")
SHARED = ("ops", "pnl", "json_frame", "scanned", "usual_frames")
"""Modules of _fast that belong to the definition beside the `_py` twins."""

ALLOWED = {
    # elapsed_ms, which --stable-json makes 0; --max-seconds, turned into ns before the first record
    "runtime/entrypoint.py": {"import time", "float"},
    "runtime/latency.py": {"import clock"},  # the latency report of a live run; decides nothing
    "runtime/run_page.py": {"float", "division"},  # draws what was decided
    "runtime/run_watch.py": {"float", "division"},  # likewise
    "runtime/live.py": {"import threading", "import asyncio", "import osdep", "float"},  # the live source
}
"""What a file may use, with the reason; everything else in it is held to the rule."""

MODULES = frozenset(
    "time datetime random secrets uuid os threading asyncio socket locale platform decimal fractions "
    "statistics math numbers clock osdep multiprocessing concurrent select signal".split()
)
CALLS = frozenset("float hash id".split())
CONSUMERS = frozenset("list tuple iter enumerate zip map filter next sum min max reversed dict join".split())
SET_METHODS = frozenset("union difference intersection symmetric_difference".split())
SET_OPERATORS = (ast.Sub, ast.BitAnd, ast.BitOr, ast.BitXor)


def sources():
    paths = [path for place in PLACES for path in (PACKAGE / place).rglob("*.py")]
    paths += (PACKAGE / "_fast").glob("*_py.py")
    paths += [PACKAGE / "_fast" / f"{name}.py" for name in SHARED]
    return sorted(paths)


def faults(tree):
    """Return (line, what) of everything that the rule forbids."""
    sets = set_names(tree)
    return [(getattr(node, "lineno", 0), what) for node in ast.walk(tree) for what in forbidden(node, sets)]


def forbidden(node, sets):
    if isinstance(node, ast.Import | ast.ImportFrom):
        prefix = [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in [*prefix, *(alias.name for alias in node.names)]:
            parts = name.split(".")
            yield from (f"import {part}" for part in (parts[0], parts[-1]) if part in MODULES)
            if parts[0] in MODULES:
                return
    elif isinstance(node, ast.Constant) and type(node.value) in (float, complex):
        yield "float"
    elif isinstance(node, ast.Name) and node.id in CALLS and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
        yield "division"
    elif isinstance(node, ast.For | ast.comprehension | ast.Starred | ast.YieldFrom):
        if is_set(node.iter if hasattr(node, "iter") else node.value, sets):
            yield "iterates over a set"
    elif isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in CONSUMERS and any(is_set(argument, sets) for argument in node.args):
            yield "iterates over a set"
        if name == "pop" and is_set(getattr(node.func, "value", None), sets):
            yield "takes any one of a set"


def is_set(node, sets):
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name | ast.Attribute):
        return getattr(node, "id", getattr(node, "attr", None)) in sets
    if isinstance(node, ast.BinOp) and isinstance(node.op, SET_OPERATORS):
        return any(is_set(side, sets) or is_keys(side) for side in (node.left, node.right))
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in SET_METHODS
        return isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    return False


def is_keys(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("keys", "items")
    )


def set_names(tree):
    """Return the names and attributes that are given a set, or said to be one, anywhere in the file."""
    names = set()
    for node in ast.walk(tree):
        targets = []
        if isinstance(node, ast.Assign) and is_set(node.value, names):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            text = ast.unparse(node.annotation)
            if text.split("[")[0].lower() in ("set", "frozenset", "abstractset"):
                targets = [node.target if isinstance(node, ast.AnnAssign) else node]
        for target in targets:
            names.add(next(getattr(target, key) for key in ("id", "attr", "arg") if hasattr(target, key)))
    return names


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_results_depend_on_nothing_but_records(path):
    name = str(path.relative_to(PACKAGE).as_posix())
    found = faults(ast.parse(path.read_text(encoding="utf-8"), name))
    left = [f"{name}:{line}: {what}" for line, what in found if what not in ALLOWED.get(name, ())]
    assert left == []


def test_what_is_allowed_is_used():
    """An exception that nobody needs any more goes."""
    for name, allowed in ALLOWED.items():
        used = {what for _line, what in faults(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))}
        assert allowed <= used, name


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic_ns",
        "from pm_data import clock",
        "from pm_data.clock import mono_ns",
        "import random",
        "import os.path",
        "x = 0.5",
        "x = 1e6",
        "x = a / b",
        "a /= 2",
        "x = float(a)",
        "x: float",
        "x = hash(a)",
        "key = id",
        "for x in {1, 2}: pass",
        "for x in set(a): pass",
        "x = [y for y in {z for z in a}]",
        "x = list(frozenset(a))",
        "x = [*{1, 2}]",
        "x = a.keys() - b\nfor y in x: pass",
        "for y in a.keys() & b.keys(): pass",
        "for y in a.union(b): pass",
        "class A:\n def f(self):\n  self.open = set()\n  return tuple(self.open)",
        "def f(a: set[str]): return ''.join(a)",
        "a = {1}\na.pop()",
    ],
)
def test_the_lint_can_fail(source):
    assert faults(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "x = a // b",
        "x = 3 in {1, 2}",
        "x = len(set(a))",
        "for x in sorted({1, 2}): pass",
        "for x in {1: 2}: pass",
        "x = {**a}",
        "y = a.keys() <= b.keys()",
        "for x in a.keys(): pass",
    ],
)
def test_the_lint_lets_pass_what_is_ordered(source):
    assert faults(ast.parse(source)) == []
