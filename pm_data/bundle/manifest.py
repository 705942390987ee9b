"""`manifest.json`: what a run is, and, once it is closed, what its shards hold."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from pm_data import jsonlib, osdep
from pm_data.bundle.format import FORMAT_VERSION
from pm_data.bundle.layout import RunDir
from pm_data.errors import DamageError, UsageError
from pm_data.jsonlib import JsonObject

RUNNING = "running"
CLOSED = "closed"
FATAL = "fatal"

_MAX_INT64 = 2**63 - 1
_OPTIONAL = ("parent", "previous", "next")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ShardSeal(NamedTuple):
    """What a closed shard holds: whole records, bytes, and the SHA-256 of its `.frames` file in hex."""

    shard: int
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Totals:
    """The frames of a run that ended: `received = written + dropped`."""

    received: int
    written: int
    dropped: int


@dataclass(frozen=True)
class SliceRange:
    """What a slice was asked to take of its parent; None where nothing bounds it.

    Args:
        shards: of the parent, in order; the slice's have the same numbers.
        first: number of the first record in the order of these shards, from 0; `last` that of the last.
        from_ns: least rx_mono_ns; `to_ns` is the one before which the slice ends.
    """

    shards: list[int]
    first: int | None = None
    last: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None


@dataclass(frozen=True)
class Parent:
    """The run that a slice was cut from; `digest` is that of its manifest at that time."""

    run_id: str
    digest: str
    range: SliceRange


@dataclass(frozen=True)
class Manifest:
    """Everything that `manifest.json` says.

    Args:
        created_wall_ns_utc: when the run began, ns since 1970 UTC.
        status: `running`, `closed` or `fatal`.
        source: `online` or `offline`.
        core: `compiled` or `pure`, which wrote the run.
        config: setting name to `{"value", "origin"}`, credentials struck out.
        markets: metadata of each market at the last change of the universe.
        shards: one seal per shard; always there when closed, never while running.
        totals: as `shards`.
        parent: of a slice only.
        previous, next: run ids of the same capture's bundles before and after it; None where there is none.
        digest: SHA-256 in hex of all the rest, in the file it was read from; empty before.
    """

    run_id: str
    created_wall_ns_utc: int
    status: str
    source: str
    package_version: str
    core: str
    python: str
    platform: str
    config: JsonObject
    markets: list[JsonObject]
    shards: list[ShardSeal] | None = None
    totals: Totals | None = None
    parent: Parent | None = None
    previous: str | None = None
    next: str | None = None
    format_version: int = FORMAT_VERSION
    digest: str = ""

    def setting(self, name: str) -> object:
        """Return the value that a setting had; None where the manifest does not tell."""
        setting = self.config.get(name)
        return setting.get("value") if isinstance(setting, dict) else None


def manifest_digest(fields: JsonObject) -> str:
    """Return the SHA-256 in hex of a manifest's canonical JSON without its own `digest`."""
    digest = hashlib.sha256()
    for part in jsonlib.canonical_parts({key: value for key, value in fields.items() if key != "digest"}):
        digest.update(part)
    return digest.hexdigest()


def write_manifest(run: RunDir, manifest: Manifest) -> None:
    """Write the manifest, with its digest, atomically; without `markets` where these are too many to read.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    fields = asdict(manifest)
    if manifest.shards is not None:
        fields["shards"] = [seal._asdict() for seal in manifest.shards]
    for name in _OPTIONAL:
        if fields[name] is None:
            del fields[name]
    text = _text(fields)
    try:
        jsonlib.check_size(text)
    except ValueError:
        text = _text(fields | {"markets": []})
    osdep.write_file_atomically(run.manifest, text)


def _text(fields: JsonObject) -> bytes:
    return jsonlib.canonical(fields | {"digest": manifest_digest(fields)}) + b"\n"


def read_manifest(run: RunDir) -> Manifest:
    """Read and check a run's manifest.

    Raises:
        UsageError: there is none, it cannot be read, or it is of a format version unknown here.
        DamageError: it is not what was written; the text names the field.
    """
    fields = _read_fields(run)
    version = fields.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise UsageError(
            f"{run.manifest}: cannot open format version {version!r}; this program reads {FORMAT_VERSION}"
        )
    values: dict[str, Any] = {}
    for name, (check, meaning) in _CHECKS.items():
        if name not in fields or not check(fields[name]):
            raise DamageError(f"{run.manifest}: {name} is not {meaning}")
        values[name] = fields[name]
    ended = values["status"] == CLOSED
    if ended and (values["shards"] is None or values["totals"] is None):
        raise DamageError(f"{run.manifest}: shards or totals are missing though status is closed")
    if values["shards"] is not None:
        values["shards"] = [ShardSeal(**seal) for seal in values["shards"]]
    if values["totals"] is not None:
        values["totals"] = Totals(**values["totals"])
    if "parent" in fields:
        values["parent"] = _read_parent(run, fields["parent"])
    for name in ("previous", "next"):
        if name in fields:
            if not _is_text(fields[name]):
                raise DamageError(f"{run.manifest}: {name} is not a text")
            values[name] = fields[name]
    return Manifest(**values)


def _read_parent(run: RunDir, value: Any) -> Parent:
    if not _is_parent(value):
        raise DamageError(f"{run.manifest}: parent is not {{run_id, digest, range}} of a run")
    return Parent(value["run_id"], value["digest"], SliceRange(**value["range"]))


def _read_fields(run: RunDir) -> JsonObject:
    try:
        fd = osdep.open_regular(run.manifest)
    except OSError as error:
        raise UsageError(f"cannot open {run.manifest}: {error.strerror}") from None
    with os.fdopen(fd, "rb") as file:
        text = file.read(jsonlib.MAX_BYTES + 1)
    try:
        jsonlib.check_size(text)
    except ValueError as error:
        raise UsageError(f"cannot open {run.manifest}: {error}") from None
    try:
        fields = jsonlib.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("not a JSON object")
        fits = _digest_fits(text, fields)
    except ValueError as error:
        raise DamageError(f"{run.manifest}: {error}") from None
    if not fits:
        raise DamageError(f"{run.manifest}: digest does not fit the contents")
    return fields


def _digest_fits(text: bytes, fields: JsonObject) -> bool:
    """Hold a manifest against its digest: the text as we write it, where that does not fit any other form."""
    digest = fields.get("digest")
    if not isinstance(digest, str):
        return False
    member = f'"digest":"{digest}",'.encode("utf-8", "surrogatepass")
    if hashlib.sha256(text.rstrip(b"\n").replace(member, b"", 1)).hexdigest() == digest:
        return True
    return digest == manifest_digest(fields)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INT64


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_object_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _is_one_of(*words: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in words


def _is_totals(value: object) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and value.keys() == Totals.__dataclass_fields__.keys()
        and all(_is_count(count) for count in value.values())
        and value["received"] == value["written"] + value["dropped"]
    )


def _is_seal_list(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, list) or not all(_is_seal(entry) for entry in value):
        return False
    numbers = [entry["shard"] for entry in value]
    return numbers == sorted(set(numbers))


def _is_seal(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == set(ShardSeal._fields)
        and all(_is_count(value[name]) for name in ("shard", "records", "bytes"))
        and isinstance(value["sha256"], str)
        and _SHA256.fullmatch(value["sha256"]) is not None
    )


def _is_parent(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == Parent.__dataclass_fields__.keys()
        and isinstance(value["run_id"], str)
        and isinstance(value["digest"], str)
        and _SHA256.fullmatch(value["digest"]) is not None
        and _is_range(value["range"])
    )


def _is_range(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != SliceRange.__dataclass_fields__.keys():
        return False
    shards = value["shards"]
    return (
        isinstance(shards, list)
        and len(shards) > 0
        and all(_is_count(shard) for shard in shards)
        and shards == sorted(set(shards))
        and all(value[name] is None or _is_count(value[name]) for name in ("first", "last"))
        and all(value[name] is None or _is_stamp(value[name]) for name in ("from_ns", "to_ns"))
    )


def _is_stamp(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_INT64


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "run_id": (_is_text, "a text"),
    "created_wall_ns_utc": (_is_count, "a whole number from 0"),
    "status": (_is_one_of(RUNNING, CLOSED, FATAL), f"{RUNNING}, {CLOSED} or {FATAL}"),
    "source": (_is_one_of("online", "offline"), "online or offline"),
    "package_version": (_is_text, "a text"),
    "core": (_is_one_of("compiled", "pure"), "compiled or pure"),
    "python": (_is_text, "a text"),
    "platform": (_is_text, "a text"),
    "config": (_is_object, "an object"),
    "markets": (_is_object_list, "a list of objects"),
    "shards": (_is_seal_list, "null or a list of {shard, records, bytes, sha256} in order of shard"),
    "totals": (_is_totals, "null or {received, written, dropped} that add up"),
    "digest": (_is_text, "a text"),
}
