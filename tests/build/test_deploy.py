"""deploy/: alert rules, dashboard and unit, checked by the programs that will read them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"pm_data_capture_[a-z_]+")


def program(name, package):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed (Debian's package {package})")
    return name


def exported():
    """Return the names of the metrics that a capture serves."""
    from prometheus_client import CollectorRegistry, generate_latest

    from pm_data.capture.exporter import _COUNTERS, _GAUGES, Exporter

    exporter = Exporter.__new__(Exporter)
    quantiles = {"p50": 1.0, "p99": 2.0, "max": 3.0}
    measures = ("loop_lag_ms", "received_to_written_ms", "received_to_enqueued_ms")
    shard = {"shard": 0, "coverage_pct": 100.0, **dict.fromkeys([*_COUNTERS, *_GAUGES], 1)}
    exporter.note(
        {
            "shards": [shard],
            "reconnects": {"venue": 1},
            "gaps": 1,
            "disk_free_bytes": 1,
            "hb_wall_ns_utc": 1,
            **dict.fromkeys(measures, quantiles),
        }
    )
    registry = CollectorRegistry()
    registry.register(exporter)
    text = generate_latest(registry).decode()
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}


@pytest.mark.parametrize("name", ["alerts.yml", "grafana-dashboard.json"])
def test_only_metrics_that_exist_are_asked_for(name):
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    wanted = set(METRIC.findall((DEPLOY / name).read_text())) - {"pm_data_capture_"}
    assert wanted - {"pm_data_capture"} <= exported()
    assert len(wanted) > 5


def test_promtool_accepts_rules_and_configuration():
    promtool = program("promtool", "prometheus")
    for command in ("rules", "config"):
        file = DEPLOY / {"rules": "alerts.yml", "config": "prometheus.yml"}[command]
        done = subprocess.run([promtool, "check", command, file], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_what_grafana_imports():
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 5
    assert all(panel["targets"] and panel["title"] for panel in panels)


def test_systemd_accepts_the_unit():
    verify = [program("systemd-analyze", "systemd"), "verify", "--man=no", DEPLOY / "pm-data-capture.service"]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_starts_a_command_that_there_is():
    from pm_data.cli.parser import build_parser

    (line,) = re.findall(
        r"^ExecStart=/usr/bin/env pm_data (.*)$", (DEPLOY / "pm-data-capture.service").read_text(), re.M
    )
    args = build_parser().parse_args(line.split())
    assert (args.command.NAME, args.capture_metrics_port) == ("capture", "9464")
