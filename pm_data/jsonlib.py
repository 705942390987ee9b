"""JSON out and JSON of our own files in.

ujson writes the long NDJSON listings. It never decides what anything means:
it accepts invalid JSON and reads numbers as floats. What we read back
(manifests, control payloads, fixtures) goes through the standard library.
"""

import json
from collections.abc import Iterator
from typing import Any

JsonObject = dict[str, Any]

MAX_BYTES = 24 * 1024 * 1024
MAX_VALUES = 1_000_000
"""What an object of ours may have at most, so that a stranger's cannot take all memory.

The metadata of the whole venue, 36,000 markets, is 22 MB and 700,000 values.
"""

_WIDE = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
"""What begins a character of four bytes in UTF-8."""
_PART_ITEMS = 1000


def dumps(value: object, *, sort_keys: bool = False) -> str:
    """Return compact JSON on one line, text unescaped beyond what JSON demands.

    Raises:
        ValueError: a float is not finite.
    """
    return json.dumps(value, sort_keys=sort_keys, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical(value: object) -> bytes:
    """Return the one byte string that stands for `value`: sorted keys, compact, UTF-8."""
    return dumps(value, sort_keys=True).encode("utf-8")


def canonical_parts(value: JsonObject) -> Iterator[bytes]:
    """Yield what `canonical` returns, some at a time, so that a long list takes no second memory."""
    begin = "{"
    for key in sorted(value):
        head, item = f"{begin}{dumps(key)}:", value[key]
        begin = ","
        if not isinstance(item, list):
            yield (head + dumps(item, sort_keys=True)).encode("utf-8")
            continue
        yield (head + "[").encode("utf-8")
        for start in range(0, len(item), _PART_ITEMS):
            part = dumps(item[start : start + _PART_ITEMS], sort_keys=True)[1:-1]
            yield ("," * (start > 0) + part).encode("utf-8")
        yield b"]"
    yield b"}" if value else b"{}"


def ndjson_line(value: JsonObject) -> str:
    """Return one line of a listing, ended by LF; values are text, integers, None and containers of these."""
    import ujson  # here, so that building the parsers and `--version` do not pay for it

    return ujson.dumps(value, ensure_ascii=False, escape_forward_slashes=False) + "\n"


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def loads(text: str | bytes) -> Any:
    """Parse strict JSON.

    Raises:
        ValueError: not JSON, `NaN` or `Infinity`, not UTF-8, or nested too deep.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def loads_object(text: str | bytes) -> JsonObject:
    """Parse strict JSON that must be an object, and not too large.

    Raises:
        ValueError: not JSON, not an object, or larger than `check_size` allows.
    """
    check_size(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def check_size(text: bytes) -> None:
    """Refuse JSON of which an object in memory may be too large for a reader.

    Raises:
        ValueError: more than `MAX_BYTES`, half of these where a character takes four, or `MAX_VALUES`.
    """
    limit = MAX_BYTES // 2 if any(lead in text for lead in _WIDE) else MAX_BYTES
    if len(text) > limit:
        raise ValueError(f"longer than {limit} bytes")
    # Those within texts count too; a bound need not be exact.
    if len(text) > MAX_VALUES and sum(map(text.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values")
