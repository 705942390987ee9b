"""Random damage to frames.

Damage is done to bytes, or to the structure: keys in another order, twice, renamed or gone, other white
space, escapes, other forms of numbers, values of other types, frames cut short or spliced into batches.
"""

import json
import re

PIECES = [
    *(bytes([byte]) for byte in b'"{}[]:,0159.-\\ \n\t\x00\x1f\x7f|'),
    *(b"e5", b"null", b"true", b"NaN", b"1e400", b"-0", b"\\u0041", b"\\ud800", b"\xff", b"\xc3\xa9"),
    *(b'"price"', b'"size"', b'"side"', b'"BUY"', b'"SELL"', b'""', b'"asset_id"', b'"market"', b'"hash"'),
    *(b'"event_type":"book"', b'"event_type":"last_trade_price"', b'"bids":[]', b'"asks":null', b"{}"),
    *(b"9" * 20, b"0.1234567", b".5", b"1.", b"0.000001", b"9000000000", b"[]", b"[[", b'"timestamp":"1"'),
]
KEYS = "asset_id asks best_ask best_bid bids event_type hash market novelty price side size timestamp".split()
SPACES = ["", "", "", " ", "\n", "\t", "\r\n", "  "]
NUMBERS = "0 1 0.5 .5 1. -1 +1 1e3 0.4200000 0.1234567 1.000001 007 9000000000 9000000000.000001".split()
NUMBERS += [
    "0.4200005",
    "12.34567891",
    "0.9999999",
    "9" * 18,
    "9" * 19,
    "0." + "3" * 401,
    "1_0",
    "0x1",
    "٣",
    " 1",
    "NaN",
    "",
    "9223372036854.775808",
]
VALUES = [None, True, [], {}, "", "x", "é", "\ud800", "a|b", "BUY", "book", "PONG", [[]], [None], {"": ""}]


class Bare(str):
    """A number's text, rendered without quotes."""

    __slots__ = ()


def mutated(frame, frames, generator):
    """Return a frame damaged in a few places, by bytes or by structure."""
    if generator.random() < 0.4:
        return _restructured(frame, frames, generator)
    data = bytearray(frame)
    for _ in range(generator.randint(1, 3)):
        _damage_bytes(data, frames, generator)
    return bytes(data)


def _damage_bytes(data, frames, generator):
    kind = generator.randrange(7)
    at = generator.randrange(len(data) + 1)
    if kind == 0 and at < len(data):
        data[at] = generator.randrange(256)
    elif kind == 1:
        data[at:at] = generator.choice(PIECES)
    elif kind == 2:
        del data[at : at + generator.randint(1, 8)]
    elif kind == 3:
        data[at:at] = data[generator.randrange(len(data) + 1) :][: generator.randint(1, 60)]
    elif kind == 4:
        texts = list(re.finditer(rb'"[^"]*"', bytes(data)))
        if texts:
            old = generator.choice(texts)
            data[old.start() : old.end()] = generator.choice([*PIECES, generator.choice(texts).group()])
    elif kind == 5:
        del data[at:]
    else:
        data += generator.choice(frames)[: generator.randint(0, 80)]


def _restructured(frame, frames, generator):
    """Return a frame with its structure changed, or as it is where it has none."""
    try:
        value = json.loads(frame, parse_float=Bare, parse_int=Bare)
    except ValueError:
        return frame
    for _ in range(generator.randint(0, 2)):
        value = _changed(value, generator)
    if generator.random() < 0.1:
        others = [one for one in generator.choices(frames, k=2) if one[:1] == b"{"]
        value = [value, *(json.loads(one, parse_float=Bare, parse_int=Bare) for one in others)]
    spaces = generator.choice([[""], [""], [" "], SPACES])
    escape = generator.choice([0, 0, 0.02, 1])
    return "".join(_rendered(value, spaces, escape, generator)).encode("utf-8", "surrogatepass")


def _changed(value, generator):
    """Return a value changed in one place, most often deep inside."""
    if isinstance(value, list) and value and generator.random() < 0.8:
        at = generator.randrange(len(value))
        kind = generator.randrange(9)
        if kind == 0:
            return value[:at] + value[at + 1 :]
        if kind == 1:
            return [*value, value[at]]
        if kind == 2:
            return generator.sample(value, len(value))
        return [*value[:at], _changed(value[at], generator), *value[at + 1 :]]
    if isinstance(value, dict) and value and generator.random() < 0.9:
        nested = [key for key, one in value.items() if isinstance(one, list | dict)]
        key = generator.choice([*value, *nested, *nested])
        kind = generator.randrange(12)
        rest = {name: one for name, one in value.items() if name != key}
        if kind == 0:
            return rest
        if kind == 1:
            return rest | {generator.choice(KEYS): value[key]}
        if kind == 2:
            return rest | {key: value[key]}
        if kind == 3:
            return value | {generator.choice(KEYS): generator.choice(VALUES)}
        return value | {key: _changed(value[key], generator)}
    number = generator.choice(NUMBERS)
    return generator.choice([number, number, Bare(number), generator.choice(VALUES), [value], value])


def _rendered(value, spaces, escape, generator):
    """Yield the pieces of a value as JSON, with this white space, sometimes escaped, keys sometimes twice."""
    space = generator.choice
    if isinstance(value, dict):
        items = list(value.items())
        if items and generator.random() < 0.03:
            items.append((generator.choice(items)[0], generator.choice([*items, ("", "1")])[1]))
        yield "{"
        for number, (key, one) in enumerate(items):
            yield ("," if number else "") + space(spaces)
            yield _quoted(key, escape, generator) + space(spaces) + ":" + space(spaces)
            yield from _rendered(one, spaces, escape, generator)
        yield space(spaces) + "}"
    elif isinstance(value, list):
        yield "["
        for number, one in enumerate(value):
            yield ("," if number else "") + space(spaces)
            yield from _rendered(one, spaces, escape, generator)
        yield space(spaces) + "]"
    elif isinstance(value, Bare):
        yield str(value)
    elif isinstance(value, str):
        yield _quoted(value, escape, generator)
    else:
        yield json.dumps(value)


def _quoted(text, escape, generator):
    return '"' + "".join(_escaped(char, generator.random() < escape) for char in text) + '"'


def _escaped(char, always):
    if always or char in '"\\' or char < " ":
        return f"\\u{ord(char):04x}"
    return char
