"""Find strategies by name and check them before a run starts."""

import importlib
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points

from pm_data.errors import ConfigError, UsageError
from pm_data.strategy.base import CALLBACKS, Parameter, Strategy
from pm_data.strategy.blame import where_raised

BUILTIN = {
    "counting_maker": "pm_data.strategy.builtin.counting_maker:CountingMaker",
    "momentum_taker": "pm_data.strategy.builtin.momentum_taker:MomentumTaker",
    "pair_taker": "pm_data.strategy.builtin.pair_taker:PairTaker",
    "toy_spread": "pm_data.strategy.builtin.toy_spread:ToySpread",
}
ENTRY_POINT_GROUP = "pm_data.strategies"


def load_strategies(names: Iterable[str], settings: Iterable[str]) -> dict[str, Strategy]:
    """Return the strategies by id, in order of their ids.

    Args:
        names: built-in names, entry points of `pm_data.strategies`, or `package.module:Class`
            (looked for in the working directory too). A strategy's id is the name without its module.
        settings: texts of the form `NAME.key=value`.

    Raises:
        UsageError: a name or key is wrong; the text says what was expected.
        ConfigError: a value is.
    """
    classes: dict[str, type[Strategy]] = {}
    for name in names:
        strategy_id = strategy_id_of(name)
        if strategy_id in classes:
            raise UsageError(f"--strategy {name}: a strategy named {strategy_id} is there already")
        classes[strategy_id] = find_strategy(name)
    values: dict[str, dict[str, Parameter]] = {
        strategy_id: dict(found.parameters) for strategy_id, found in classes.items()
    }
    for setting in settings:
        _apply_setting(setting, values)
    return {
        strategy_id: make_strategy(strategy_id, classes[strategy_id], values[strategy_id])
        for strategy_id in sorted(classes)
    }


def strategy_id_of(name: str) -> str:
    """Return the id of a strategy that is asked for by name: the name without its module.

    Raises:
        UsageError: it cannot stand in an intent line.
    """
    strategy_id = name.rpartition(":")[2]
    if not strategy_id.isprintable() or "|" in strategy_id:
        raise UsageError(f"--strategy {name}: a name with '|' or a line break is no strategy's id")
    return strategy_id


def find_strategy(name: str) -> type[Strategy]:
    """Return the class of a built-in name, an entry point, or `package.module:Class`, checked.

    Raises:
        UsageError: there is none, or it is no strategy.
    """
    return checked_strategy(f"--strategy {name}", _import(name, BUILTIN.get(name, name)))


def checked_strategy(label: str, found: object) -> type[Strategy]:
    """Return a class if it is a strategy whose callbacks have their names.

    Args:
        label: begins the text of an error.

    Raises:
        UsageError: it is not, or one is misspelt.
    """
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise UsageError(f"{label}: not a class derived from pm_data.strategy.Strategy")
    misspelt = [key for key in dir(found) if key.startswith("on_") and key not in CALLBACKS]
    if misspelt:
        raise UsageError(f"{label}: no callback is named {misspelt[0]} (there are {', '.join(CALLBACKS)})")
    return found


def make_strategy(strategy_id: str, found: type[Strategy], values: Mapping[str, Parameter]) -> Strategy:
    """Return a strategy with these values of all its parameters.

    Raises:
        UsageError: its constructor raised.
    """
    try:
        return found(values)
    except Exception as error:  # a stranger's code may raise anything
        raise UsageError(f"strategy {strategy_id} cannot be made: {type(error).__name__}: {error}") from error


def _import(name: str, target: str) -> object:
    if ":" not in target:
        for entry_point in entry_points(group=ENTRY_POINT_GROUP, name=target):
            target = entry_point.value
        if ":" not in target:
            raise UsageError(
                f"--strategy {name}: unknown; expected {', '.join(BUILTIN)} or package.module:Class"
            )
    module_name, _colon, class_name = target.partition(":")
    if "/" in module_name or "\\" in module_name or module_name.endswith(".py"):
        raise UsageError(
            f"--strategy {name}: expected package.module:Class, the module as import names it: "
            "mine:Class for mine.py, ideas.mine:Class for ideas/mine.py"
        )
    # A new list each time: another thread may be searching the one that is there.
    sys.path = ["", *sys.path]
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # a strategy's module is a stranger's code and may raise anything
        place = where_raised(error, not_in=(__file__, importlib.__file__))
        raise UsageError(
            f"--strategy {name}: cannot be loaded: {type(error).__name__}: {error}{place}"
        ) from error
    finally:
        # Last from here on: a random.py of the user's must not become that of whoever imports it later.
        sys.path = [*filter(None, sys.path), ""]


def _apply_setting(setting: str, values: Mapping[str, dict[str, Parameter]]) -> None:
    path, equals, text = setting.partition("=")
    strategy_id, dot, key = path.partition(".")
    if not equals or not dot:
        raise UsageError(f"--strategy-params {setting}: expected NAME.key=value")
    if strategy_id not in values:
        raise UsageError(f"--strategy-params {setting}: no --strategy is named {strategy_id}")
    known = values[strategy_id]
    if key not in known:
        raise UsageError(
            f"--strategy-params {setting}: {strategy_id} has {', '.join(known) or 'no parameters'}"
        )
    if isinstance(known[key], int):
        try:
            known[key] = int(text)
        except ValueError:
            raise ConfigError(f"--strategy-params {setting}: expected a whole number") from None
    else:
        known[key] = text
