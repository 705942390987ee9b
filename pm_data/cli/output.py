"""What commands print: JSON lines on stdout, everything else on stderr."""

import sys
from pathlib import Path

from pm_data import jsonlib, osdep
from pm_data.config import Resolved
from pm_data.errors import InputOutputError


def print_json(value: jsonlib.JsonObject, *, sort_keys: bool = False) -> None:
    """Print the command's one JSON line on stdout."""
    sys.stdout.write(jsonlib.dumps(value, sort_keys=sort_keys) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print one line for the person at the terminal on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_notices(resolved: Resolved) -> None:
    """Tell the user which settings the environment changed or got wrong."""
    for notice in resolved.notices:
        note(f"pm_data: {notice}")


def write_report(path: Path, content: str) -> None:
    """Make a file hold this text, whole or not at all.

    Raises:
        InputOutputError: it cannot be written.
    """
    try:
        osdep.write_file_atomically(path, content.encode("utf-8"))
    except OSError as error:
        raise InputOutputError(f"cannot write {path}: {error.strerror}") from None


def printable(text: str) -> str:
    """Return text from the venue with control characters taken out (rule X2)."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
