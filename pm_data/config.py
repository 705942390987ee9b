"""Settings: their defaults, flags, environment names and checks.

An environment variable overrides a flag where both are set (SEED.md section 9);
`resolve` says so in a notice, because few users expect it.
"""

import argparse
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pm_data.errors import ConfigError

ENV_PREFIX = "PM_DATA_"
NOT_SETTINGS = frozenset({"PM_DATA_CORE"})
"""Variables of ours that are no Config field and never warn."""

BASIC = frozenset(
    {"data_dir", "capture_max_markets", "capture_fsync", "sim_fee_model", "sim_fee_bps", "sim_slippage_bps"}
)
"""Settings that `--help` shows; the others are for `--help-all`."""

FSYNC_MODES = ("none", "interval", "every")
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError
        return value

    parse.__doc__ = f"a number from {low:g} to {high:.12g}"
    return parse


def _zero_or_number(low: float, high: float) -> Callable[[str], float]:
    number = _number(low, high)

    def parse(text: str) -> float:
        return 0.0 if float(text) == 0 else number(text)

    parse.__doc__ = f"0, or {number.__doc__}"
    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()):
            raise ValueError
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    parse.__doc__ = f"a whole number from {low} to {high}"
    return parse


def _boolean(text: str) -> bool:
    """true or false (also 1, 0, yes, no, on, off)"""
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError


def _url(secure: str, plain: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in (secure, plain) or not parts.hostname or parts.port == 0:
            raise ValueError
        if parts.scheme == plain and parts.hostname not in _LOOPBACK_HOSTS:
            raise ValueError
        return text.rstrip("/")

    parse.__doc__ = f"a {secure}:// URL, or {plain}:// on this machine's loopback"
    return parse


def _choice(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    parse.__doc__ = f"one of {', '.join(words)}"
    return parse


def _text(text: str) -> str:
    """a non-empty text"""
    if not text or "\0" in text:
        raise ValueError
    return text


def _setting(default: Any, parse: Callable[[str], Any], text: str, short: str | None = None) -> Any:
    return field(default=default, metadata={"parse": parse, "help": text, "short": short})


_SECONDS = _number(0.001, 86_400.0)
_SIZE_E6 = _integer(0, 9 * 10**15)


@dataclass(frozen=True)
class Config:
    """Every setting, by the name that flags and environment variables follow."""

    data_dir: str = _setting("./data", _text, "directory that holds runs/")
    gamma_base_url: str = _setting(
        "https://gamma-api.polymarket.com", _url("https", "http"), "where the market listing is"
    )
    clob_base_url: str = _setting(
        "https://clob.polymarket.com", _url("https", "http"), "where the REST books are"
    )
    clob_ws_url: str = _setting(
        "wss://ws-subscriptions-clob.polymarket.com/ws/market",
        _url("wss", "ws"),
        "where the market WebSocket is",
    )
    ws_shards: int = _setting(
        8, _integer(1, 256), "least number of connections; raised when the universe needs more"
    )
    ws_tokens_per_shard_max: int = _setting(
        250, _integer(2, 100_000), "most tokens on one connection (the venue fails near 500)"
    )
    ws_ping_interval_seconds: float = _setting(10.0, _SECONDS, "time between text PINGs")
    ws_ping_timeout_seconds: float = _setting(
        10.0, _SECONDS, "time after a PING in which any frame must arrive"
    )
    ws_data_idle_reconnect_seconds: float = _setting(
        120.0, _SECONDS, "reconnect a connection that brought no data for this long; PONG is no data"
    )
    ws_connection_max_seconds: float = _setting(
        0.0,
        _number(0, 2_592_000),
        "replace each connection when it is this old, without a gap; 0 means never",
    )
    capture_confirm_timeout_seconds: float = _setting(
        45.0, _SECONDS, "time in which each connection must bring its first data"
    )
    capture_confirm_min_events: int = _setting(
        1, _integer(0, 1_000_000), "data frames that confirm a connection"
    )
    capture_first_book_seconds: float = _setting(
        30.0, _SECONDS, "time in which each token must bring its first full book, and for each further try"
    )
    capture_witness_silent_seconds: float = _setting(
        20.0, _SECONDS, "ask the REST books about a token that brought no data for this long"
    )
    capture_witness_grace_seconds: float = _setting(
        2.0, _SECONDS, "time in which the stream may still bring what the REST books show already"
    )
    capture_witness_timeout_seconds: float = _setting(
        5.0, _SECONDS, "longest wait for an answer of the REST books"
    )
    capture_universe_refresh_enable: bool = _setting(
        True, _boolean, "follow new and closed markets during the run"
    )
    capture_universe_refresh_interval_seconds: float = _setting(
        60.0, _SECONDS, "time between two looks at the market listing"
    )
    capture_universe_grace_seconds: float = _setting(
        600.0, _number(0, 86_400), "go on capturing a market for this long after it left the listing"
    )
    capture_max_markets: int = _setting(
        2000, _integer(1, 1_000_000), "most markets to capture, the largest by volume first"
    )
    capture_metrics_max_samples: int = _setting(
        1024, _integer(16, 1_000_000), "samples kept per metric for quantiles"
    )
    capture_disk_usage_interval_seconds: float = _setting(
        10.0, _SECONDS, "time between two looks at the free disk space"
    )
    capture_min_free_bytes: int = _setting(
        1_000_000_000, _integer(0, 2**62), "end the capture below this much free disk space"
    )
    capture_coverage_metrics_interval_seconds: float = _setting(
        5.0, _SECONDS, "time between two counts of the tokens that have a book"
    )
    capture_queue_max_frames: int = _setting(500_000, _integer(1, 2**31), "most records waiting for the disk")
    capture_queue_max_bytes: int = _setting(
        1_000_000_000, _integer(1, 2**40), "most bytes waiting for the disk"
    )
    capture_drop_fatal: bool = _setting(True, _boolean, "end the capture at the first dropped frame")
    capture_fsync: str = _setting(
        "interval",
        _choice(FSYNC_MODES),
        "what a power cut may take; a killed process loses at most 50 ms of frames in each. "
        "none: all since the kernel last wrote; "
        "interval: at most capture-fsync-interval-seconds of frames; every: at most one batch",
        "--fsync",
    )
    capture_fsync_interval_seconds: float = _setting(
        1.0, _SECONDS, "time between two forced writes to the disk"
    )
    capture_rotate_seconds: float = _setting(
        0.0,
        _zero_or_number(1, 2_592_000),
        "close the bundle and begin the next after this long, on the open connections; 0 means never",
        "--rotate-seconds",
    )
    capture_metrics_port: int = _setting(
        0,
        _integer(0, 65535),
        "serve Prometheus metrics there, 0 for nowhere (extra metrics)",
        "--metrics-port",
    )
    capture_metrics_host: str = _setting(
        "127.0.0.1",
        _text,
        "address that metrics are served on; every other than loopback lets strangers read",
    )
    capture_windows_high_res_timer_enable: bool = _setting(
        True, _boolean, "Windows only: 1 ms timer ticks during a capture"
    )
    runtime_windows_high_res_timer_enable: bool = _setting(
        True, _boolean, "Windows only: 1 ms timer ticks during a live run"
    )
    sim_fee_model: str = _setting(
        "flat",
        _choice(("flat", "polymarket")),
        "flat: sim-fee-bps of the notional; polymarket: each market's own schedule, from the stream",
        "--fee-model",
    )
    sim_fee_bps: int = _setting(
        100, _integer(0, 10_000), "flat taker fee in basis points of the notional", "--fee-bps"
    )
    sim_fee_rounding: str = _setting(
        "floor",
        _choice(("floor", "half_up", "half_even")),
        "how the polymarket fee is rounded to 0.00001; the venue's own is floor, as far as is known",
    )
    sim_slippage_bps: int = _setting(
        10, _integer(0, 10_000), "how much worse than shown a taker fills", "--slippage-bps"
    )
    sim_max_fill_size_e6: int = _setting(
        0, _SIZE_E6, "most that one taker intent fills, in e6 shares; 0 means no cap"
    )
    sim_allow_shorts: bool = _setting(True, _boolean, "let a sale exceed what is held")
    sim_cash_e6: int = _setting(
        0,
        _SIZE_E6,
        "cash that may be spent beyond what comes in, in e6, a short paid for at 1 a share; 0 means no limit",
    )
    alloc_max_orders_per_event: int = _setting(
        0, _integer(0, 1_000_000_000), "most orders that pass at one event; 0 means no limit, here and below"
    )
    alloc_max_orders_per_strategy: int = _setting(
        0, _integer(0, 1_000_000_000), "most orders of one strategy in the run"
    )
    alloc_max_orders_per_market: int = _setting(
        0, _integer(0, 1_000_000_000), "most orders for one token in the run"
    )
    alloc_max_notional_e6: int = _setting(
        0, _SIZE_E6, "largest price × size of one order, in e6; without a price a share counts as 1"
    )
    alloc_max_position_e6: int = _setting(
        0, _SIZE_E6, "largest position in one token, in e6 shares, were every order to fill"
    )


_FIELDS = {entry.name: entry for entry in dataclasses.fields(Config)}


@dataclass(frozen=True)
class Resolved:
    """A Config, where each value came from, and what the user should be told.

    Args:
        origins: field name to `default`, `flag` or `environment`.
        notices: lines for stderr.
    """

    config: Config
    origins: dict[str, str]
    notices: list[str]


def add_arguments(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add the flags of these fields to a parser, in a group of their own."""
    group = parser.add_argument_group(
        "settings", f"each also as {ENV_PREFIX}<NAME> in the environment, which wins over the flag"
    )
    for name in names:
        entry = _FIELDS[name]
        flags = [f"--{name.replace('_', '-')}"]
        if entry.metadata["short"]:
            flags.append(entry.metadata["short"])
        text = f"{entry.metadata['help']} (default: {entry.default})".replace("%", "%%")
        if isinstance(entry.default, bool):
            group.add_argument(
                *flags, dest=name, help=text, default=None, action=argparse.BooleanOptionalAction
            )
        else:
            metavar = name.rsplit("_", 1)[-1].upper()
            group.add_argument(*flags, dest=name, help=text, default=None, metavar=metavar)


def _checked(name: str, text: object, source: str) -> Any:
    if isinstance(text, bool):
        return text
    parse = _FIELDS[name].metadata["parse"]
    try:
        return parse(str(text))
    except ValueError:
        raise ConfigError(f"{source}: {str(text)!r} is not {parse.__doc__}") from None


def resolve(flags: Mapping[str, object], environment: Mapping[str, str]) -> Resolved:
    """Return the Config of these flags (by field name, None where not given) and environment.

    Raises:
        ConfigError: a value is bad; the text names the flag or variable, the value, and what was expected.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(_FIELDS, "default")
    notices = []
    for name in _FIELDS:
        flag = "--" + name.replace("_", "-")
        variable = ENV_PREFIX + name.upper()
        given = flags.get(name)
        if given is not None:
            values[name] = _checked(name, given, flag)
            origins[name] = "flag"
        if variable in environment:
            if given is not None:
                notices.append(f"{variable} overrides {flag}")
            values[name] = _checked(name, environment[variable], variable)
            origins[name] = "environment"
    known = NOT_SETTINGS | {ENV_PREFIX + name.upper() for name in _FIELDS}
    notices += [
        f"{variable} is no setting and is ignored"
        for variable in sorted(environment)
        if variable.startswith(ENV_PREFIX) and variable not in known
    ]
    return Resolved(Config(**values), origins, notices)
