"""Strategies are found by name, checked at load, and given their parameters."""

import re
import sys

import pytest

from pm_data.errors import ConfigError, UsageError
from pm_data.strategy import Strategy
from pm_data.strategy.builtin.toy_spread import ToySpread
from pm_data.strategy.loading import load_strategies

SOURCE = """
from pm_data.strategy import Strategy
class Mine(Strategy):
    parameters = {"depth": 3}
class Misspelt(Strategy):
    def on_top_of_books(self): pass
NotOne = 5
"""


@pytest.fixture
def mine(tmp_path, monkeypatch, request):
    name = f"mine_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return name


def test_builtin_with_its_defaults():
    strategies = load_strategies(["toy_spread"], [])
    assert isinstance(strategies["toy_spread"], ToySpread)
    assert strategies["toy_spread"].params["min_spread_e6"] == 50_000


def test_a_class_in_a_file_of_the_working_directory(mine):
    strategies = load_strategies(["toy_spread", f"{mine}:Mine"], ["Mine.depth=7"])
    assert list(strategies) == ["Mine", "toy_spread"]
    assert isinstance(strategies["Mine"], Strategy)
    assert strategies["Mine"].params == {"depth": 7}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (["min_spread_e6=1"], "expected NAME.key=value"),
        (["toy_spread.min_spread_e6"], "expected NAME.key=value"),
        (["other.min_spread_e6=1"], "no --strategy is named other"),
        (["toy_spread.colour=1"], "toy_spread has min_spread_e6, size_e6"),
        (["toy_spread.size_e6=much"], "expected a whole number"),
    ],
)
def test_a_bad_setting_is_named(settings, text):
    with pytest.raises((UsageError, ConfigError), match=re.escape(text)):
        load_strategies(["toy_spread"], settings)


@pytest.mark.parametrize("name", ["no_such", "no.such:Thing", "json:nothing", ":", "a:", "json:loads"])
def test_a_bad_name_is_one_clear_error(name):
    with pytest.raises(UsageError, match=re.escape(f"--strategy {name}: ")):
        load_strategies([name], [])


@pytest.mark.parametrize("name", ["mine.py:Mine", "./mine.py:Mine", "ideas/mine:Mine", "ideas\\mine.py:Mine"])
def test_a_path_is_told_how_a_module_is_named(name):
    with pytest.raises(
        UsageError, match=re.escape("mine:Class for mine.py, ideas.mine:Class for ideas/mine.py")
    ):
        load_strategies([name], [])


def test_a_module_that_raises_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raises_at_3.py").write_text("x = 1\n\nx.y\n", encoding="utf-8")
    (tmp_path / "unreadable_at_2.py").write_text("x = 1\ny = (\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"AttributeError: .* \(raises_at_3\.py, line 3\)$"):
        load_strategies(["raises_at_3:X"], [])
    with pytest.raises(
        UsageError, match=r"SyntaxError: [^()]*'\(' was never closed \(unreadable_at_2\.py, line 2\)$"
    ):
        load_strategies(["unreadable_at_2:X"], [])
    with pytest.raises(UsageError, match=r"No module named 'not_there'$"):
        load_strategies(["not_there:X"], [])


def test_a_file_beside_the_strategy_takes_nobodys_place(mine, tmp_path):
    """Found first where the strategy is looked for, last by everybody else."""
    (tmp_path / "this.py").write_text(SOURCE, encoding="utf-8")  # Python has a module of that name
    assert "this" not in sys.modules
    searched = sys.path
    before = list(searched)
    try:
        assert isinstance(load_strategies(["this:Mine"], [])["Mine"], Strategy)
        assert sys.path[-1] == ""
        assert "" not in sys.path[:-1]
        assert searched == before, "another thread may be searching it"
    finally:
        del sys.modules["this"]


def test_a_misspelt_callback_is_an_error_at_load(mine):
    with pytest.raises(UsageError, match="no callback is named on_top_of_books"):
        load_strategies([f"{mine}:Misspelt"], [])
    with pytest.raises(UsageError, match="not a class derived"):
        load_strategies([f"{mine}:NotOne"], [])


def test_the_same_id_twice_is_refused():
    with pytest.raises(UsageError, match="is there already"):
        load_strategies(["toy_spread", "toy_spread"], [])
