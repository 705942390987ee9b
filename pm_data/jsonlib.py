"""JSON out and JSON of our own files in.

ujson writes the long NDJSON listings. It never decides what anything means:
it accepts invalid JSON and reads numbers as floats. What we read back
(manifests, control payloads, fixtures) goes through the standard library.
"""

import json
from typing import Any

JsonObject = dict[str, Any]


def dumps(value: object, *, sort_keys: bool = False) -> str:
    """Return compact JSON on one line, text unescaped beyond what JSON demands.

    Raises:
        ValueError: a float is not finite.
    """
    return json.dumps(value, sort_keys=sort_keys, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical(value: object) -> bytes:
    """Return the one byte string that stands for `value`: sorted keys, compact, UTF-8."""
    return dumps(value, sort_keys=True).encode("utf-8")


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
    """Parse strict JSON that must be an object.

    Raises:
        ValueError: not JSON, or not an object.
    """
    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value
