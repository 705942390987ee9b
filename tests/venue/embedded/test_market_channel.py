"""The market WebSocket over real sockets: what each text of a client brings."""

import json
import time
import urllib.request

import pytest
from websockets.sync.client import connect

from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

SILENCE_SECONDS = 0.15


@pytest.fixture(scope="module")
def quiet():
    with EmbeddedVenue(VenueOptions(seed=7, markets=6, rate=0)) as running:
        yield running


@pytest.fixture
def busy():
    with EmbeddedVenue(VenueOptions(seed=9, markets=20, rate=4000, keep_sent=True)) as running:
        yield running


def listed(venue):
    url = venue.urls.gamma_base_url + "/markets/keyset?limit=100"
    with urllib.request.urlopen(url, timeout=10) as answer:
        markets = json.load(answer)["markets"]
    return [market for market in markets if market["acceptingOrders"] and market["enableOrderBook"]]


def asset_ids(venue, count):
    return [asset_id for market in listed(venue)[:count] for asset_id in json.loads(market["clobTokenIds"])]


def open_socket(venue):
    return connect(venue.urls.clob_ws_url, compression=None, max_size=None, max_queue=None)


def first_message(ids, **more):
    message = {"assets_ids": ids, "type": "market", "initial_dump": True, "level": 2}
    return json.dumps(message | {"custom_feature_enabled": True} | more)


def operation(name, ids, **more):
    return json.dumps({"assets_ids": ids, "operation": name} | more)


def silent(socket):
    try:
        socket.recv(timeout=SILENCE_SECONDS)
    except TimeoutError:
        return True
    return False


def read_until(socket, wanted, timeout=10):
    """Return texts up to the first that `wanted` accepts."""
    texts = []
    deadline = time.monotonic() + timeout
    while True:
        texts.append(socket.recv(timeout=deadline - time.monotonic()))
        if wanted(texts[-1]):
            return texts


def test_the_first_message_brings_all_books_in_one_compact_array(quiet):
    ids = asset_ids(quiet, 3)
    with open_socket(quiet) as socket:
        socket.send(first_message([*ids, "404"]))
        opening = socket.recv(timeout=10)
    books = json.loads(opening)
    assert [book["asset_id"] for book in books] == ids
    assert opening == json.dumps(books, separators=(",", ":")) + "\n"
    assert list(books[0]) == [
        "market",
        "asset_id",
        "timestamp",
        "hash",
        "bids",
        "asks",
        "tick_size",
        "event_type",
        "last_trade_price",
    ]


def test_nothing_to_send_is_an_empty_array(quiet):
    with open_socket(quiet) as socket:
        socket.send(first_message([]))
        assert socket.recv(timeout=10) == "[]\n"
        socket.send(operation("subscribe", ["404"]))
        assert socket.recv(timeout=10) == "[]\n"


def test_without_initial_dump_there_is_no_array(quiet):
    with open_socket(quiet) as socket:
        socket.send(first_message(asset_ids(quiet, 1), initial_dump=False))
        assert silent(socket)


def test_subscribing_more_brings_only_the_new_books(quiet):
    ids = asset_ids(quiet, 3)
    with open_socket(quiet) as socket:
        socket.send(first_message(ids[:2]))
        socket.recv(timeout=10)
        socket.send(operation("subscribe", ids))
        assert [book["asset_id"] for book in json.loads(socket.recv(timeout=10))] == ids[2:]
        socket.send(operation("subscribe", ids))
        assert socket.recv(timeout=10) == "NO NEW ASSETS"


def test_unsubscribing_is_silent_and_subscribing_again_brings_the_book(quiet):
    ids = asset_ids(quiet, 1)
    with open_socket(quiet) as socket:
        socket.send(first_message(ids))
        socket.recv(timeout=10)
        socket.send(operation("unsubscribe", [ids[0], "404"]))
        assert silent(socket)
        socket.send(operation("subscribe", ids))
        assert [book["asset_id"] for book in json.loads(socket.recv(timeout=10))] == ids[:1]


def test_ping_is_answered_as_text_even_before_a_subscription(quiet):
    with open_socket(quiet) as socket:
        socket.send("PING")
        assert socket.recv(timeout=10) == "PONG"


@pytest.mark.parametrize(
    "text",
    [
        "ping",
        "",
        "[]",
        "{",
        "{}",
        '{"assets_ids":["1"],"type":"user"}',
        '{"assets_ids":["1"],"operation":"remove"}',
        '{"assets_ids":["1"],"operation":["subscribe"]}',
        '{"assets_ids":"1","type":"market"}',
        '{"assets_ids":[1],"type":"market"}',
        "[" * 100_000,
    ],
)
def test_what_the_venue_cannot_read_is_an_invalid_operation(quiet, text):
    with open_socket(quiet) as socket:
        socket.send(text)
        assert socket.recv(timeout=10) == "INVALID OPERATION"
        socket.send("PING")
        assert socket.recv(timeout=10) == "PONG"


def test_the_wrong_key_meets_silence(quiet):
    with open_socket(quiet) as socket:
        socket.send(json.dumps({"asset_id": asset_ids(quiet, 1), "type": "market"}))
        assert silent(socket)


def test_what_a_client_receives_is_what_was_sent_and_verifies(busy, oracle):
    neg_risk = {market["conditionId"]: market["negRisk"] for market in listed(busy)}
    ids = asset_ids(busy, 20)
    with open_socket(busy) as socket:
        socket.send(first_message(ids))
        socket.send("PING")
        received = [socket.recv(timeout=10) for _ in range(4000)]
    texts = [text.encode() for text in received]
    assert busy.sent(1)[:4000] == texts
    view = oracle(neg_risk).read(text for text in texts if text != b"PONG")
    assert view.kinds["price_change"] > 3000
    assert view.verified > 6000
    now_ms = time.time() * 1000
    last_stamp = json.loads(texts[-1])["timestamp"]
    assert abs(now_ms - int(last_stamp)) < 30_000


def test_each_connection_hears_its_own_tokens_only(busy):
    markets = listed(busy)
    ids = [json.loads(market["clobTokenIds"]) for market in markets]
    with open_socket(busy) as one, open_socket(busy) as other:
        one.send(first_message(ids[0] + ids[1], custom_feature_enabled=False))
        other.send(first_message(ids[2], custom_feature_enabled=False))
        for socket, mine in ((one, markets[:2]), (other, markets[2:3])):
            messages = [json.loads(socket.recv(timeout=10)) for _ in range(50)][1:]
            assert {message["market"] for message in messages} <= {market["conditionId"] for market in mine}


def test_an_unsubscribed_token_falls_silent(busy):
    ids = asset_ids(busy, 20)
    with open_socket(busy) as socket:
        socket.send(first_message(ids, custom_feature_enabled=False))
        socket.send(operation("unsubscribe", ids))
        socket.send("PING")
        read_until(socket, lambda text: text == "PONG")
        assert silent(socket)


def test_custom_messages_come_only_to_those_who_asked(busy):
    ids = asset_ids(busy, 20)
    with open_socket(busy) as plain, open_socket(busy) as custom, open_socket(busy) as elsewhere:
        plain.send(first_message(ids, custom_feature_enabled=False))
        elsewhere.send(first_message([]))
        custom.send(first_message(ids[:2], custom_feature_enabled=False))
        # Nothing new, and the flag counts all the same.
        custom.send(operation("subscribe", ids[:2], custom_feature_enabled=True))
        custom.send(operation("subscribe", ids))
        missing = {'"market_resolved"', '"new_market"'}
        while missing:
            text = custom.recv(timeout=30)
            missing -= {kind for kind in missing if kind in text}
        seen = busy.sent(2)
        announced = {payload for payload in seen if b'"new_market"' in payload}
        assert announced
        assert announced <= set(busy.sent(3))
    assert not any(b'"market_resolved"' in payload for payload in busy.sent(3))
    assert not any(b'"new_market"' in payload or b'"market_resolved"' in payload for payload in busy.sent(1))


def test_a_resolved_token_brings_no_book_and_no_error(busy):
    with open_socket(busy) as socket:
        socket.send(first_message(asset_ids(busy, 20)))
        texts = read_until(socket, lambda text: '"market_resolved"' in text, timeout=30)
        resolved = json.loads(texts[-1])["assets_ids"]
        with open_socket(busy) as later:
            later.send(first_message(resolved))
            assert later.recv(timeout=10) == "[]\n"
