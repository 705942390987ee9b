"""The WebSocket itself: framing, closes, limits, and a client that does not read."""

import collections
import json
import socket
import time
import urllib.request
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.embedded.websocket import text_frame

HANDSHAKE = (
    b"GET /ws/market HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def quiet():
    with EmbeddedVenue(VenueOptions(seed=7, markets=6, rate=0)) as running:
        yield running


def subscribe_all(venue):
    url = venue.urls.gamma_base_url + "/markets/keyset?limit=100"
    with urllib.request.urlopen(url, timeout=10) as answer:
        markets = json.load(answer)["markets"]
    ids = [asset_id for market in markets for asset_id in json.loads(market["clobTokenIds"])]
    return json.dumps({"assets_ids": ids, "type": "market"})


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_text_frames_are_what_websockets_would_make(size):
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_a_text_in_fragments_is_one_text(quiet):
    with connect(quiet.urls.clob_ws_url, compression=None) as client:
        client.send(iter(["PI", "N", "G"]))
        assert client.recv(timeout=10) == "PONG"


def test_binary_messages_are_ignored(quiet):
    with connect(quiet.urls.clob_ws_url, compression=None) as client:
        client.send(b"PING")
        client.send("PING")
        assert client.recv(timeout=10) == "PONG"


def test_the_protocols_own_ping_is_answered(quiet):
    with connect(quiet.urls.clob_ws_url, compression=None) as client:
        assert client.ping().wait(10)


def test_no_compression_is_agreed_to(quiet):
    with connect(quiet.urls.clob_ws_url, compression="deflate") as client:
        assert "Sec-WebSocket-Extensions" not in client.response.headers


def test_a_clients_close_is_answered(quiet):
    with connect(quiet.urls.clob_ws_url, compression=None) as client:
        client.close(1000, "done")
        assert client.protocol.close_rcvd.code == 1000


def test_a_message_above_1_mib_is_refused(quiet):
    with connect(quiet.urls.clob_ws_url, compression=None) as client:
        client.send("x" * (1024 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=10)
    assert caught.value.rcvd.code == 1009


def exchange_bytes(venue, sent, until=None):
    """Send bytes and return all that comes until the end, or until this."""
    address = urlsplit(venue.urls.gamma_base_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while (until is None or until not in received) and (chunk := connection.recv(65536)):
            received += chunk
    return received


def test_the_handshake_and_first_message_in_one_segment(quiet):
    pong = text_frame(b"PONG")
    received = exchange_bytes(quiet, HANDSHAKE + Frame(Opcode.TEXT, b"PING").serialize(mask=True), pong)
    assert received.startswith(b"HTTP/1.1 101 ")
    assert received.endswith(b"\r\n\r\n" + pong)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), 1007),
        (Frame(Opcode.TEXT, b"PING").serialize(mask=False), 1002),
        (b"\xf1\x80\0\0\0\0", 1002),
    ],
    ids=["bad UTF-8", "not masked", "reserved bits"],
)
def test_a_broken_frame_ends_the_connection_with_its_code(quiet, frame, code):
    received = exchange_bytes(quiet, HANDSHAKE + frame)
    assert b"\x88" in received
    close = received[received.rindex(b"\x88") :]
    assert int.from_bytes(close[2:4], "big") == code


def test_a_client_that_hangs_up_is_forgotten(quiet):
    before = quiet.connections
    address = urlsplit(quiet.urls.gamma_base_url)
    for _ in range(3):
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(HANDSHAKE)
            assert connection.recv(100).startswith(b"HTTP/1.1 101 ")
    assert quiet.connections == before + 3
    with connect(quiet.urls.clob_ws_url, compression=None) as client:
        client.send("PING")
        assert client.recv(timeout=10) == "PONG"


def test_a_slow_consumer_is_closed_with_1013():
    options = VenueOptions(seed=7, markets=20, rate=20_000, send_buffer_bytes=200_000)
    with EmbeddedVenue(options) as venue:
        subscription = subscribe_all(venue)
        # With a queue of one frame the client stops reading from its socket.
        with connect(venue.urls.clob_ws_url, compression=None, max_size=None, max_queue=1) as client:
            client.send(subscription)
            time.sleep(2)
            with pytest.raises(ConnectionClosed) as caught:
                collections.deque(iter(client.recv, None), maxlen=0)
    assert caught.value.rcvd.code == 1013
    assert caught.value.rcvd.reason == "slow consumer: send buffer full"


def test_a_venue_that_ends_says_1001():
    with (
        EmbeddedVenue(VenueOptions(seed=7, markets=2, rate=0)) as venue,
        connect(venue.urls.clob_ws_url, compression=None) as client,
    ):
        client.send("PING")
        assert client.recv(timeout=10) == "PONG"
        venue.stop()
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=10)
    assert caught.value.rcvd.code == 1001


def test_a_venue_ends_though_a_client_never_answers_the_close():
    with EmbeddedVenue(VenueOptions(seed=7, markets=2, rate=0)) as venue:
        address = urlsplit(venue.urls.gamma_base_url)
        connection = socket.create_connection((address.hostname, address.port), timeout=10)
        connection.sendall(HANDSHAKE)
        connection.recv(1000)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    connection.close()
