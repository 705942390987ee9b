"""`capture --metrics-port`: the heartbeat's figures for Prometheus, on loopback; and notes for systemd."""

import socket
import urllib.request

import pytest
from support.captures import Capture, runlog, venue_flags
from support.commands import pm_data

from pm_data.capture.service_manager import STUCK_LOOP_MS, ServiceManager
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def scrape(port):
    """Return sample (name, label) to value, as a Prometheus server reads them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    families = parser.text_string_to_metric_families(text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_capture_serves_its_heartbeat(tmp_path, port):
    flags = (f"--metrics-port={port}", "--ws-shards=2")
    venue = EmbeddedVenue(VenueOptions(markets=4, rate=200))
    with venue, Capture(venue.urls, tmp_path, *flags) as capture:
        capture.wait_until(lambda lines: any(line.get("coverage_pct") == 100 for line in lines))
        samples = scrape(port)
        capture.interrupt()
    beats = [beat for beat in runlog(capture.run_dir) if beat["record_type"] == "heartbeat"]
    for shard in range(2):
        seen = samples["pm_data_capture_frames_received_total", str(shard)]
        assert seen in [beat["shards"][shard]["received"] for beat in beats]
        assert samples["pm_data_capture_frames_dropped_total", str(shard)] == 0
        assert samples["pm_data_capture_coverage_percent", str(shard)] == 100
    stamps = [beat["hb_wall_ns_utc"] / 1e9 for beat in beats]
    assert samples["pm_data_capture_heartbeat_timestamp_seconds",] in stamps
    assert samples["pm_data_capture_loop_lag_ms", "max"] >= samples["pm_data_capture_loop_lag_ms", "p50"]
    assert samples["pm_data_capture_disk_free_bytes",] > 0


def test_a_port_that_is_taken_is_told_before_the_run(tmp_path):
    with socket.socket() as taken, EmbeddedVenue(VenueOptions(markets=2)) as venue:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        flags = (f"--metrics-port={port}", f"--data-dir={tmp_path}", *venue_flags(venue.urls))
        done = pm_data("capture", *flags)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def beat(lag_ms=1.0):
    return {"loop_lag_ms": {"max": lag_ms}, "received": 7, "written": 7, "queued": 0}


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path, abstract):
    name = f"@pm_data_test_{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if abstract else name)
        listening.settimeout(5)
        manager = ServiceManager({"NOTIFY_SOCKET": name})
        manager.note(beat())
        manager.note(beat(STUCK_LOOP_MS + 1))
        manager.note(beat(None))
        manager.stopping()
        notes = [listening.recv(200).decode().split("\n") for _ in range(3)]
    assert notes[0] == ["READY=1", "WATCHDOG=1", "STATUS=received 7 written 7 queued 0"]
    assert notes[1][0] == "WATCHDOG=1", "the loop that stood still had no sign of life"
    assert notes[2] == ["STOPPING=1"]


def test_without_a_service_manager_nothing_happens(tmp_path):
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        manager = ServiceManager(environment)
        manager.note(beat())
        manager.stopping()


def test_a_real_capture_says_that_it_is_up(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        venue = EmbeddedVenue(VenueOptions(markets=4, rate=50))
        with venue, Capture(venue.urls, tmp_path, environment=environment) as capture:
            assert listening.recv(200).startswith(b"READY=1\nWATCHDOG=1\n")
            capture.interrupt()
        while (note := listening.recv(200)) != b"STOPPING=1":
            assert note.startswith(b"WATCHDOG=1")
