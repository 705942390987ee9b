"""`config` shows what a command would take, and from where."""

import dataclasses

from support.commands import json_line, pm_data

from pm_data.config import Config


def test_defaults():
    done = pm_data("config")
    assert done.returncode == 0
    assert json_line(done) == dataclasses.asdict(Config())
    assert "ws_shards " in done.stderr
    assert "(default)" not in done.stderr


def test_origins_and_what_overrides_what():
    done = pm_data("config", "--show-origin", "--ws-shards=3", "--fee-bps=5", PM_DATA_WS_SHARDS="5")
    settings = json_line(done)
    assert settings["ws_shards"] == {"value": 5, "origin": "environment"}
    assert settings["sim_fee_bps"] == {"value": 5, "origin": "flag"}
    assert settings["data_dir"] == {"value": "./data", "origin": "default"}
    assert done.stderr.startswith("pm_data: PM_DATA_WS_SHARDS overrides --ws-shards\n")


def test_credentials_are_struck_out():
    done = pm_data("config", PM_DATA_GAMMA_BASE_URL="https://me:secret@example.org/x")
    assert "secret" not in done.stdout + done.stderr


def test_a_bad_value_is_named():
    done = pm_data("config", PM_DATA_WS_SHARDS="many")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "pm_data config: PM_DATA_WS_SHARDS: 'many' is not a whole number from 1 to 256\n"
