"""`run --report`: a page beside the line, which stays what it is without."""

import pytest
from support.browser import show
from support.bundles import make_bundle, stamped
from support.captures import venue_flags
from support.commands import json_line, pm_data
from support.frames import A, book, change

from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

TAKER = [
    f"--strategy-params=toy_spread.{setting}" for setting in ("order_type=market", "urgency=taker", "tif=ioc")
]


@pytest.fixture
def run_dir(tmp_path):
    frames = [
        book(A),
        change((A, "BUY", "0.39", "5"), (A, "SELL", "0.47", "1")),
        change((A, "BUY", "0.40", "5")),
    ]
    lines = "".join(stamped(1000 * number, frame) for number, frame in enumerate(frames))
    return make_bundle(tmp_path, {"a.ndjson": lines})


def test_the_page_and_the_same_line(run_dir, tmp_path):
    replay = ("run", "--mode=replay", f"--run-dir={run_dir}", "--strategy=toy_spread", *TAKER)
    replay += ("--print-hash", "--print-pnl", "--stable-json")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    plain = pm_data(*replay)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
    assert json_line(plain)["fills"] > 0
    page = tmp_path / "page.html"
    done = pm_data(*replay, "--report", page, "--checkpoints", tmp_path / "checkpoints")
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    elements, console = show(page, tmp_path / "profile")
    assert console == []
    assert 'data-drawn="5"' in elements


@pytest.mark.parametrize("flag", ["--report", "--checkpoints"])
def test_a_place_that_cannot_be_is_told_before_the_run(run_dir, tmp_path, flag):
    done = pm_data("run", "--mode=replay", f"--run-dir={run_dir}", flag, tmp_path / "no" / "file")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"pm_data run: {flag}: {tmp_path / 'no'} is no directory\n"


def test_a_live_run_shows_its_latency(tmp_path):
    page = tmp_path / "page.html"
    with EmbeddedVenue(VenueOptions(markets=4, rate=200)) as venue:
        live = ("run", "--mode=live", "--duration-seconds=1.5", "--strategy=toy_spread", f"--report={page}")
        done = pm_data(*live, *venue_flags(venue.urls))
    assert done.returncode == 0, done.stderr
    assert "latency_ns" not in json_line(done)
    assert "<td>recv_to_decode</td>" in page.read_text(encoding="utf-8")
