"""`capture-gates` on real captures, each spoilt by what spoils captures, for each gate of SEED.md."""

import shutil
import signal
import time

import pytest
from support.captures import Capture
from support.commands import json_line, pm_data

from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

BUSY_MACHINE = {"loop_lag", "pressure"}
"""What else may fail, where other work holds this machine's processors."""


def failed_gates(run_dir):
    done = pm_data("capture-gates", "--run-dir", run_dir)
    answer = json_line(done)
    failed = {gate["name"] for gate in answer["gates"] if not gate["ok"]}
    assert (done.returncode, answer["ok"]) == (1 if failed else 0, not failed)
    return failed, answer["grade"]


def captured(tmp_path, *flags, faults=(), exit_code=0, disturb=None):
    """Capture until `disturb` is done, or for two seconds."""
    with EmbeddedVenue(VenueOptions(markets=4, rate=200, faults=tuple(map(parse_fault, faults)))) as venue:
        duration = ["--duration-seconds=2.2"] if disturb is None else []
        with Capture(venue.urls, tmp_path, *duration, *flags) as capture:
            if disturb is not None:
                capture.wait_for_frames(50)
                disturb(capture.process)
                capture.process.send_signal(signal.SIGINT)
            assert capture.finish()[0] == exit_code, capture.stderr
    return capture.run_dir


def stand_still(seconds, times=1):
    """Stop the process for so long, as a machine does that swaps or sleeps; once a second."""

    def disturb(process):
        for _ in range(times):
            process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            process.send_signal(signal.SIGCONT)
            time.sleep(max(1.0 - seconds, 0.5))

    return disturb


def test_clean_and_with_a_changed_byte(tmp_path):
    run_dir = captured(tmp_path)
    failed, grade = failed_gates(run_dir)
    assert failed <= BUSY_MACHINE
    assert grade == ("B" if failed else "A")
    spoilt = shutil.copytree(run_dir, run_dir.with_name("spoilt"))
    frames = spoilt / "capture" / "shard_00.frames"
    data = bytearray(frames.read_bytes())
    data[len(data) // 2] ^= 1
    frames.write_bytes(data)
    failed, grade = failed_gates(spoilt)
    assert (failed - BUSY_MACHINE, grade) == ({"crc"}, "C")


def test_a_connection_that_the_venue_closed(tmp_path):
    failed, grade = failed_gates(captured(tmp_path, faults=("close:code=1011,after=0.3,conns=1",)))
    assert (failed - BUSY_MACHINE, grade) == ({"reconnects"}, "B")


def test_drops_that_were_allowed(tmp_path):
    flags = ("--capture-queue-max-bytes=4000", "--no-capture-drop-fatal")
    failed, _grade = failed_gates(captured(tmp_path, *flags))
    assert "drops" in failed - BUSY_MACHINE


def test_a_fatal_end(tmp_path):
    failed, grade = failed_gates(captured(tmp_path, "--capture-queue-max-bytes=4000", exit_code=3))
    assert failed - BUSY_MACHINE == {"drops", "fatal"}
    assert grade == "C"


@pytest.mark.long
def test_a_process_that_stood_still(tmp_path):
    failed, grade = failed_gates(captured(tmp_path, disturb=stand_still(2.5)))
    assert {"heartbeat_gaps", "loop_lag"} <= failed <= {"heartbeat_gaps", *BUSY_MACHINE}
    assert grade == "B"


def test_a_loop_that_stood_for_a_moment(tmp_path):
    failed, _grade = failed_gates(captured(tmp_path, disturb=stand_still(0.3)))
    assert "loop_lag" in failed
    assert failed <= BUSY_MACHINE


@pytest.mark.long
def test_pressure_for_more_than_five_seconds(tmp_path):
    failed, _grade = failed_gates(captured(tmp_path, disturb=stand_still(0.4, times=9)))
    assert failed == {"loop_lag", "pressure"}
