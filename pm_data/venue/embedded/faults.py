"""The venue's faults by name: what each is called, which arguments it takes, and how one is asked for.

What they do stands in fault_frames.py, fault_line.py and fault_http.py; docs/venue-faults.md
lists them with what a capture must make of each, and a test holds the two together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pm_data.errors import ConfigError

_LONGEST_SECONDS = 86_400.0
Value = int | float | str


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a fault.

    Args:
        expected: what a value must be, in words.
        parse: returns the value of a text.

    Raises:
        ValueError: by `parse`, for a text that is no such value.
    """

    default: Value
    expected: str
    parse: Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that was asked for, with a value for each of its arguments."""

    name: str
    values: dict[str, Value]

    def count(self, name: str) -> int:
        """Return an argument that is a whole number."""
        return int(self.values[name])

    def seconds(self, name: str) -> float:
        """Return an argument that is a time."""
        return float(self.values[name])

    def word(self, name: str) -> str:
        """Return an argument that is one of several words."""
        return str(self.values[name])


def _whole(default: int, low: int = 0, high: int = 10**9) -> Argument:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
            raise ValueError
        return int(text)

    return Argument(default, f"a whole number from {low} to {high}", parse)


def _seconds(default: float) -> Argument:
    def parse(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and 0 <= value <= _LONGEST_SECONDS):
            raise ValueError
        return value

    return Argument(default, f"a number of seconds from 0 to {_LONGEST_SECONDS:g}", parse)


def _word(*words: str) -> Argument:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return Argument(words[0], f"one of {', '.join(words)}", parse)


MALFORMED = (
    *("cut", "empty", "text", "utf8", "nul", "deep", "number", "nan", "keys", "types", "unknown"),
    *("binary", "fragments", "padded"),
)
"""Frames that a WebSocket may carry and that are no message of the venue, or an odd one."""

BODIES = ("html", "empty", "list", "null", "number", "no_markets", "cursor", "nan", "deep", "utf8")
"""Bodies of a listing that are no page of markets."""

VIOLATIONS = ("rsv", "opcode", "masked", "continuation", "long_ping", "close_code", "too_big", "http")
"""Bytes that no WebSocket may carry."""

CURES = ("resubscribe", "connection", "none")
"""What brings a silent token back: asking again on the socket, another connection, or nothing."""

_CONNS = _whole(1)
_TIMES = _whole(1)
_AFTER = _seconds(1.0)

KINDS: dict[str, dict[str, Argument]] = {
    "close": {"code": _whole(1011, 1000, 4999), "after": _AFTER, "conns": _CONNS},
    "half_open": {"after": _AFTER, "conns": _CONNS},
    "freeze": {"after": _AFTER, "conns": _CONNS},
    "freeze_token": {"token": _whole(0), "after": _AFTER, "cure": _word(*CURES)},
    "no_first_book": {"token": _whole(0), "cure": _word(*CURES)},
    "silence": {"conns": _CONNS},
    "slow_start": {"seconds": _seconds(5.0), "conns": _CONNS},
    "cliff": {"tokens": _whole(500)},
    "torn": {"after": _AFTER, "conns": _CONNS},
    "malformed": {"kind": _word(*MALFORMED), "every": _whole(50, 1)},
    "violation": {"kind": _word(*VIOLATIONS), "after": _AFTER, "conns": _CONNS},
    "duplicate": {"every": _whole(50, 1)},
    "reorder": {"every": _whole(50, 1)},
    "lost": {"every": _whole(50, 1)},
    "burst": {"seconds": _seconds(0.5)},
    "huge_opening": {"bytes": _whole(20_000_000, 1, 60_000_000)},
    "pong_delay": {"seconds": _seconds(5.0), "conns": _whole(0)},
    "no_close_answer": {"conns": _whole(0)},
    "reject": {
        "at_once": _whole(8),
        "seconds": _seconds(0.2),
        "status": _whole(503, 400, 599),
        "times": _whole(0),
    },
    "gamma_status": {
        "status": _whole(429, 400, 599),
        "retry_after": _seconds(0.0),
        "times": _TIMES,
        "skip": _whole(0),
    },
    "gamma_partial": {"times": _TIMES, "skip": _whole(0)},
    "gamma_body": {
        "kind": _word(*BODIES),
        "times": _TIMES,
        "skip": _whole(0),
    },
    "gamma_repeat_page": {"skip": _whole(0)},
    "gamma_repeat_cursor": {},
    "gamma_huge": {"bytes": _whole(40_000_000, 1, 100_000_000), "times": _TIMES},
    "gamma_slow": {"seconds": _seconds(2.0), "times": _TIMES},
    "gamma_short": {"markets": _whole(0), "skip": _whole(1)},
    "books_status": {"status": _whole(500, 400, 599), "times": _whole(0)},
    "books_slow": {"seconds": _seconds(2.0), "times": _whole(0)},
}
"""Every fault, by name, with its arguments; of `conns` and `times` 0 means all."""


def parse_fault(text: str) -> Fault:
    """Return the fault of `NAME` or `NAME:argument=value,argument=value`.

    Raises:
        ConfigError: there is no such fault or argument, or the value is bad; one line says which.
    """
    name, _, rest = text.partition(":")
    arguments = KINDS.get(name)
    if arguments is None:
        raise ConfigError(f"--fault: {name!r} is no fault; there are {', '.join(KINDS)}")
    values = {key: argument.default for key, argument in arguments.items()}
    for pair in rest.split(",") if rest else ():
        key, _, value = pair.partition("=")
        if key not in arguments:
            known = ", ".join(arguments) or "none"
            raise ConfigError(f"--fault: {name} has no argument {key!r}; its arguments: {known}")
        try:
            values[key] = arguments[key].parse(value)
        except ValueError:
            raise ConfigError(f"--fault: {name}: {key}: {value!r} is not {arguments[key].expected}") from None
    return Fault(name, values)
