"""Types of command-line arguments that several commands have."""

import argparse
import math

_YEAR_SECONDS = 31_536_000


def add_book_checks(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says whether books are checked."""
    parser.add_argument(
        "--book-checks",
        choices=("off", "count", "suspect"),
        default="off",
        help="check each book against the venue's hash, best prices and mirror leg: only count, "
        "or also mark a token suspect that fails (default: %(default)s)",
    )


def count(text: str) -> int:
    """Return a whole number from 1."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def index(text: str) -> int:
    """Return a whole number from 0."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def seconds(text: str) -> float:
    """Return a positive number of seconds, at most a year."""
    value = _number(text)
    if not 0 < value <= _YEAR_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def offset_seconds(text: str) -> float:
    """Return a number of seconds from 0, at most a year."""
    value = _number(text)
    if not 0 <= value <= _YEAR_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def stamp(text: str) -> int:
    """Return a stamp in ns, from 0."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise argparse.ArgumentTypeError(f"{text!r} is not a stamp in ns")
    return int(text)
