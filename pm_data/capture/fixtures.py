"""Recorded frames in text files, as others keep them (SPEC.md 12, *Offline bundles*)."""

import decimal
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from pm_data.bundle.format import MAX_PAYLOAD
from pm_data.errors import FatalCaptureError, UsageError

SUFFIXES = (".ndjson", ".json", ".ndjson.gz", ".json.gz")

_MAX_INT64 = 2**63 - 1
_NS_PER_MS = 1_000_000
# Room for every number that is looked at: 20 digits before the point and 30 after it.
_EXACT = decimal.Context(prec=64)
_LEAST_EXPONENT = -30


class RecordedFrame(NamedTuple):
    """One recorded frame: its bytes, and its stamp in ns where the file gives one."""

    payload: bytes
    stamp_ns: int | None


def list_fixtures(directory: Path) -> list[Path]:
    """Return the files of recorded frames in a directory, in byte order of their names.

    Raises:
        UsageError: there is no such directory, no such file in it, or one cannot be read.
    """
    if not directory.is_dir():
        raise UsageError(f"fixtures directory {directory} is not a directory")
    paths = [path for path in directory.iterdir() if path.name.endswith(SUFFIXES) and path.is_file()]
    if not paths:
        raise UsageError(f"fixtures directory {directory} holds no file named *{', *'.join(SUFFIXES)}")
    for path in paths:
        # The usual faults, no permission and no gzip, are found before a run directory is made.
        try:
            with _open(path) as file:
                file.read(1)
        except (OSError, EOFError, zlib.error) as error:
            raise UsageError(f"cannot read {path}: {error}") from None
    return sorted(paths, key=lambda path: os.fsencode(path.name))


def read_fixture(path: Path) -> Iterator[RecordedFrame]:
    """Yield the frames of one file, reading no more than one at a time.

    Raises:
        FatalCaptureError: the file cannot be read to its end, or a frame is too long.
    """
    try:
        with _open(path) as file:
            if path.name.endswith((".json", ".json.gz")):
                yield RecordedFrame(_bounded(file.read(MAX_PAYLOAD + 1), f"{path}"), None)
                return
            number = 0
            while line := file.readline(MAX_PAYLOAD + 3):
                number += 1
                frame = _bounded(_without_line_end(line), f"{path} line {number}")
                if frame and not frame.isspace():
                    yield _unwrap(frame) or RecordedFrame(frame, None)
    except (OSError, EOFError, zlib.error) as error:
        raise FatalCaptureError(f"cannot read {path} to its end: {error}") from None


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")


def _without_line_end(line: bytes) -> bytes:
    return line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")


def _bounded(payload: bytes, where: str) -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise FatalCaptureError(f"{where}: longer than {MAX_PAYLOAD} bytes")
    return payload


def _unwrap(line: bytes) -> RecordedFrame | None:
    """Return the frame that `{"t": ms, "raw": text}` or `{"mono_ns": ns, "raw": text}` holds.

    None for any other line: that is a frame itself.
    """
    # The key is there as it is or with escapes; nearly all frames are told apart without parsing.
    if b'"raw"' not in line and b"\\u" not in line:
        return None
    try:
        value = json.loads(line.decode("utf-8"), parse_float=Decimal)
        if not isinstance(value, dict) or len(value) != 2 or not isinstance(value.get("raw"), str):
            return None
        payload = value["raw"].encode("utf-8")
    except (ValueError, RecursionError, decimal.DecimalException):
        return None
    stamp_ns = _stamp_ns(value.get("t")) if "t" in value else _whole(value.get("mono_ns"))
    return None if stamp_ns is None else RecordedFrame(payload, stamp_ns)


def _stamp_ns(milliseconds: object) -> int | None:
    """Return a number of ms in ns, None where it is none or no whole number of ns from 0 to int64's end."""
    if isinstance(milliseconds, int):
        whole = _whole(milliseconds)
        return None if whole is None else _whole(whole * _NS_PER_MS)
    if not isinstance(milliseconds, Decimal) or not 0 <= milliseconds <= _MAX_INT64:
        return None
    exponent = milliseconds.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _LEAST_EXPONENT:
        return None
    ns = _EXACT.multiply(milliseconds, Decimal(_NS_PER_MS))
    return _whole(int(ns)) if ns == ns.to_integral_value() else None


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_INT64:
        return None
    return value
