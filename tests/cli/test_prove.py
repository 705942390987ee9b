"""`prove`: live equals replay, against the embedded venue, with its faults, on both cores."""

import json
import re

import pytest
from support.captures import venue_flags
from support.commands import ROOT, json_line, pm_data

from pm_data.bundle.opening import open_bundle
from pm_data.frame import Control, control_fields
from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

STRATEGIES = (
    *("--strategy", "toy_spread", "--strategy-params", "toy_spread.min_spread_e6=10000"),
    *("--strategy-params", "toy_spread.urgency=taker", "--strategy-params", "toy_spread.order_type=market"),
    *("--strategy", "pair_taker", "--strategy", "momentum_taker", "--strategy", "counting_maker"),
    *("--fee-model", "polymarket"),
)
FAULTS = (
    "close:after=0.7,conns=3",
    "torn:after=1.1,conns=2",
    "violation:after=1.3,conns=1",
    "malformed:every=40",
    "duplicate:every=30",
    "reorder:every=30",
    "lost:every=40",
    "burst:seconds=0.2",
)


def prove(venue, cwd, core, *arguments):
    urls = venue.urls
    return pm_data(
        *("prove", "--duration-seconds", "2.5", *STRATEGIES, *arguments),
        *("--gamma-base-url", urls.gamma_base_url, "--clob-base-url", urls.clob_base_url),
        *("--clob-ws-url", urls.clob_ws_url),
        cwd=cwd,
        PM_DATA_CORE=core.name,
    )


def live_equals_replay(seed, tmp_path, core):
    options = VenueOptions(
        seed=seed, markets=30, rate=800, faults=tuple(parse_fault(text) for text in FAULTS)
    )
    with EmbeddedVenue(options) as venue:
        done = prove(venue, tmp_path, core, "--book-checks", ("off", "suspect", "count")[seed % 3])
    line = json_line(done)
    assert (done.returncode, line["ok"]) == (0, True), done.stderr
    assert line["intents"] > 0
    assert line["fills"] > 0
    assert line["canonical_events"] > 100
    records = list(open_bundle(tmp_path / line["run_dir"]).records(pytest.fail))
    assert any(record.control == Control.GAP for record in records), "no fault was met"


def test_live_equals_replay(tmp_path, core):
    live_equals_replay(1, tmp_path, core)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 21))
def test_live_equals_replay_for_many_seeds(tmp_path, core, seed):
    live_equals_replay(seed, tmp_path, core)


def test_a_dropped_frame_reaches_neither(tmp_path, core):
    with EmbeddedVenue(VenueOptions(seed=3, markets=60, rate=3_000)) as venue:
        done = prove(venue, tmp_path, core, "--no-capture-drop-fatal", "--capture-queue-max-frames", "3")
    line = json_line(done)
    assert (done.returncode, line["ok"]) == (0, True), done.stderr
    records = open_bundle(tmp_path / line["run_dir"]).records(pytest.fail)
    gaps = [control_fields(record) for record in records if record.control == Control.GAP]
    assert any(gap["cause"] == "drop" and gap["frames"] for gap in gaps)


def test_without_a_url_the_embedded_venue_plays(tmp_path):
    done = pm_data(
        "prove", "--data-dir", "here", "--duration-seconds", "1.5", "--strategy", "toy_spread", cwd=tmp_path
    )
    line = json_line(done)
    assert (done.returncode, line["ok"]) == (0, True), done.stderr
    assert {"ok", "run_dir", "canonical_events", "intents", "final_hash", "events_hash"} <= line.keys()
    (run_dir,) = (tmp_path / "here" / "runs").iterdir()
    assert (tmp_path / line["run_dir"]).samefile(run_dir)
    replay = pm_data(
        *("run", "--mode", "replay", "--run-dir", run_dir, "--strategy", "toy_spread", "--print-hash"),
        cwd=tmp_path,
    )
    for key in ("canonical_events", "intents", "final_hash", "events_hash"):
        assert json_line(replay)[key] == line[key]


EXAMPLE = re.search(
    r"```python\n(.*?)```", (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8"), re.DOTALL
)[1]
EACH = (
    *("--strategy", "toy_spread", "--strategy-params", "toy_spread.min_spread_e6=10000"),
    # a pair that costs 1 is as cheap as the embedded venue has them
    *("--strategy", "pair_taker", "--strategy-params", "pair_taker.min_gain_e6=-100000"),
    *("--strategy", "momentum_taker", "--strategy-params", "momentum_taker.move_e6=1000"),
    *("--strategy-params", "momentum_taker.trades=2", "--strategy-params", "momentum_taker.size_e6=90000000"),
    *("--strategy", "counting_maker", "--strategy", "mine:BuyTheDip"),
    *("--strategy-params", "BuyTheDip.dip_e6=10000"),
)


def test_every_example_and_a_file_of_the_users_decide_live_what_they_decide_replayed(tmp_path, core):
    (tmp_path / "mine.py").write_text(EXAMPLE, encoding="utf-8")
    with EmbeddedVenue(VenueOptions(seed=5, markets=8, rate=1_200)) as venue:
        urls = venue.urls
        where = ("--gamma-base-url", urls.gamma_base_url, "--clob-base-url", urls.clob_base_url)
        where = (*where, "--clob-ws-url", urls.clob_ws_url, "--duration-seconds", "3")
        done = pm_data("prove", *EACH, *where, cwd=tmp_path, PM_DATA_CORE=core.name)
        live = pm_data(
            *("run", "--mode", "live", *EACH, *where, "--print-summary-json"),
            cwd=tmp_path,
            PM_DATA_CORE=core.name,
        )
    proved = json_line(done)
    assert (done.returncode, proved["ok"]) == (0, True), done.stderr
    replayed = json_line(
        pm_data(
            *("run", "--mode", "replay", "--run-dir", proved["run_dir"], *EACH),
            *("--print-summary-json", "--print-hash"),
            cwd=tmp_path,
            PM_DATA_CORE=core.name,
        )
    )
    assert [replayed[key] for key in ("final_hash", "intents")] == [
        proved[key] for key in ("final_hash", "intents")
    ]
    for line in (replayed, json_line(live)):
        decided = line["intents_by_strategy"]
        assert sorted(decided) == [
            "BuyTheDip",
            "counting_maker",
            "momentum_taker",
            "pair_taker",
            "toy_spread",
        ]
        assert all(decided.values()), decided
        assert line["fills"] > 0


CLOCK = """
import time
from pm_data.strategy import CancelIntent, Strategy

class Clock(Strategy):
    def on_top_of_book(self, ctx, event, market_state, portfolio):
        if ctx.seq == 40:
            return [CancelIntent(event.market_id, "buy", tag) for tag in ("same", str(time.time_ns()))]
"""
DICE = """
from random import Random
from pm_data.strategy import Strategy, PlaceOrderIntent

class Dice(Strategy):
    def on_top_of_book(self, ctx, event, market_state, portfolio):
        if Random().random() < 0.2:
            return [PlaceOrderIntent(event.market_id, "buy", None, 1000, "market", "ioc", "taker", "dice")]
"""


def test_a_strategy_that_reads_a_clock_fails_the_proof_at_the_line_that_shows_it(tmp_path, core):
    (tmp_path / "bad.py").write_text(CLOCK, encoding="utf-8")
    done = pm_data(
        *("prove", "--duration-seconds", "1", "--strategy", "bad:Clock", "--run-id", "mine"),
        cwd=tmp_path,
        PM_DATA_CORE=core.name,
    )
    line = json_line(done)
    assert (done.returncode, line["ok"], line["unequal"]) == (1, False, ["final_hash"])
    found = line["first_difference"]
    assert (found["seq"], found["stream"], found["after_seq"], found["up_to_seq"]) == (40, "intents", 39, 40)
    for text in (found["a"], found["b"]):
        seq, strategy, kind, *_rest, tag = text.split("|")
        assert (seq, strategy, kind, tag.isdigit()) == ("40", "Clock", "cancel", True)
    assert found["a"] != found["b"]
    assert f"live      {found['a']}" in done.stderr
    assert f"replayed  {found['b']}" in done.stderr
    assert (tmp_path / "data" / "runs" / "mine").samefile(tmp_path / line["run_dir"])


def test_a_strategy_that_throws_dice_fails_the_proof_at_its_first_other_throw(tmp_path):
    (tmp_path / "bad.py").write_text(DICE, encoding="utf-8")
    done = pm_data("prove", "--duration-seconds", "1", "--strategy", "bad:Dice", cwd=tmp_path)
    line = json_line(done)
    assert (done.returncode, line["ok"]) == (1, False)
    found = line["first_difference"]
    assert found["stream"] == "intents"
    # one run threw at this event, and the other went on to its next line
    thrown = [text for text in (found["a"], found["b"]) if text and "|Dice|place|" in text]
    assert found["seq"] == min(int(text.split("|")[0]) for text in thrown)
    assert found["a"] != found["b"]


def test_a_strategy_that_raises_live_ends_in_one_line(tmp_path):
    source = "from pm_data.strategy import Strategy\nclass Bad(Strategy):\n"
    source += "    def on_top_of_book(self, *a):\n        raise ValueError('no')\n"
    (tmp_path / "bad.py").write_text(source, encoding="utf-8")
    done = pm_data("prove", "--duration-seconds", "1", "--strategy", "bad:Bad", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    raised = "strategy Bad raised ValueError in on_top_of_book at event 1: no (bad.py, line 4)"
    assert done.stderr.splitlines()[-1] == f"pm_data prove: {raised}"


def test_a_silent_venue_proves_nothing(tmp_path):
    fault = parse_fault("slow_start:seconds=60,conns=0")
    with EmbeddedVenue(VenueOptions(markets=5, rate=0, faults=(fault,))) as venue:
        urls = venue.urls
        done = pm_data(
            *("prove", "--duration-seconds", "1", "--gamma-base-url", urls.gamma_base_url),
            *("--clob-base-url", urls.clob_base_url, "--clob-ws-url", urls.clob_ws_url),
            cwd=tmp_path,
        )
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)
    assert "no event came, so that nothing is proved" in done.stderr


def test_no_venue_and_a_bad_strategy_are_one_line(tmp_path):
    done = pm_data("prove", "--gamma-base-url", "http://127.0.0.1:9", "--clob-ws-url", "ws://127.0.0.1:9/x")
    assert (done.returncode, done.stdout) == (69, "")
    assert len(done.stderr.splitlines()) == 1
    done = pm_data("prove", "--strategy", "nonsense", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_a_proof_is_one_bundle_whatever_the_environment_asks_of_captures(tmp_path):
    options = VenueOptions(seed=5, markets=10, rate=300)
    with EmbeddedVenue(options) as venue:
        done = pm_data(
            *("prove", "--strategy=toy_spread", "--duration-seconds=2.2", *venue_flags(venue.urls)),
            cwd=tmp_path,
            PM_DATA_CAPTURE_ROTATE_SECONDS="1",
        )
    assert (done.returncode, json_line(done)["ok"]) == (0, True), done.stderr
    assert len(list((tmp_path / "data" / "runs").iterdir())) == 1
