"""`pm_data venue` as a process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from support.commands import ROOT, pm_data
from websockets.sync.client import connect

from pm_data import osdep


def venue(*arguments, cwd=None):
    return pm_data("venue", *arguments, cwd=cwd)


@pytest.fixture
def start():
    processes = []

    def launch(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "pm_data", "venue", *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, json.loads(process.stdout.readline())

    yield launch
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_prints_its_urls_and_serves(start):
    process, line = start("--seed", "5", "--markets", "4", "--rate", "500")
    assert list(line) == ["gamma_base_url", "clob_base_url", "clob_ws_url", "seed"]
    assert line["seed"] == 5
    with urllib.request.urlopen(line["gamma_base_url"] + "/markets/keyset?limit=100", timeout=10) as answer:
        markets = json.load(answer)["markets"]
    ids = [asset_id for market in markets for asset_id in json.loads(market["clobTokenIds"])]
    with connect(line["clob_ws_url"], compression=None, max_queue=None) as client:
        client.send(json.dumps({"assets_ids": ids, "type": "market"}))
        assert len(json.loads(client.recv(timeout=10))) == 8
        assert json.loads(client.recv(timeout=10))["event_type"]
    assert process.poll() is None


@pytest.mark.skipif(osdep.WINDOWS, reason="Windows has no SIGINT for another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_with_0(start, number):
    process, line = start("--markets", "2")
    with connect(line["clob_ws_url"], compression=None) as client:
        client.send("PING")
        assert client.recv(timeout=10) == "PONG"
        started = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert time.monotonic() - started < 5
    assert (process.returncode, out, err) == (0, "", "")


def test_a_duration_ends_it_with_0():
    done = venue("--markets", "2", "--duration-seconds", "0.3")
    assert done.returncode == 0
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_the_port_is_the_one_asked_for_and_a_taken_one_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = venue("--markets", "2", "--port", port)
    assert done.returncode == 69
    assert done.stdout == ""
    assert done.stderr == f"pm_data venue: port {port} on 127.0.0.1 is in use; 0 takes a free one\n"
    free = venue("--markets", "2", "--port", port, "--duration-seconds", "0.1")
    assert json.loads(free.stdout)["clob_ws_url"] == f"ws://127.0.0.1:{port}/ws/market"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--seed", "x"], 78, "--seed: 'x'"),
        (["--seed", "-1"], 78, "--seed: '-1'"),
        (["--markets", "0"], 78, "markets: '0'"),
        (["--rate", "2000000"], 78, "rate: '2000000'"),
        (["--port", "70000"], 78, "port: '70000'"),
        (["--duration-seconds", "nan"], 78, "--duration-seconds: 'nan'"),
        (["--frames", "10"], 2, "--out-ndjson or --out-bundle"),
        (["--out-ndjson", "x"], 2, "--frames"),
        (["--frames", "10", "--rate", "0", "--out-ndjson", "x"], 78, "--rate"),
        (["--frames", "ten", "--out-ndjson", "x"], 78, "--frames: 'ten'"),
        (["--frames", "1", "--out-bundle", "x"], 2, "DATA_DIR/runs/RUN_ID"),
        (["--nonsense"], 2, "--nonsense"),
    ],
)
def test_mistakes_are_one_line(tmp_path, arguments, code, words):
    done = venue(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_frames_go_to_a_file_and_to_a_bundle(tmp_path):
    for target in (tmp_path / "frames.ndjson", tmp_path / "runs" / "made"):
        flag = "--out-ndjson" if target.suffix else "--out-bundle"
        done = venue("--frames", "300", "--markets", "9", flag, str(target))
        assert done.returncode == 0
        line = json.loads(done.stdout)
        assert line["ok"] is True
        assert line["frames"] == 300
        assert target.exists()
    with (tmp_path / "frames.ndjson").open() as file:
        assert sum(1 for _ in file) == 300


def test_a_sent_log_is_written(tmp_path, start):
    _process, line = start("--markets", "2", "--sent-log", str(tmp_path / "sent"))
    with connect(line["clob_ws_url"], compression=None) as client:
        client.send("PING")
        assert client.recv(timeout=10) == "PONG"
    assert (tmp_path / "sent" / "conn_1.ndjson").read_text() == '{"raw":"PONG"}\n'
