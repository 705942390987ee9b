"""The decoder is a total function: each frame is exactly one class, each bad item is counted."""

import json

import pytest
from support.frames import MARKET, A, B, book, change, encode, trade

from pm_data._fast.decode_py import FRAME_CLASSES
from pm_data._fast.ops import BookOp, ChangeOp, ResolvedOp, TickSizeOp, TradeOp

DEEP = b'{"a":' * 32 + b"1" + b"}" * 32
TOO_DEEP = b'{"a":' * 33 + b"1" + b"}" * 33


@pytest.fixture
def decoder(core):
    return core.decode.Decoder()


CLASSES = [
    (book(), "data"),
    (b" \n" + book() + b"\r\n\t", "data"),
    (b"[" + book() + b"," + trade() + b"]", "data"),
    (b"PONG", "keepalive"),
    (b"PING\n", "keepalive"),
    (b"", "empty"),
    (b" \r\n", "empty"),
    (b"[]\n", "empty"),
    (b"NO NEW ASSETS", "non_json"),
    (b"INVALID OPERATION", "non_json"),
    (b"123", "non_json"),
    (b"null", "non_json"),
    (b'"PONG"', "non_json"),
    (b"\xff", "bad_utf8"),
    (b'{"a":"\xc3"}', "bad_utf8"),
    (b"\xed\xa0\x80", "bad_utf8"),
    (b"\xef\xbb\xbf[]", "bad_json"),
    (b"{", "bad_json"),
    (b'{"a":NaN}', "bad_json"),
    (b'{"a":Infinity}', "bad_json"),
    (b'{"a":-Infinity}', "bad_json"),
    (b'{"a":01}', "bad_json"),
    (b'{"a":1,}', "bad_json"),
    (b"[1,]", "bad_json"),
    (b'{"a":1}x', "bad_json"),
    (b"[][]", "bad_json"),
    (b'{"a":"\x01"}', "bad_json"),
    (b'{"a":"\t"}', "bad_json"),
    (b'{"a":"\\x41"}', "bad_json"),
    (b"{'a':1}", "bad_json"),
    (b'{"a":1 "b":2}', "bad_json"),
    (b"[1\x00]", "bad_json"),
    (TOO_DEEP, "bad_json"),
    (b"[" * 100_000, "bad_json"),
    (b"[" * 33 + b"]" * 33, "bad_json"),
    (DEEP, "bad_schema"),
    (b"{}", "bad_schema"),
    (b"[1]", "bad_schema"),
    (b"[[]]", "bad_schema"),
    (b'{"event_type":1}', "bad_schema"),
    (b'{"event_type":"book","asset_id":"1"}', "bad_schema"),
    (b'{"event_type":"book","bids":[],"asks":[]}', "bad_schema"),
    (b'{"event_type":"price_change","price_changes":{}}', "bad_schema"),
    (b'{"event_type":"market_resolved","assets_ids":[]}', "bad_schema"),
    (b'{"event_type":"surprise"}', "unknown_type"),
    (b'[{"event_type":"surprise"},{"event_type":"other"}]', "unknown_type"),
    (b'[{"event_type":"surprise"},1]', "bad_schema"),
    (b"[1," + book() + b"]", "data"),
    (b'{"event_type":"new_market"}', "data"),
    (b'{"event_type":"best_bid_ask"}', "data"),
]


@pytest.mark.parametrize(("frame", "expected"), CLASSES, ids=range(len(CLASSES)))
def test_every_frame_is_exactly_one_class(decoder, frame, expected):
    decoder.decode(frame)
    counted = {name: decoder.counters[name] for name in FRAME_CLASSES if decoder.counters[name]}
    assert counted == {expected: 1}


def test_book(decoder):
    frame = book(bids=[("0.1", "5"), (".48", "0")], tick_size="0.01", last_trade_price="")
    bids = [(100_000, 5_000_000), (480_000, 0)]
    assert decoder.decode(frame) == [
        BookOp(A, MARKET, 1_000_000_000, bids, [(460_000, 20_000_000)], 10_000, None, "00")
    ]


def test_a_book_needs_no_type_and_one_side_is_enough(decoder):
    frame = encode({"asset_id": A, "bids": None, "asks": [{"price": "0.5", "size": "1"}]})
    assert decoder.decode(frame) == [BookOp(A, None, None, [], [(500_000, 1_000_000)], None, None, None)]
    assert decoder.counters["bad_side_list"] == 1
    assert decoder.counters["bad_timestamp"] == 1


def test_price_change_in_its_three_forms(decoder):
    level_set = (A, MARKET, 5_000_000, True, 500_000, 7_000_000)
    older = [ChangeOp(*level_set, None, None, None)]  # their hashes are of another text
    common = {"market": MARKET, "timestamp": "5", "event_type": "price_change", "hash": "00"}
    level = {"price": "0.5", "size": "7", "side": "BUY"}
    assert decoder.decode(change((A, "BUY", "0.5", "7"), timestamp="5")) == [
        ChangeOp(*level_set, "00", None, None)
    ]
    assert decoder.decode(encode(common | {"asset_id": A, "changes": [level]})) == older
    assert decoder.decode(encode(common | {"asset_id": A} | level)) == older
    assert decoder.counters["data"] == 3


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("more", [{}, {"surprise": 1}], ids=["usual", "general"])
def test_a_change_carries_what_its_run_is_checked_against(decoder, spaced, more):
    entries = [
        {"asset_id": A, "price": "0.5", "size": "7", "side": "BUY", "hash": "ab" * 20, "best_bid": "0.5"},
        {"asset_id": B, "price": "0.5", "size": "7", "side": "SELL", "best_ask": "", "hash": 5} | more,
    ]
    entries[0]["best_ask"] = "1"
    message = {
        "market": MARKET,
        "price_changes": entries,
        "timestamp": "5",
        "event_type": "price_change",
    }
    frame = json.dumps(message).encode() if spaced else encode(message)
    found = [(op.hash, op.best_bid, op.best_ask) for op in decoder.decode(frame)]
    assert found == [("ab" * 20, "0.5", "1"), ("5", None, "")]


def test_numbers_count_in_text_or_bare_and_never_as_floats(decoder):
    text = change((A, "SELL", "0.1", "123456789.123456"))
    bare = text.replace(b'"0.1"', b"0.1").replace(b'"123456789.123456"', b"123456789.123456")
    assert decoder.decode(bare) == decoder.decode(text)


def test_an_escaped_key_equals_its_plain_form_and_the_last_duplicate_counts(decoder):
    frame = trade().replace(b'"price"', b'"pr\\u0069ce"')
    assert decoder.decode(frame) == decoder.decode(trade())
    twice = trade()[:-1] + b',"price":"0.9"}'
    assert decoder.decode(twice)[0].price_e6 == 900_000


def test_trade(decoder):
    assert decoder.decode(trade(size="219.217767", side="SELL")) == [
        TradeOp(A, MARKET, 1_002_000_000, "sell", 460_000, 219_217_767)
    ]
    assert decoder.decode(trade(size="", side="")) == [TradeOp(A, MARKET, 1_002_000_000, None, 460_000, None)]


def test_tick_size_and_resolution(decoder):
    tick = {"event_type": "tick_size_change", "asset_id": A, "new_tick_size": "0.001", "timestamp": "1"}
    assert decoder.decode(encode(tick)) == [TickSizeOp(A, None, 1_000_000, 1_000)]
    resolved = {"event_type": "market_resolved", "assets_ids": [A, B], "timestamp": "1"}
    assert decoder.decode(encode(resolved | {"winning_asset_id": B})) == [
        ResolvedOp((A, B), None, 1_000_000, ("0", "1"))
    ]
    assert decoder.decode(encode(resolved)) == [ResolvedOp((A, B), None, 1_000_000, ("unknown", "unknown"))]


@pytest.mark.parametrize(
    ("price", "size", "counter"),
    [
        ("0", "1", "bad_level"),
        ("1.000001", "1", "bad_level"),
        ("0.5", "9000000000.000001", "bad_level"),
        ("0.5", "999999999999999999", "bad_level"),
        ("", "1", "bad_level"),
        (None, "1", "bad_level"),
        ([], "1", "bad_level"),
        (True, "1", "bad_level"),
        ("-0.5", "1", "bad_number"),
        ("0.5", "1e3", "bad_number"),
        ("0.5", " 1", "bad_number"),
        (-0.5, "1", "bad_number"),
    ],
)
def test_a_bad_level_is_skipped_and_counted_and_the_others_stand(decoder, price, size, counter):
    frame = book(bids=[("0.1", "1"), (price, size), ("0.2", "2")])
    (op,) = decoder.decode(frame)
    assert op.bids == [(100_000, 1_000_000), (200_000, 2_000_000)]
    assert decoder.counters[counter] == 1
    assert decoder.counters["data"] == 1


def test_a_bad_entry_does_not_harm_the_others(decoder):
    good = (A, "BUY", "0.5", "7")
    frame = json.loads(change(good, (B, "HOLD", "0.5", "7"), ("", "BUY", "0.5", "7"), good))
    assert len(decoder.decode(encode(frame))) == 2
    assert decoder.counters["bad_item"] == 2
    assert decoder.counters["data"] == 1


@pytest.mark.parametrize("timestamp", [None, "", "abc", "-1", "1.5", [], "9" * 14, "9223372036855", " 1"])
def test_an_odd_timestamp_is_none_and_counted(decoder, timestamp):
    assert decoder.decode(book(timestamp=timestamp))[0].ts_event is None
    assert decoder.counters["bad_timestamp"] == 1


def test_more_than_six_decimals_are_rounded_and_counted(decoder):
    (op,) = decoder.decode(trade(size="1.0000005"))
    assert op.size_e6 == 1_000_001
    decoder.decode(trade(size="1.0000005"))
    decoder.decode(trade(size="1.0000000"))
    assert decoder.counters["inexact_number"] == 2


@pytest.mark.parametrize("asset_id", ["", "a b", "a|b", 'a"b', "a\\b", "a\nb", "é", "x" * 129, 7, None])
def test_an_asset_id_is_plain_text_that_fits_a_hash_line(decoder, asset_id):
    assert decoder.decode(book(asset_id)) == []
    assert decoder.counters["bad_schema"] == 1


def test_unknown_names_are_counted_sampled_and_bounded(decoder):
    for number in range(200):
        decoder.decode(encode({"event_type": f"kind{number}"}))
    decoder.decode(book(novelty=1))
    decoder.decode(b'{"event_type":"\\ud800"}')
    assert len(decoder.names["unknown_types"]) == 65
    assert decoder.names["unknown_types"]["(other)"] == 137
    decoder.decode(encode({"event_type": "new_market", "id": "1", "oddity": 1}))
    decoder.decode(encode({"event_type": "best_bid_ask", "asset_id": A, "spread": "0.1", "oddity": 1}))
    assert decoder.names["unknown_keys"] == {"novelty": 1, "oddity": 2}
    assert decoder.samples["type kind0"] == '{"event_type":"kind0"}'
    json.dumps([decoder.names, decoder.samples], ensure_ascii=False).encode("utf-8")
