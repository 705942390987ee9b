"""The page of a capture: what it shows, and that neither weeks nor strangers make it large."""

import re
import subprocess
import sys

import pytest
from support.browser import show
from support.commands import json_line, pm_data
from support.records import TOKENS, control, shard_records, text, write_run
from support.runlogs import SHARD_LAG, heartbeat, line, quiet_run, write_lines

from pm_data.analysis.books import check_books
from pm_data.analysis.capture_page import capture_page
from pm_data.analysis.capture_series import MAX_MARKS, MAX_POINTS, MAX_STRETCHES, CaptureSeries
from pm_data.analysis.coverage import coverage_of
from pm_data.analysis.gates import gates
from pm_data.analysis.grade import grade
from pm_data.analysis.inspection import Inspection
from pm_data.analysis.latency_report import LatencyReport
from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.opening import open_bundle
from pm_data.frame import Control

HOSTILE = "</script><script>alert(1)</script>"
MAX_PAGE_BYTES = 300_000


def gap_run(data_dir):
    """Write a run of two shards; the first lost its connection midway."""
    broken = shard_records(0, 4)[:-1]
    at = broken[-1].rx_mono_ns
    broken += [
        control(0, 6, at + 1, Control.CLOSED, 1, code=1011, reason="", cause="venue"),
        control(0, 7, at + 2, Control.GAP, 1, cause="closed", tokens=TOKENS, frames=0, bytes=0),
        text(0, 8, at + 3, b'{"event_type":"<i>odd</i>"}', 2),
        control(0, 9, at + 4, Control.END, reason="stop"),
    ]
    return write_run(data_dir, [broken, shard_records(1, 10)])


def beats(seconds, shards):
    """Yield heartbeats whose every value has many digits."""
    for second in range(1, seconds + 1):
        lag = {name: value + second % 97 / 1000 for name, value in SHARD_LAG.items()}
        covered = [{"shard": shard, "coverage_pct": (second * 7 + shard) % 101} for shard in range(shards)]
        counts = {
            "received": 12_345 * second,
            "received_bytes": 3_456_789 * second,
            "queued": second * 31 % 9973,
        }
        yield heartbeat(second, loop_lag_ms=lag, shards=covered, queued_oldest_ms=second % 4999, **counts)


def page_with(run, lines, metrics=()):
    series, report = CaptureSeries(), LatencyReport(None, None)
    for entry in lines:
        series.note_runlog(entry)
        report.note_runlog(entry)
    for entry in metrics:
        series.note_metrics(entry)
    bundle = open_bundle(run.path)
    inspection = Inspection(bundle)
    inspection.read()
    fields = {"run_id": run.run_id, "status": bundle.status, **report.fields()}
    verdict, coverage = verify_bundle(bundle), coverage_of(bundle, lambda damage: None)
    judged = gates(fields, verdict, has_fatal=False)
    graded = grade(judged, fields, verdict, coverage, status=bundle.status)
    books = check_books(bundle.replay_records(lambda tail: None, lambda damage: None))
    return capture_page(fields, judged, graded, series, inspection, coverage, books), series


def test_the_command_writes_the_page(tmp_path):
    run = gap_run(tmp_path)
    lines = [*quiet_run()[:5], line("disconnected", 4.5, cause="venue"), *quiet_run()[5:]]
    write_lines(run.runlog, lines)
    done = pm_data("capture-latency-report", "--run-dir", run.path)
    assert (done.returncode, json_line(done)["run_id"]) == (0, "run")
    page = (run.path / "latency_report.html").read_text(encoding="utf-8")
    assert re.search(r'<td class="bad">FAIL</td><td>reconnects</td>', page)
    assert re.search(r"<td>closed</td><td class=\"number\">2</td>", page), "the gap, with its two tokens"
    assert "&lt;i&gt;odd&lt;/i&gt;" in page
    assert "<td>the venue&#x27;s hash</td>" in page
    elements, console = show(run.path / "latency_report.html", tmp_path / "profile")
    assert console == []
    assert 'data-drawn="6"' in elements
    assert elements.count("<canvas") == 6


def test_the_records_are_read_twice(tmp_path):
    """Once by verify, and once for everything else."""
    run = gap_run(tmp_path)
    write_lines(run.runlog, quiet_run())
    code = (
        "import sys\n"
        "from pm_data.cli import main\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, what: event == 'open' and opened.append(str(what[0])))\n"
        "main(['capture-latency-report', '--run-dir', sys.argv[1]])\n"
        "print(sum(name.endswith('shard_00.frames') for name in opened))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "2", done.stderr


@pytest.mark.long
def test_days_stay_small(tmp_path):
    run = gap_run(tmp_path)
    seconds = 3 * 86_400
    stamps = (
        {"mono_ns": second * 10**9, "received_to_written_ms": SHARD_LAG} for second in range(1, seconds)
    )
    page, series = page_with(run, beats(seconds, 8), stamps)
    assert len(page.encode("utf-8")) < MAX_PAGE_BYTES
    assert MAX_POINTS // 2 <= len(series.heartbeats.stamps_ns) <= MAX_POINTS


def test_a_hostile_run_log_stays_small(tmp_path):
    run = gap_run(tmp_path)
    lines = [
        *beats(2 * MAX_POINTS, 8),
        heartbeat(2 * MAX_POINTS + 1, shards=[{"shard": shard, "coverage_pct": 50} for shard in range(5000)]),
        *(line("disconnected", second, cause=f"{HOSTILE}{second}" * 50) for second in range(3000)),
        {
            "record_type": "heartbeat",
            "hb_mono_ns": -1,
            "shards": 7,
            "loop_lag_ms": "x",
            "coverage_pct": 10**400,
        },
    ]
    page, series = page_with(run, lines)
    assert len(page.encode("utf-8")) < MAX_PAGE_BYTES
    assert HOSTILE not in page
    assert len(series.disconnects) == MAX_MARKS
    assert sum(len(shard.stamps_ns) for shard in series.coverage.values()) <= 2 * MAX_STRETCHES


def test_a_run_without_one_heartbeat_has_its_page(tmp_path):
    page, _series = page_with(gap_run(tmp_path), [line("run_start", 0)])
    assert "<h2>Gaps</h2>" in page
