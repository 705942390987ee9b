"""Strict JSON (RFC 8259) of one frame, at most 32 levels deep, numbers kept as text."""

import json
import re
from typing import Any

MAX_DEPTH = 32

_NESTED_OBJECT = re.compile(r":[ \t\r\n]*\{")
_STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


class NumberText(str):
    """A JSON number as its text, so that no float ever touches it."""

    __slots__ = ()


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    parse_float=NumberText, parse_int=NumberText, parse_constant=_refuse_constant, strict=True
)


def parse(text: str) -> Any:
    """Parse a frame's text; numbers come back as NumberText, the last of equal keys counts.

    Raises:
        ValueError: not RFC 8259, or nested deeper than MAX_DEPTH.
        MemoryError: too large to parse.
    """
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise ValueError("too deep to parse") from None
    if _may_be_deep(text) and _depth(text) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return value


def _may_be_deep(text: str) -> bool:
    # Each container of the deepest chain is an array, lies in an array, or follows a colon:
    # this bound is far cheaper than walking the levels of a book.
    return 1 + 2 * text.count("[") + len(_NESTED_OBJECT.findall(text)) > MAX_DEPTH


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _STRUCTURE.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest
