"""`capture-gates`, `capture-audit` and `capture-latency-report` on a clean run, and spoilt in each way."""

import json
import re

import pytest
from support.captures import Capture
from support.commands import json_line, pm_data
from support.records import shard_records, write_run
from support.runlogs import BEGIN_NS, SECOND_NS, heartbeat, line, quiet_run, write_lines

from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

GATES = ["heartbeat_gaps", "reconnects", "drops", "loop_lag", "pressure", "crc", "fatal"]


@pytest.fixture
def run(tmp_path):
    run = write_run(tmp_path, [shard_records(shard, 20) for shard in range(2)])
    write_lines(run.runlog, quiet_run())
    return run


def judge(run_dir):
    """Return the exit code and the names of the gates that fail."""
    done = pm_data("capture-gates", "--run-dir", run_dir)
    answer = json_line(done)
    assert [gate["name"] for gate in answer["gates"]] == GATES
    assert answer["ok"] == (done.returncode == 0)
    table = re.findall(r"^(PASS|FAIL)  (\w+) ", done.stderr, re.MULTILINE)
    assert table == [("PASS" if gate["ok"] else "FAIL", gate["name"]) for gate in answer["gates"]]
    return done.returncode, [gate["name"] for gate in answer["gates"] if not gate["ok"]]


def spoil_lines(change):
    return lambda run: write_lines(run.runlog, change(quiet_run()))


def without_seconds(first, last):
    gone = {BEGIN_NS + second * SECOND_NS for second in range(first, last + 1)}
    return lambda lines: [entry for entry in lines if entry["mono_ns"] not in gone]


def in_second(second, **changes):
    stamp = BEGIN_NS + second * SECOND_NS
    return lambda lines: [
        heartbeat(second, **changes) if entry["mono_ns"] == stamp else entry for entry in lines
    ]


def from_second(first, **changes):
    return lambda lines: [
        entry | changes if entry["mono_ns"] >= BEGIN_NS + first * SECOND_NS else entry for entry in lines
    ]


def flip_a_byte(run):
    data = bytearray(run.frames(1).read_bytes())
    data[len(data) // 2] ^= 1
    run.frames(1).write_bytes(data)


def cut_a_shard(run):
    run.frames(0).write_bytes(run.frames(0).read_bytes()[:-5])


LAG = {"p50": 1.0, "p99": 10.1, "max": 40.0}
SPOILT = {
    "a process that stood still": (spoil_lines(without_seconds(4, 5)), "heartbeat_gaps"),
    "a log that lost its end": (spoil_lines(lambda lines: lines[:6]), "heartbeat_gaps"),
    "a reconnect": (
        spoil_lines(lambda lines: [*lines[:5], line("reconnect", 4.5, cause="network"), *lines[5:]]),
        "reconnects",
    ),
    "a disconnect": (
        spoil_lines(lambda lines: [*lines[:5], line("disconnected", 4.5, cause="venue"), *lines[5:]]),
        "reconnects",
    ),
    "a drop": (spoil_lines(from_second(6, dropped=1, dropped_bytes=600)), "drops"),
    "a late loop": (spoil_lines(in_second(3, loop_lag_ms=LAG)), "loop_lag"),
    "a loop that stood": (
        spoil_lines(in_second(3, loop_lag_ms={"p50": 1.0, "p99": 2.0, "max": 100.1})),
        "loop_lag",
    ),
    "a changed byte": (flip_a_byte, "crc"),
    "a file cut short": (cut_a_shard, "crc"),
    "a fatal end": (lambda run: run.fatal.write_text("{}"), "fatal"),
}


def test_a_clean_run_passes(run):
    assert judge(run.path) == (0, [])


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_run_fails_at_its_gate(run, name):
    spoil, gate = SPOILT[name]
    spoil(run)
    assert judge(run.path) == (1, [gate])


def test_a_log_that_holds_nothing_proves_nothing(run):
    """Of no figure it says that it was good; the gate that asks for signs of life fails."""
    run.runlog.write_bytes(b"\xff\xfe\n{not JSON\n[]\n")
    assert judge(run.path) == (1, ["heartbeat_gaps"])
    done = pm_data("capture-audit", "--run-dir", run.path)
    assert (done.returncode, json_line(done)["gaps_over_threshold"]) == (1, 1)
    assert done.stderr == "pm_data capture-audit: the run log holds no end of the run\n"


def test_sustained_pressure_fails(run):
    lagging = {"loop_lag_ms": {"p50": 1.0, "p99": 9.0, "max": 101.0}}
    write_lines(run.runlog, from_second(4, **lagging)(quiet_run()))
    assert judge(run.path) == (1, ["loop_lag", "pressure"])


def test_one_late_second_fails_no_gate_where_the_whole_run_is_known(run):
    """A second's p99 is its longest lag nearly; the last line of a run states that of all samples."""
    whole = {"p50": 0.4, "p99": 2.0, "max": 40.0}
    lines = in_second(3, loop_lag_ms=LAG)(quiet_run())
    write_lines(run.runlog, [*lines[:-1], lines[-1] | {"loop_lag_ms": whole}])
    assert judge(run.path) == (0, [])
    write_lines(run.runlog, [*lines[:-1], lines[-1] | {"loop_lag_ms": whole | {"p99": 10.1}}])
    assert judge(run.path) == (1, ["loop_lag"])


def test_a_damaged_index_fails_no_gate(run):
    run.idx(0).unlink()
    assert judge(run.path) == (0, [])


@pytest.mark.parametrize("command", ["capture-gates", "capture-audit", "capture-latency-report"])
def test_a_run_without_a_log_is_told(run, command):
    run.runlog.unlink()
    done = pm_data(command, "--run-dir", run.path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("runlog.ndjson: No such file or directory\n")


def test_audit(run):
    done = pm_data("capture-audit", "--run-dir", run.path)
    assert (done.returncode, done.stderr) == (0, "")
    write_lines(run.runlog, without_seconds(4, 5)(quiet_run()))
    done = pm_data("capture-audit", "--run-dir", run.path)
    assert (done.returncode, json_line(done)["gaps_over_threshold"]) == (1, 1)
    assert "3.000 s without a heartbeat" in done.stderr
    assert pm_data("capture-audit", "--run-dir", run.path, "--threshold-seconds", 3).returncode == 0


def test_latency_report_is_written_and_printed(run):
    spoilt = [*quiet_run()[:5], line("disconnected", 4.5, cause="venue\x1b[2J"), *quiet_run()[5:]]
    write_lines(run.runlog, spoilt)
    done = pm_data("capture-latency-report", "--run-dir", run.path)
    assert done.returncode == 0
    report = json_line(done)
    assert json.loads((run.path / "latency_report.json").read_text()) == report
    assert (run.path / "latency_report.txt").read_text() == done.stderr
    assert report["reconnects"]["total"] == 0
    assert report["disconnected"]["midrun"]["incidents"] == 1
    assert report["drops"]["dropped_messages_total"] == 0
    assert report["loop_lag_ms"] == {"p50": 0.4, "p99": 1.9, "max": 2.5}
    assert report["pressure_streaks"] == {"count": 0, "max_seconds": 0.0, "failed": False}
    assert "\x1b" not in done.stderr


def test_a_real_capture(tmp_path):
    with EmbeddedVenue(VenueOptions(markets=4, rate=200)) as venue:
        with Capture(venue.urls, tmp_path, "--duration-seconds=2.2") as capture:
            capture.finish()
        failed = set(judge(capture.run_dir)[1])
        report = json_line(pm_data("capture-latency-report", "--run-dir", capture.run_dir))
    # How late the loop is depends on what else runs on this machine.
    assert failed <= {"loop_lag"}
    assert report["frames"]["received"] == report["frames"]["written"] > 200
    assert report["heartbeats"]["hb_count"] == 3
    assert report["loop_lag_ms"]["max"] >= report["loop_lag_ms"]["p99"] >= report["loop_lag_ms"]["p50"] > 0
    assert report["received_to_written_ms"]["p99"] > 0
