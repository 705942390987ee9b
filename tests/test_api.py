"""The Python API: docs/api.md runs as it stands, and gives what the commands give."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import json_line, pm_data

import pm_data as package
from pm_data.bundle.opening import open_bundle
from pm_data.errors import ConfigError, DamageError, StrategyError, UsageError
from pm_data.frame import Control, Kind
from pm_data.strategy import Strategy
from pm_data.strategy.builtin.toy_spread import ToySpread
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
FRAMES = 1_500


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "data" / "runs" / "run-10m"
    write_bundle(VenueOptions(seed=6, markets=20, rate=500), FRAMES, path, 3, 250)
    return path


@pytest.fixture
def bundle(run_dir):
    return package.open_bundle(run_dir)


def command_events(run_dir, *arguments):
    return pm_data("capture-events", "--run-dir", run_dir, "--hash-lines", *arguments).stdout.splitlines()


def test_the_page_runs_as_it_stands(run_dir, monkeypatch, capsys):
    monkeypatch.chdir(run_dir.parent.parent.parent)
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), names)
    assert names["line"]["fills"] > 0
    assert len(names["trades"]) > 10
    assert names["spreads"]
    shown = capsys.readouterr().out
    assert shown.startswith("closed\n")
    assert "best bid 0." in shown


def test_frames_are_those_that_were_written(bundle, run_dir):
    records = list(open_bundle(run_dir).records(pytest.fail))
    assert list(bundle.records()) == records
    frames = [record for record in records if record.kind != Kind.CONTROL]
    assert list(bundle.frames()) == frames
    assert len(frames) == FRAMES
    start, end = frames[100].rx_mono_ns, frames[200].rx_mono_ns
    assert list(bundle.frames(start_ns=start, end_ns=end)) == frames[100:200]


def test_events_are_those_of_capture_events(bundle, run_dir):
    events = list(bundle.events())
    assert [f"{event.seq}|{event.kind}" for event in events] == [
        "|".join(line.split("|")[:2]) for line in command_events(run_dir)
    ]
    token = events[0].market_id
    some = [event.seq for event in bundle.events(market_id=token, kind="top_of_book")]
    lines = command_events(run_dir, "--market", token, "--kind", "top_of_book")
    assert some == [int(line.split("|")[0]) for line in lines]


def test_books_are_those_of_their_moment(bundle):
    event = [event for event in bundle.events(kind="top_of_book") if event.bid_px_e6][50]
    book = bundle.book(event.market_id, at=event.ts_recv)
    assert (book.bids[0], book.status, book.ts_recv) == (
        (event.bid_px_e6, event.bid_sz_e6),
        "live",
        event.ts_recv,
    )
    before = bundle.book(event.market_id, at=event.ts_recv - 1)
    assert before is None or before.bids[:1] + before.asks[:1] != book.bids[:1] + book.asks[:1]
    assert bundle.book(event.market_id).ts_recv >= event.ts_recv
    assert bundle.book("unknown") is None


def test_markets_are_those_of_the_stream(bundle):
    assert len(bundle.markets()) == 20
    assert sum(record.control == Control.UNIVERSE for record in bundle.records()) == 3


def test_a_run_is_that_of_the_command(bundle, run_dir):
    line = bundle.run("toy_spread", sim_fee_bps=7, alloc_max_orders_per_strategy=50, max_events=500)
    command = pm_data(
        *("run", "--mode", "replay", "--run-dir", run_dir, "--strategy", "toy_spread", "--fee-bps", "7"),
        *("--alloc-max-orders-per-strategy", "50", "--max-events", "500", "--print-hash", "--print-pnl"),
        "--print-summary-json",
    )
    expected = json_line(command)
    for key in ("elapsed_ms", "sim_fee_bps", "alloc_max_orders_per_strategy"):
        expected.pop(key)
    assert {key: value for key, value in line.items() if key != "elapsed_ms"} == expected
    assert line["canonical_events"] == 500


def test_classes_instances_and_parameters(bundle):
    wide = bundle.run(ToySpread, params={"ToySpread": {"min_spread_e6": 900_000}})
    assert wide["intents"] == 0
    instance = ToySpread({**ToySpread.parameters, "min_spread_e6": 1})
    assert bundle.run([instance])["intents"] > 0
    assert bundle.run()["intents"] == 0


class Misspelt(Strategy):
    def on_top_of_books(self):
        """Never called."""


class Broken(Strategy):
    def on_trade(self, ctx, event, market_state, portfolio):
        raise ValueError("no")


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "text"),
    [
        (["nonsense"], {}, UsageError, "unknown"),
        ([Misspelt], {}, UsageError, "Misspelt: no callback is named on_top_of_books"),
        ([["toy_spread", "toy_spread"]], {}, UsageError, "two strategies are named toy_spread"),
        (["toy_spread"], {"params": {"toy_spread": {"colour": 1}}}, UsageError, "toy_spread has min_spread"),
        (["toy_spread"], {"params": {"other": {}}}, UsageError, "no strategy is named other"),
        ([Broken], {}, StrategyError, "raised ValueError in on_trade"),
        ([], {"sim_fee_bps": 1.5}, ConfigError, "--sim-fee-bps: '1.5' is not"),
        ([], {"sim_fee_bps": True}, ConfigError, "--sim-fee-bps: 'True' is not"),
        ([], {"data_dir": "x"}, TypeError, "no setting data_dir"),
        ([], {"sim_fee": 1}, TypeError, "no setting sim_fee;"),
    ],
)
def test_mistakes_are_told(bundle, arguments, settings, error, text):
    with pytest.raises(error, match=re.escape(text)):
        bundle.run(*arguments, **settings)


def test_damage_ends_reading_or_is_listed(run_dir, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(run_dir, broken)
    frames = broken / "capture" / "shard_01.frames"
    data = bytearray(frames.read_bytes())
    data[len(data) // 2] ^= 1
    frames.write_bytes(data)
    with pytest.raises(DamageError):
        list(package.open_bundle(broken).events())
    salvaged = package.open_bundle(broken, salvage=True)
    assert any(event.kind == "status" and event.cause == "salvage" for event in salvaged.events())
    assert salvaged.damage
    with pytest.raises(UsageError):
        package.open_bundle(tmp_path / "nothing")


def test_the_import_is_cheap():
    code = (
        "import sys, pm_data; pm_data.__version__\n"
        "print(*sorted(name for name in sys.modules if name.startswith('pm_data')))\n"
        "pm_data.open_bundle"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split() == ["pm_data"]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018
