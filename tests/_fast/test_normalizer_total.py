"""normalizer_total: the decoder is a total function of bytes, rules N1 to N3 (N4: test_large_frames.py)."""

import random
from collections import Counter

import pytest
from support.json_torture import cases
from support.samples import in_styles, sample_frames, usual_messages

from pm_data._fast.decode_py import FRAME_CLASSES

SEED = 20261125
CASES = list(cases())


def classes(decoder):
    """Return the frame classes counted."""
    return Counter({name: decoder.counters[name] for name in FRAME_CLASSES if decoder.counters[name]})


def test_the_torture_list_is_long_and_names_each_case_once():
    names = [name for name, _frame, _expected in CASES]
    assert len(names) == len(set(names)) >= 300
    assert {name[:2] for name in names} == {"y_", "n_", "i_"}


def test_each_torture_case_is_in_its_class(core):
    """N1: all at once, so that nothing that one leaves behind changes another."""
    decoder = core.decode.Decoder()
    for name, frame, expected in CASES:
        before = classes(decoder)
        decoder.decode(frame)
        assert classes(decoder) - before == Counter([expected]), name
    assert classes(decoder) == Counter(expected for _name, _frame, expected in CASES)


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_random_bytes_are_counted_once_each(core, count):
    print("seed", SEED)
    generator = random.Random(SEED)
    decoder = core.decode.Decoder()
    pieces = [*(bytes([byte]) for byte in range(256)), *b'{ } [ ] : , " \\ "event_type" "book"'.split()]
    for _ in range(count):
        size = generator.choice([1, 3, 10, 40])
        decoder.decode(b"".join(generator.choices(pieces, k=size)))
    assert sum(classes(decoder).values()) == count


def escaped(frame):
    """Return a frame with every character of its strings escaped."""
    parts = frame.decode().split('"')
    parts[1::2] = ["".join(f"\\u{ord(char):04X}" for char in text) for text in parts[1::2]]
    return '"'.join(parts).encode()


def test_escaped_keys_equal_plain_ones(core):
    """N2."""
    for frame in (frame for frame in sample_frames() if frame[:1] in b"{[" and b"\\" not in frame):
        plain, other = core.decode.Decoder(), core.decode.Decoder()
        assert plain.decode(frame) == other.decode(escaped(frame)), frame
        assert (plain.counters, plain.names) == (other.counters, other.names)


BAD_ELEMENTS = [b"null", b"1", b"[]", b"{}", b'""', b'{"event_type":null}', b'{"event_type":"book"}']
BAD_ELEMENTS += [b'{"event_type":"price_change","price_changes":[{}]}', b'{"event_type":"?"}', b"[[]]"]


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
def test_one_bad_element_of_a_batch_does_not_harm_the_others(core, bad):
    """N3, at every place of the batch."""
    good = [frame for frame in in_styles(usual_messages()) if frame[:1] == b"{"]
    expected = core.decode.Decoder().decode(b"[" + b",".join(good) + b"]")
    for place in range(len(good) + 1):
        decoder = core.decode.Decoder()
        batch = [*good[:place], bad, *good[place:]]
        assert decoder.decode(b"[" + b",".join(batch) + b"]") == expected
        assert classes(decoder) == Counter(data=1)
        assert decoder.counters["bad_item"] + sum(decoder.names["unknown_types"].values()) == 1
