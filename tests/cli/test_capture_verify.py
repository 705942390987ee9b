import contextlib
import os
import subprocess
import sys

import pytest
from support.commands import ROOT, json_line, pm_data
from support.records import manifest, shard_records, write_run

from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.manifest import read_manifest, write_manifest

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


def test_repair_says_what_it_did(tmp_path):
    run = write_run(tmp_path, SHARDS, status="running")
    os.truncate(run.frames(1), run.frames(1).stat().st_size - 1)
    done = pm_data("capture-verify", "--run-dir", run.path, "--repair", "--summary-only")
    assert done.returncode == 0
    line = json_line(done)
    assert (line["ok"], line["status"]) == (True, "interrupted")
    size = run.frames(1).stat().st_size
    assert line["repaired"] == [
        {
            "shard": 1,
            "class": "torn_tail",
            "record": 7,
            "byte_start": size,
            "byte_end": size + (run.capture / "shard_01.frames.torn").stat().st_size,
            "detail": "the file ends within the record",
            "moved_to": "capture/shard_01.frames.torn",
        },
        {
            "shard": 1,
            "class": "idx_mismatch",
            "record": 7,
            "byte_start": 224,
            "byte_end": 256,
            "detail": "entries beyond the last record",
            "moved_to": None,
        },
    ]
    assert [text.split("; ")[1] for text in done.stderr.splitlines()] == [
        "moved to capture/shard_01.frames.torn",
        "the index is made again",
    ]
    again = json_line(pm_data("capture-verify", "--run-dir", run.path, "--repair"))
    assert (again["ok"], again["repaired"]) == (True, [])


def test_what_cannot_be_repaired_is_said(run):
    data = bytearray(run.frames(0).read_bytes())
    data[300] ^= 1
    run.frames(0).write_bytes(data)
    done = pm_data("capture-verify", "--run-dir", run.path, "--repair")
    assert done.returncode == 1
    assert json_line(done)["repaired"] == []
    assert "what is left cannot be repaired; run --salvage steps over it" in done.stderr
    assert run.frames(0).read_bytes() == data


def test_repair_of_a_run_that_is_being_written_exits_2(tmp_path):
    with create_run_dir(tmp_path, "run") as run:
        write_manifest(run, manifest("run", "running"))
        done = pm_data("capture-verify", "--run-dir", run.path, "--repair")
    assert (done.returncode, done.stdout) == (2, "")
    assert "a process is writing it" in done.stderr


def on_a_terminal(*arguments, **environment):
    """Run the command with stderr on a terminal of its own; return what it wrote there."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "pm_data", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=ROOT,
        env=os.environ | environment,
    ) as process:
        os.close(theirs)
        shown = b""
        # A terminal whose other side is closed is an error on Linux and an end elsewhere.
        with contextlib.suppress(OSError), open(ours, "rb", buffering=0) as terminal:
            while part := terminal.read(4096):
                shown += part
    assert process.returncode == 0
    return shown.decode()


def test_a_bar_is_for_terminals(run):
    shown = on_a_terminal("capture-verify", "--run-dir", run.path, NO_COLOR="1", TERM="xterm")
    assert "pm_data capture-verify: [" in shown
    assert "\x1b" not in shown
    assert shown.split("\r")[-2].strip() == ""
    assert on_a_terminal("capture-verify", "--run-dir", run.path, TERM="dumb") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--frames", "{tmp}/none", "--repair"],
        ["--run-dir", "{tmp}", "--repair"],
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
