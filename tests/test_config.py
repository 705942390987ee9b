"""Settings: their names, their order of force, and errors that name field, value and expectation."""

import argparse
import dataclasses

import pytest

from pm_data import config
from pm_data.config import Config
from pm_data.errors import ConfigError

SEED_TABLE = {
    "PM_DATA_WS_SHARDS": 8,
    "PM_DATA_WS_PING_INTERVAL_SECONDS": 10.0,
    "PM_DATA_WS_PING_TIMEOUT_SECONDS": 10.0,
    "PM_DATA_WS_DATA_IDLE_RECONNECT_SECONDS": 120.0,
    "PM_DATA_CAPTURE_CONFIRM_TIMEOUT_SECONDS": 45.0,
    "PM_DATA_CAPTURE_CONFIRM_MIN_EVENTS": 1,
    "PM_DATA_CAPTURE_UNIVERSE_REFRESH_ENABLE": True,
    "PM_DATA_CAPTURE_UNIVERSE_REFRESH_INTERVAL_SECONDS": 60.0,
    "PM_DATA_CAPTURE_MAX_MARKETS": 2000,
    "PM_DATA_CAPTURE_METRICS_MAX_SAMPLES": 1024,
    "PM_DATA_CAPTURE_DISK_USAGE_INTERVAL_SECONDS": 10.0,
    "PM_DATA_CAPTURE_COVERAGE_METRICS_INTERVAL_SECONDS": 5.0,
    "PM_DATA_CAPTURE_WINDOWS_HIGH_RES_TIMER_ENABLE": True,
    "PM_DATA_RUNTIME_WINDOWS_HIGH_RES_TIMER_ENABLE": True,
    "PM_DATA_DATA_DIR": "./data",
}


def parse(*arguments):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    config.add_arguments(parser, [entry.name for entry in dataclasses.fields(Config)])
    return vars(parser.parse_args(arguments))


@pytest.mark.parametrize(("variable", "default"), SEED_TABLE.items())
def test_the_settings_of_the_specification(variable, default):
    name = variable.removeprefix("PM_DATA_").lower()
    assert getattr(Config(), name) == default
    assert type(getattr(Config(), name)) is type(default)
    flag = "--" + name.replace("_", "-")
    text = "no" if default is True else str(default)
    arguments = ["--no-" + flag[2:]] if default is True else [flag, text]
    assert config.resolve(parse(*arguments), {}).origins[name] == "flag"
    assert config.resolve({}, {variable: text}).origins[name] == "environment"


def test_the_environment_overrides_a_flag_and_says_so():
    resolved = config.resolve(parse("--ws-shards", "3"), {"PM_DATA_WS_SHARDS": "5"})
    assert resolved.config.ws_shards == 5
    assert resolved.origins["ws_shards"] == "environment"
    assert resolved.notices == ["PM_DATA_WS_SHARDS overrides --ws-shards"]


def test_unknown_variables_warn_and_the_core_does_not():
    resolved = config.resolve({}, {"PM_DATA_CORE": "pure", "PM_DATA_WS_SHARD": "5", "OTHER": "1"})
    assert resolved.notices == ["PM_DATA_WS_SHARD is no setting and is ignored"]


def test_short_forms():
    resolved = config.resolve(parse("--fsync", "every", "--fee-bps", "7", "--slippage-bps", "0"), {})
    assert resolved.config.capture_fsync == "every"
    assert (resolved.config.sim_fee_bps, resolved.config.sim_slippage_bps) == (7, 0)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ws_shards", "0", "a whole number from 1 to 256"),
        ("ws_shards", "1.5", "a whole number from 1 to 256"),
        ("ws_shards", "٣", "a whole number from 1 to 256"),
        ("ws_ping_interval_seconds", "nan", "a number from 0.001 to 86400"),
        ("ws_ping_interval_seconds", "inf", "a number from 0.001 to 86400"),
        ("capture_drop_fatal", "maybe", "true or false"),
        ("capture_fsync", "always", "one of none, interval, every"),
        ("capture_rotate_seconds", "0.9", "0, or a number from 1 to 2592000"),
        ("capture_rotate_seconds", "-1", "0, or a number from 1 to 2592000"),
        ("data_dir", "", "a non-empty text"),
        ("gamma_base_url", "ftp://x", "a https:// URL, or http:// on this machine's loopback"),
        ("gamma_base_url", "http://example.com", "a https:// URL"),
        ("clob_ws_url", "ws://10.0.0.1/ws", "a wss:// URL"),
        ("clob_ws_url", "wss://host:99999", "a wss:// URL"),
    ],
)
def test_a_bad_value_names_field_value_and_expectation(name, value, expected):
    for flags, environment, source in (
        ({name: value}, {}, "--" + name.replace("_", "-")),
        ({}, {"PM_DATA_" + name.upper(): value}, "PM_DATA_" + name.upper()),
    ):
        with pytest.raises(ConfigError) as raised:
            config.resolve(flags, environment)
        assert str(raised.value).startswith(f"{source}: {value!r} is not {expected}")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:1/", "http://[::1]:9"])
def test_a_venue_on_loopback_may_be_plain(url):
    assert config.resolve({"gamma_base_url": url}, {}).config.gamma_base_url == url.rstrip("/")


def test_rotation_is_off_or_not_too_often():
    for text, seconds in (("0", 0.0), ("0.0", 0.0), ("1", 1.0), ("86400", 86_400.0)):
        assert config.resolve({"capture_rotate_seconds": text}, {}).config.capture_rotate_seconds == seconds
