"""`run` as a user calls it: its line, its errors, and the determinism audit of SEED.md section 7."""

import os
import shutil

import pytest
from support.bundles import make_bundle, stamped
from support.commands import json_line, pm_data
from support.frames import A, B, book, change, trade

from pm_data.bundle.opening import open_bundle

AUDIT = ("--print-hash", "--print-pnl", "--strategy", "toy_spread", "--stable-json")
TAKER = ("toy_spread.order_type=market", "toy_spread.urgency=taker", "toy_spread.tif=ioc")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    first = [book(A), change((A, "BUY", "0.39", "5"), (A, "SELL", "0.47", "1")), trade(A), book(A, asks=[])]
    second = [book(B), change((B, "BUY", "0.41", "5")), change((B, "BUY", "0.41", "0"))]
    files = {
        "a.ndjson": "".join(stamped(2 * number, frame) for number, frame in enumerate(first)),
        "b.ndjson": "".join(stamped(2 * number + 1, frame) for number, frame in enumerate(second)),
    }
    return make_bundle(tmp_path_factory.mktemp("run"), files)


def replay(run_dir, *arguments, **environment):
    return pm_data("run", "--mode", "replay", "--run-dir", run_dir, *arguments, **environment)


def test_the_line_has_the_promised_keys(run_dir):
    done = replay(run_dir, "--execution", "sim", *AUDIT[:-1])
    line = json_line(done)
    assert done.returncode == 0
    assert list(line)[:5] == ["ok", "mode", "execution", "canonical_events", "intents"]
    assert {"final_hash", "events_hash", "elapsed_ms", "pnl", "counters"} < line.keys()
    assert (line["ok"], line["mode"], line["execution"]) == (True, "replay", "sim")
    assert {"pnl", "final_hash"}.isdisjoint(json_line(replay(run_dir)))


def test_without_a_strategy_there_are_events_and_no_intents(run_dir):
    line = json_line(replay(run_dir, "--print-hash"))
    assert (line["canonical_events"], line["intents"]) == (6, 0)
    assert line["final_hash"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def strategy_settings(settings):
    return [text for setting in settings for text in ("--strategy-params", setting)]


def test_settings_that_were_set_are_echoed(run_dir):
    line = json_line(replay(run_dir, "--fee-bps", "7", PM_DATA_SIM_SLIPPAGE_BPS="3"))
    assert (line["sim_fee_bps"], line["sim_slippage_bps"]) == (7, 3)
    assert "sim_max_fill_size_e6" not in line


def test_limits_are_flags_and_what_they_refuse_is_counted(run_dir):
    line = json_line(replay(run_dir, "--strategy", "toy_spread", "--alloc-max-orders-per-strategy", "1"))
    assert (line["intents"], line["unfilled"]) == (1, {"maker": 1})
    assert line["refused"].keys() == {"strategy_limit"}


def test_a_fee_model_without_its_schedule_is_one_line(run_dir):
    done = replay(run_dir, "--fee-model", "polymarket", "--strategy", "toy_spread", *strategy_settings(TAKER))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"no universe record names the token {A}\n")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--max-events", "0"], 78, "--max-events: '0' is not a whole number from 1"),
        (["--max-seconds", "-1"], 78, "--max-seconds: '-1' is not a number of seconds above 0"),
        (["--strategy", "nonsense"], 2, "--strategy nonsense: unknown"),
        (["--duration-seconds", "1"], 2, "--duration-seconds goes with --mode live"),
        (["--print-latency-report-json"], 2, "goes with --mode live"),
        (["--fee-model", "free"], 78, "--sim-fee-model: 'free' is not one of flat, polymarket"),
        (["--fee-bps", "1.5"], 78, "--sim-fee-bps: '1.5' is not a whole number from 0 to 10000"),
        (["--execution", "real"], 78, "--execution: invalid choice: 'real'"),
        (["--max-events"], 2, "argument --max-events: expected one argument"),
        (["--nonsense"], 2, "unrecognized arguments: --nonsense"),
    ],
)
def test_a_users_mistake_is_one_line(run_dir, arguments, code, text):
    done = replay(run_dir, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_run_that_is_not_there(tmp_path):
    done = replay(tmp_path / "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_replay_needs_a_run_and_live_takes_none(run_dir):
    assert "--mode replay needs --run-dir" in pm_data("run", "--mode", "replay").stderr
    done = pm_data("run", "--mode", "live", "--run-dir", run_dir)
    assert (done.returncode, "--run-dir goes with --mode replay" in done.stderr) == (2, True)


def test_a_strategy_that_raises_is_one_line(run_dir, tmp_path):
    source = "from pm_data.strategy import Strategy\nclass Bad(Strategy):\n"
    source += "    def on_trade(self, *a):\n        raise ValueError('no')\n"
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    done = replay(run_dir, "--strategy", "mine:Bad", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == "pm_data run: strategy Bad raised ValueError in on_trade at event 4: no (mine.py, line 4)\n"
    )


def test_damage_in_the_middle_gives_no_hash(run_dir, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(run_dir, broken)
    frames = broken / "capture" / "shard_00.frames"
    data = bytearray(frames.read_bytes())
    data[len(data) // 2] ^= 1
    frames.write_bytes(data)
    done = replay(broken, *AUDIT)
    assert (done.returncode, done.stdout) == (1, "")
    assert "crc_mismatch" in done.stderr


def test_run_reads_only(run_dir):
    before = sorted((path, path.stat().st_mtime_ns) for path in run_dir.rglob("*"))
    os.utime(run_dir)
    replay(run_dir, *AUDIT)
    assert [path for path, _time in before] == sorted(run_dir.rglob("*"))
    assert open_bundle(run_dir).status == "closed"
