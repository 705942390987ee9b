"""Decode the worked example of docs/bundle-format.md from the document alone, then hold ours against it."""

import json
import re
import zlib
from pathlib import Path

import pytest
import zstandard
from support.records import idx_entry

from pm_data import jsonlib
from pm_data.bundle import sealed_format
from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import ENCODER, IDX_ENTRY_SIZE, MAX_PAYLOAD, encode_record
from pm_data.bundle.manifest import Manifest, Parent, SliceRange
from pm_data.bundle.opening import MAX_SHARDS
from pm_data.bundle.reader import ShardReader
from pm_data.frame import MUST_UNDERSTAND, Control, Record

TEXT = (Path(__file__).parents[2] / "docs" / "bundle-format.md").read_text(encoding="utf-8")


def section(title):
    """Return a section's text."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title):
    """Return the cells of the section's first table, without its head."""
    text = section(title)
    table = text[text.index("\n|") + 1 :].partition("\n\n")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
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
        index += idx_entry(record, encoded, len(made))
        both = encoded, index[-IDX_ENTRY_SIZE:]
        assert ENCODER.encode([record], record.shard, record.seq, len(made)) == both
        made += encoded
    assert made == hexdump("Worked example")
    assert index == hexdump("The index")


def test_numbers_in_the_text():
    assert f"{MAX_PAYLOAD:,} (64 MiB)" in TEXT
    assert f"no run of more than {MAX_SHARDS} shards" in TEXT
    assert f"at most {jsonlib.MAX_BYTES:,} bytes" in TEXT
    assert f"{jsonlib.MAX_VALUES:,} commas" in TEXT


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


def sealed_layouts():
    """Return the layout of each part of a seek table, as the document gives it."""
    layouts = {}
    for part, *row in rows("Sealed shards"):
        layouts.setdefault(part, []).append(row)
    return layouts


def test_the_sealed_example_is_what_the_document_says(decoded):
    """By the document's table and a decoder of Zstandard alone; nothing of ours."""
    layouts = sealed_layouts()
    sizes = {part: size_of(layout) for part, layout in layouts.items()}
    sealed = hexdump("Sealed shards")
    foot = decode(layouts["foot"], sealed, len(sealed) - sizes["foot"])
    table = len(sealed) - sizes["foot"] - foot["blocks"] * sizes["entry"] - sizes["head"]
    head = decode(layouts["head"], sealed, table)
    assert (foot["descriptor"], head["length"]) == (0, 8 * foot["blocks"] + 9)
    for name, found in (("skippable", head), ("seekable", foot)):
        (told,) = (row[-1] for layout in layouts.values() for row in layout if row[-2] == name)
        number, magic = re.match(r"([0-9,]+) \(`([0-9a-f ]+)`\)", told).groups()
        assert found[name] == int(number.replace(",", "")) == int.from_bytes(bytes.fromhex(magic), "little")
    at, plain = 0, b""
    for number in range(foot["blocks"]):
        entry = decode(layouts["entry"], sealed, table + sizes["head"] + number * sizes["entry"])
        block = zstandard.ZstdDecompressor().decompress(sealed[at : at + entry["stored"]])
        assert len(block) == entry["plain"]
        at += entry["stored"]
        plain += block
    assert at == table
    assert plain == hexdump("Worked example")


def test_our_reader_reads_the_sealed_example(tmp_path, decoded):
    path = tmp_path / "shard_05.frames.zst"
    path.write_bytes(hexdump("Sealed shards"))
    reader = ShardReader(path, None, pytest.fail)
    (records,) = reader.batches()
    assert [record.payload for record in records] == [payload for _, _, payload in decoded]


def test_numbers_of_sealed_shards_in_the_text():
    told = section("Sealed shards")
    for number in (sealed_format.BLOCK_BYTES, sealed_format.MAX_STORED_BYTES, sealed_format.MAX_BLOCKS):
        assert f"{number:,}" in told
    assert f"more than {sealed_format.MAX_RATIO} times" in told


def test_parent_keys():
    """Of a slice."""
    keys = {key for row in rows("Slices") for key in row[0].split(", ")}
    assert keys == set(Parent.__dataclass_fields__)
    (told,) = (meaning for key, meaning in rows("Slices") if key == "range")
    listed = re.search(r"`\{(.*?)\}`", told)[1]
    assert re.findall(r'"(\w+)"', listed) == list(SliceRange.__dataclass_fields__)
