"""`run --mode live` against the embedded venue over real sockets."""

import signal
import subprocess
import sys

import pytest
from support.commands import ROOT, json_line, pm_data

from pm_data.runtime.latency import END_TO_END, STAGES
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions


@pytest.fixture
def venue():
    with EmbeddedVenue(VenueOptions(seed=3, markets=20, rate=500)) as running:
        yield running


def urls(venue):
    found = venue.urls
    return (
        *("--gamma-base-url", found.gamma_base_url),
        *("--clob-base-url", found.clob_base_url, "--clob-ws-url", found.clob_ws_url),
    )


def test_a_live_run_prints_its_summary_and_writes_nothing(venue, tmp_path, core):
    done = pm_data(
        *("run", "--mode", "live", "--execution", "sim", "--duration-seconds", "2", "--print-summary-json"),
        *(
            "--print-latency-report-json",
            "--strategy",
            "toy_spread",
            "--print-hash",
            "--print-pnl",
            *urls(venue),
        ),
        cwd=tmp_path,
        PM_DATA_CORE=core.name,
    )
    line = json_line(done)
    assert done.returncode == 0, done.stderr
    assert (line["ok"], line["mode"]) == (True, "live")
    assert line["canonical_events"] > 40
    assert line["intents"] == line["intents_by_strategy"]["toy_spread"] > 0
    assert line["names"]["types"]["book"] >= 40
    assert len(line["final_hash"]) == 64
    assert tuple(line["latency_ns"]) == (*STAGES, END_TO_END)
    assert all(found["count"] for found in line["latency_ns"].values())
    assert (
        0 < line["latency_ns"]["normalize"]["p50"] < line["latency_ns"]["end_to_end"]["max"] < 2_000_000_000
    )
    assert list(tmp_path.iterdir()) == []


def test_max_events_ends_a_live_run(venue):
    assert (
        json_line(pm_data("run", "--mode", "live", "--max-events", "5", *urls(venue)))["canonical_events"]
        == 5
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_live_run_well(venue, number):
    command = [sys.executable, "-m", "pm_data", "run", "--mode", "live", *urls(venue)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        while not venue.connections:
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert out.startswith('{"ok":true,"mode":"live"')


def test_no_venue_is_one_line():
    done = pm_data(
        "run",
        "--mode",
        "live",
        "--gamma-base-url",
        "http://127.0.0.1:9",
        "--clob-ws-url",
        "ws://127.0.0.1:9/x",
    )
    assert (done.returncode, done.stdout) == (69, "")
    assert len(done.stderr.splitlines()) == 1
