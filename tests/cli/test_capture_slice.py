"""`capture-slice`: what it prints, how it is told its range, and what it refuses."""

import os

import pytest
from support.commands import json_line, pm_data
from support.records import write_run
from support.scenario import Scenario, by_shard

from pm_data.bundle.manifest import read_manifest

SEED = 20261123


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, by_shard(Scenario(SEED).make(200)))


def cut(run, *arguments):
    data_dir = run.path.parent.parent
    return pm_data("capture-slice", "--run-dir", run.path, "--data-dir", data_dir, *arguments)


def test_the_json_line(run):
    done = cut(run, "--run-id", "part", "--first", 100, "--to-seconds", 1, "--shard", 2, "--shard", 0)
    assert (done.returncode, done.stderr) == (0, "")
    line = json_line(done)
    path = run.path.parent / "part"
    sizes = [(path / "capture" / f"shard_{shard:02d}.frames").stat().st_size for shard in (0, 2)]
    to_ns = int(line["parent"]["range"]["to_ns"])
    assert line | {"records": 0, "digest": ""} == {
        "ok": True,
        "run_id": "part",
        "run_dir": str(path),
        "status": "closed",
        "shards": 2,
        "records": 0,
        "bytes": sum(sizes),
        "digest": "",
        "parent": {
            "run_id": "run",
            "digest": read_manifest(run).digest,
            "range": {"shards": [0, 2], "first": 100, "last": None, "from_ns": None, "to_ns": to_ns},
        },
    }
    verdict = json_line(pm_data("capture-verify", "--run-dir", path))
    assert (verdict["ok"], verdict["digest"]) == (True, line["digest"])
    assert verdict["totals"]["records"] == line["records"]


def test_it_replays(run):
    cut(run, "--run-id", "part", "--first", 100, "--last", 150)
    path = run.path.parent / "part"
    lines = pm_data("capture-events", "--run-dir", path, "--hash-lines").stdout.splitlines()
    whole = pm_data("capture-events", "--run-dir", run.path, "--hash-lines").stdout.splitlines()
    unnumbered = [line.split("|", 1)[1] for line in lines]
    expected = [line.split("|", 1)[1] for line in whole]
    assert unnumbered[-10:] in [expected[at : at + 10] for at in range(len(expected))]
    done = pm_data("run", "--mode", "replay", "--run-dir", path, "--print-hash", "--strategy", "toy_spread")
    assert json_line(done)["canonical_events"] == len(lines)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--run-id", "run"], 2, "run id 'run' is used already"),
        (["--run-id", "../up"], 78, "does not match"),
        (["--run-id", "new", "--shard", "9"], 2, "has no shard 9"),
        (["--run-id", "new", "--first", "9999"], 2, "has no record in that range"),
        (["--run-id", "new", "--first", "1", "--from-ns", "5"], 2, "not allowed with"),
        (["--run-id", "new", "--from-seconds", "-1"], 78, "'-1' is not a number of seconds from 0"),
        (["--run-id", "new", "--last", "x"], 78, "'x' is not a whole number from 0"),
        ([], 2, "--run-id"),
    ],
)
def test_what_is_refused_is_one_line(run, arguments, code, message):
    done = cut(run, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert message in line
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]


def test_damage_is_exit_1(run):
    data = bytearray(run.frames(1).read_bytes())
    data[len(data) // 2] ^= 1
    run.frames(1).write_bytes(data)
    done = cut(run, "--run-id", "new")
    assert (done.returncode, done.stdout) == (1, "")
    assert "shard 1: crc_mismatch" in done.stderr
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]


def test_a_torn_tail_is_named(tmp_path):
    run = write_run(tmp_path, by_shard(Scenario(SEED).make(200)), status="running")
    os.truncate(run.frames(0), run.frames(0).stat().st_size - 3)
    done = cut(run, "--run-id", "new", "--first", 50)
    assert (done.returncode, json_line(done)["status"]) == (0, "closed")
    assert "torn_tail" in done.stderr
