import pytest
from support.records import control, crc_of, idx_entry, text

from pm_data.bundle.format import (
    ENCODER,
    HEADER,
    HEADER_SIZE,
    IDX_ENTRY_SIZE,
    MAGIC,
    MAX_PAYLOAD,
    SCANNER,
    encode_record,
)
from pm_data.frame import FLAG_MARKED, Control, Kind


def test_sizes_are_the_documented_ones():
    assert (HEADER_SIZE, IDX_ENTRY_SIZE) == (48, 32)


def test_a_record_holds_its_fields_and_its_payload_as_it_is():
    record = text(7, 5, -3, b"\x00\xff payload")._replace(flags=FLAG_MARKED, rx_wall_ns_utc=-1)
    encoded = encode_record(record)
    fields = HEADER.unpack_from(encoded)
    assert fields == (MAGIC, crc_of(encoded), 10, 0, 1, 0, FLAG_MARKED, 5, -3, -1, 1, 7)
    assert encoded[HEADER_SIZE:] == b"\x00\xff payload"


def test_every_byte_after_the_checksum_is_under_it():
    variants = [(0, 0, 1, b"abc"), (1, 0, 1, b"abc"), (0, 1, 1, b"abc"), (0, 0, 2, b"abc"), (0, 0, 1, b"abd")]
    checksums = {crc_of(encode_record(text(*variant))) for variant in variants}
    assert len(checksums) == len(variants)


def test_no_text_payload_holds_a_magic():
    with pytest.raises(UnicodeDecodeError):
        MAGIC.decode("utf-8")


def test_zero_bytes_are_no_record():
    assert MAGIC[0] != 0


def test_a_payload_beyond_the_bound_is_refused():
    with pytest.raises(ValueError, match="longer than"):
        encode_record(text(0, 0, 0, bytes(MAX_PAYLOAD + 1)))


def test_idx_entry():
    record = control(0, 3, 77, Control.GAP, 9, tokens=[])
    encoded, entry = ENCODER.encode([record], 0, 3, 1234)
    assert encoded == encode_record(record)
    assert entry == idx_entry(record, encoded, 1234)
    assert len(entry) == IDX_ENTRY_SIZE
    assert entry[:8] == (1234).to_bytes(8, "little")
    assert entry[-1] == 0


@pytest.mark.parametrize(
    ("kind", "control_type", "flags", "known"),
    [
        (Kind.TEXT, 0, 0, True),
        (Kind.BINARY, 0, 2, True),
        (Kind.CONTROL, 1, 1, True),
        (Kind.CONTROL, 200, 3, True),
        (Kind.CONTROL, 0, 0, False),
        (Kind.TEXT, 1, 0, False),
        (0, 0, 0, False),
        (4, 0, 0, False),
        (Kind.TEXT, 0, 4, False),
    ],
)
def test_known_forms(kind, control_type, flags, known):
    assert SCANNER.is_known_form(kind, control_type, flags) is known
