import os

import pytest
from support.commands import json_line, pm_data
from support.records import shard_records, write_run

from pm_data.bundle.manifest import read_manifest

SHARDS = [shard_records(shard, 5) for shard in range(2)]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, SHARDS)


def test_a_clean_run(run):
    done = pm_data("capture-verify", "--run-dir", run.path)
    assert (done.returncode, done.stderr) == (0, "")
    line = json_line(done)
    sizes = [run.frames(shard).stat().st_size for shard in range(2)]
    assert line == {
        "ok": True,
        "status": "closed",
        "digest": read_manifest(run).digest,
        "totals": {
            "records": 16,
            "bytes": sum(sizes),
            "errors": 0,
            "crc_mismatch": 0,
            "truncated_shards": 0,
            "idx_bad_shards": 0,
        },
        "summaries": [
            {"shard": shard, "records": 8, "bytes": size, "errors": 0, "damage": []}
            for shard, size in enumerate(sizes)
        ],
    }


def test_damage_is_named_and_exits_1(run):
    os.truncate(run.frames(1), run.frames(1).stat().st_size - 1)
    done = pm_data("capture-verify", "--run-dir", run.path, "--summary-only")
    assert done.returncode == 1
    line = json_line(done)
    assert not line["ok"]
    assert "summaries" not in line
    assert line["totals"]["truncated_shards"] == 1
    assert "shard 1: torn_tail at record 7, bytes " in done.stderr
    assert "Traceback" not in done.stderr


def test_one_file(run):
    done = pm_data("capture-verify", "--frames", run.frames(1), "--idx", run.idx(1))
    assert done.returncode == 0
    assert json_line(done)["summaries"][0]["shard"] == 1
    done = pm_data("capture-verify", "--frames", run.frames(1), "--idx", run.idx(0))
    assert done.returncode == 1
    assert json_line(done)["totals"]["idx_bad_shards"] == 1


def test_a_damaged_manifest_is_damage(run):
    run.manifest.write_bytes(b"{}")
    done = pm_data("capture-verify", "--run-dir", run.path)
    assert done.returncode == 1
    line = json_line(done)
    assert (line["status"], line["digest"]) == ("unknown", None)
    assert line["totals"]["records"] == 16


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--run-dir", "{tmp}/none"],
        ["--run-dir", "{tmp}"],
        ["--frames", "{tmp}/none"],
        ["--run-dir", "{tmp}", "--frames", "x"],
        ["--run-dir", "{tmp}", "--idx", "x"],
    ],
)
def test_what_cannot_be_opened_exits_2_in_one_line(tmp_path, arguments):
    done = pm_data("capture-verify", *(argument.format(tmp=tmp_path) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
