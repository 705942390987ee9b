"""Decode the worked example of docs/bundle-format.md from the document alone, then hold ours against it."""

import json
import re
import zlib
from pathlib import Path

import pytest

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import MAX_PAYLOAD, crc_of, encode_idx_entry, encode_record
from pm_data.bundle.manifest import Manifest
from pm_data.frame import MUST_UNDERSTAND, Control, Record

TEXT = (Path(__file__).parents[2] / "docs" / "bundle-format.md").read_text(encoding="utf-8")


def section(title):
    """Return a section's text."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title):
    """Return the cells of the section's first table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def hexdump(title):
    lines = re.findall(r"^[0-9a-f]{4}  (.*)$", section(title), re.MULTILINE)
    return bytes.fromhex("".join(lines))


def decode(layout, data, at):
    """Return the fields that a table of the document describes."""
    fields = {}
    for offset, size, kind, name, _meaning in layout:
        cut = data[at + int(offset) : at + int(offset) + int(size)]
        fields[name] = cut if kind == "bytes" else int.from_bytes(cut, "little", signed=kind == "signed")
    return fields


def size_of(layout):
    ends = [(int(row[0]), int(row[0]) + int(row[1])) for row in layout]
    assert [begin for begin, _ in ends[1:]] == [end for _, end in ends[:-1]]
    return ends[-1][1]


@pytest.fixture(scope="module")
def decoded():
    """Return the example's records, decoded by the document's table."""
    layout = rows("Records")
    header_size = size_of(layout)
    data = hexdump("Worked example")
    records = []
    at = 0
    while at < len(data):
        fields = decode(layout, data, at)
        end = at + header_size + fields["length"]
        assert fields["magic"] == bytes.fromhex("f7504d52")
        assert fields["crc"] == zlib.crc32(data[at + 8 : end])
        records.append((at, fields, data[at + header_size : end]))
        at = end
    assert at == len(data)
    return records


def test_the_example_is_what_the_document_says(decoded):
    for name, *values in rows("Worked example"):
        for value, (_, fields, payload) in zip(values, decoded, strict=True):
            found = f"`{payload.decode()}`" if name == "payload" else str(fields[name])
            assert found == value, name


def test_the_index_of_the_example(decoded):
    layout = rows("The index")
    data = hexdump("The index")
    assert len(data) == size_of(layout) * len(decoded)
    for number, (offset, fields, _) in enumerate(decoded):
        entry = decode(layout, data, number * size_of(layout))
        expected = {name: fields[name] for name in entry if name not in ("offset", "zero")}
        assert entry == {"offset": offset, "zero": 0} | expected


def test_our_writer_makes_the_example(decoded):
    made, index = b"", b""
    for _, fields, payload in decoded:
        record = Record(*(fields[name] for name in Record._fields[:-1]), payload)
        encoded = encode_record(record)
        index += encode_idx_entry(record, len(made), crc_of(encoded))
        made += encoded
    assert made == hexdump("Worked example")
    assert index == hexdump("The index")


def test_numbers_in_the_text():
    assert f"{MAX_PAYLOAD:,} (64 MiB)" in TEXT


def test_control_types():
    listed = {
        int(number): (name, understand) for number, name, understand, _payload in rows("Control records")
    }
    assert listed == {
        int(control): (control.name.lower(), "yes" if control in MUST_UNDERSTAND else "no")
        for control in Control
    }


def test_damage_classes():
    assert [name for name, _ in rows("Damage")] == [entry.value for entry in DamageClass]


def test_manifest_keys():
    keys = {key for row in rows("The manifest") for key in row[0].split(", ")}
    assert keys == set(Manifest.__dataclass_fields__)


def test_payload_of_the_second_record(decoded):
    assert json.loads(decoded[1][2]) == {"reason": "stop"}
