"""`capture-inspect`: JSON for machines, a table for people, and no stranger's text on a terminal as it is."""

import pytest
from support.commands import json_line, pm_data
from support.records import control, text, write_run
from support.scenario import Scenario, by_shard

from pm_data.frame import Control

SEED = 20261123


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, by_shard(Scenario(SEED).make(300)))


def table(done):
    return dict(line.split(maxsplit=1) for line in done.stderr.splitlines())


def test_a_line_and_a_table(run):
    done = pm_data("capture-inspect", "--run-dir", run.path)
    assert done.returncode == 0, done.stderr
    line, rows = json_line(done), table(done)
    assert (line["ok"], line["status"], line["run_dir"]) == (True, "closed", str(run.path))
    assert rows["run"] == "run, closed"
    assert rows["digest"] == line["digest"]
    assert rows["size"] == f"{line['bytes']:,} bytes in 3 shards"
    assert rows["time"].startswith("2001-09-09 01:46:40 to 2001-09-09 01:46:40 UTC, 0.00")
    assert f"closed {line['gaps']['causes']['closed']}" in rows["gaps"]


def test_json_only(run):
    done = pm_data("capture-inspect", "--run-dir", run.path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json_line(done)["records"] == 303


def test_a_slice(run):
    data_dir = run.path.parent.parent
    pm_data(
        "capture-slice", "--run-dir", run.path, "--data-dir", data_dir, "--run-id", "part", "--first", 100
    )
    done = pm_data("capture-inspect", "--run-dir", run.path.parent / "part")
    rows = table(done)
    assert rows["slice"].startswith("of")
    assert "run, shards [0, 1, 2]; first 100; digest " in rows["slice"]
    assert "from before the cut" in rows["carried"]
    assert json_line(done)["parent"]["range"]["first"] == 100


def test_damage_is_exit_1(run):
    data = bytearray(run.frames(1).read_bytes())
    data[len(data) // 2] ^= 1
    run.frames(1).write_bytes(data)
    done = pm_data("capture-inspect", "--run-dir", run.path)
    assert done.returncode == 1
    assert json_line(done)["ok"] is False
    assert "crc_mismatch" in table(done)["damage"]


def test_text_of_a_stranger_is_stripped(tmp_path):
    hostile = "\x1b[2J\u202e"
    records = [
        text(0, 0, 1, b'{"event_type":"\\u001b[2J\\u202e"}'),
        control(0, 1, 2, Control.CLOSED, 1, cause=hostile),
        control(0, 2, 2**62, Control.GAP, 1, cause=hostile, tokens=[])._replace(rx_wall_ns_utc=-(2**63)),
    ]
    done = pm_data("capture-inspect", "--run-dir", write_run(tmp_path, [records]).path)
    assert done.returncode == 0
    assert "\x1b" not in done.stderr + done.stdout
    assert "\u202e" not in done.stderr
    assert json_line(done)["connections"]["closed"] == {hostile: 1}


def test_what_is_no_run_is_one_line(tmp_path):
    done = pm_data("capture-inspect", "--run-dir", tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
