"""Large frames that are one thing over and over.

Run as a script, it decodes and applies each, one after another, with little memory: for
test_large_frames.py, which cannot take its own memory away.
"""

import json
import resource
import sys
import time

MEBIBYTE = 1024 * 1024
MEMORY_LIMIT_BYTES = 2**31

_NEW_MARKET = b'{"event_type":"new_market","id":'
_BOOK = b'{"event_type":"book","asset_id":"1","asks":[],"bids":[{"size":"1","price":"'
_USUAL_BOOK = b'{"market":"0x1","asset_id":"1","bids":['
_USUAL_TAIL = b'],"asks":[],"hash":"","timestamp":"1","event_type":"book"}'
_LEVEL = b'{"price":"0.5","size":"1"}'
_ENTRY = b'{"asset_id":"1","side":"BUY","price":"0.5","size":"1"},'

PARTS = {
    "brackets": (b"", b"[", b""),
    "braces": (b"", b'{"a":', b""),
    "lists": (b"[", b"[],", b"[]]"),
    "objects": (b"[", b'{"":{}},', b"{}]"),
    "numbers": (b"[", b"1,", b"1]"),
    "digits": (_NEW_MARKET, b"1", b"}"),
    "string": (_NEW_MARKET + b'"', b"a", b'"}'),
    "escapes": (_NEW_MARKET + b'"', b"\\u0041", b'"}'),
    "backslashes": (_NEW_MARKET + b'"', b"\\", b""),
    "spaces": (b"[", b" ", b"]"),
    "keys": (_NEW_MARKET + b"1", b',"a":1', b"}"),
    "letters": (b"", b"A", b""),
    "nul": (b"", b"\x00", b""),
    "not_utf8": (b"[", b"\xff", b"]"),
    "wide": (_NEW_MARKET + b'"\xf0\x9f\x98\x80', b"\xc3\xa9", b'"}'),
    "timestamp": (b'{"event_type":"book","asset_id":"1","bids":[],"timestamp":"', b"9", b'"}'),
    "price": (_BOOK, b"9", b'"}]}'),
    "decimals": (_BOOK + b"0.", b"0", b'"}]}'),
    "levels": (_USUAL_BOOK, _LEVEL + b",", _LEVEL + _USUAL_TAIL),
    "levels_then_odd": (_USUAL_BOOK, _LEVEL + b",", b'{"price":"0.5","size":""}' + _USUAL_TAIL),
    "entries": (b'{"event_type":"price_change","price_changes":[', _ENTRY, b"{}]}"),
    "asset_id": (b'[{"market":"0x1","asset_id":"', b"1", b'"}]'),
}


def large(name, size):
    """Return a frame of about this size."""
    head, part, tail = PARTS[name]
    return head + part * ((size - len(head) - len(tail)) // len(part)) + tail


def take(core, frame):
    """Return by class how often a core counts a frame, and the seconds that it takes."""
    store = core.store.StateStore()
    started = time.process_time()
    store.frame(frame, 1, 1, 0)
    seconds = time.process_time() - started
    counters = store.counters()
    return {name: counters[name] for name in core.store.FRAME_CLASSES if counters[name]}, seconds


def _main(core_name, size):
    from pm_data import _fast

    core = _fast.load(core_name)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    print(json.dumps({name: take(core, large(name, size)) for name in PARTS}))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
