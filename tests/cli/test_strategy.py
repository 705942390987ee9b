"""`strategy new`, and docs/strategies.md: what it says runs, from a file outside the project."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.bundles import make_bundle, stamped
from support.commands import ROOT, json_line, pm_data
from support.frames import A, book, change, trade

from pm_data.strategy.loading import BUILTIN, load_strategies

PAGE = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    frames = [book(A, asks=[("0.15", "9")]), trade(A), change((A, "SELL", "0.12", "5"))]
    text = "".join(stamped(number * 10**9, payload) for number, payload in enumerate(frames))
    return make_bundle(tmp_path_factory.mktemp("run"), {"a.ndjson": text})


def replay(run_dir, *arguments, cwd):
    return pm_data("run", "--mode", "replay", "--run-dir", run_dir, *arguments, cwd=cwd)


def test_a_new_strategy_runs_as_it_is(run_dir, tmp_path):
    done = pm_data("strategy", "new", "my_idea", cwd=tmp_path)
    assert json_line(done) == {"ok": True, "path": "my_idea.py", "strategy": "my_idea:MyIdea"}
    line = json_line(replay(run_dir, "--strategy", "my_idea:MyIdea", cwd=tmp_path))
    assert (line["ok"], line["intents"], line["fills"]) == (True, 1, 1)


def test_a_new_strategy_is_typed(tmp_path):
    pytest.importorskip("mypy", reason="mypy is of the extra lint")
    pm_data("strategy", "new", "my_idea", cwd=tmp_path)
    (tmp_path / "mine.py").write_text(EXAMPLE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--follow-imports=silent", "my_idea.py", "mine.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_is_never_written_over(tmp_path):
    Path(tmp_path, "mine.py").write_text("keep", encoding="utf-8")
    done = pm_data("strategy", "new", "mine", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pm_data strategy: mine.py is there already\n"
    assert Path(tmp_path, "mine.py").read_text(encoding="utf-8") == "keep"


@pytest.mark.parametrize("name", ["../x", "Mine", "1a", "class", "a-b", "", "a" * 65])
def test_a_bad_name_is_one_line(tmp_path, name):
    done = pm_data("strategy", "new", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_page_s_own_strategy_runs_and_reports(run_dir, tmp_path):
    (tmp_path / "mine.py").write_text(EXAMPLE, encoding="utf-8")
    settings = ("--strategy", "mine:BuyTheDip", "--strategy-params", "BuyTheDip.dip_e6=20000")
    line = json_line(replay(run_dir, *settings, "--print-summary-json", "--print-pnl", cwd=tmp_path))
    assert line["fills"] == 1
    assert line["reports"] == {"BuyTheDip": {"dips": 1}}
    assert line["callback_stats"]["BuyTheDip"] == {
        "on_start": 1,
        "on_top_of_book": 2,
        "on_timer": 2,
        "on_stop": 1,
    }


def test_the_page_names_every_callback_parameter_and_built_in():
    for callback in (
        name for name in dir(load_strategies(["toy_spread"], [])["toy_spread"]) if name[:3] == "on_"
    ):
        assert f"`{callback}(" in PAGE
    for name in BUILTIN:
        assert f"`{name}`" in PAGE


def test_a_report_of_something_else_is_one_line(run_dir, tmp_path):
    source = "from pm_data.strategy import Strategy\nclass Odd(Strategy):\n"
    source += "    def report(self):\n        return {'share': 0.5}\n"
    (tmp_path / "odd.py").write_text(source, encoding="utf-8")
    done = replay(run_dir, "--strategy", "odd:Odd", "--print-summary-json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "strategy Odd reports 'share': 0.5, expected texts and whole numbers" in done.stderr
