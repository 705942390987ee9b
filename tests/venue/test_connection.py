"""One connection against a scripted server: what the listener hears."""

import asyncio
import time
import tracemalloc
from collections.abc import Callable, Sequence

import pytest
from private_ca import authority
from scripted_venue import Peer, ScriptedVenue

from pm_data.errors import ConfigError
from pm_data.venue.connection import Connection, Ended
from pm_data.venue.dial import Dialer, DialError


class Heard:
    """A listener that notes everything and sends one message first."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.messages: list[tuple[bytes, bool]] = []
        self.stamps: list[tuple[int, int]] = []
        self.end: Ended | None = None

    def opened(self, connection: Connection) -> None:
        self.connection = connection
        connection.send_text(b"hello")

    def received(self, payloads: Sequence[bytes], binary: bool, mono_ns: int, wall_ns: int) -> None:
        self.messages += [(payload, binary) for payload in payloads]
        self.stamps += [(mono_ns, wall_ns)] * len(payloads)

    def ended(self, ended: Ended) -> None:
        self.end = ended


def listen(venue: ScriptedVenue, act: Callable[[Heard], None] = lambda heard: None) -> Heard:
    """Connect, call `act` once the first message came or the connection ended, wait for the end."""

    async def work() -> Heard:
        heard = Heard()
        await Dialer(venue.url).dial(heard)
        async with asyncio.timeout(10):
            while not heard.messages and heard.end is None:
                await asyncio.sleep(0.001)
            act(heard)
            while heard.end is None:
                await asyncio.sleep(0.001)
        return heard

    return asyncio.run(work())


def dial_error(url: str) -> str:
    async def work() -> str:
        with pytest.raises(DialError) as caught:
            await Dialer(url).dial(Heard())
        return str(caught.value)

    return asyncio.run(work())


def test_payloads_are_delivered_as_received() -> None:
    payloads = [b"plain", b"", b"[]\n", "é".encode(), b"\xff\xfe no UTF-8", bytes(200_000)]

    def script(peer: Peer) -> None:
        assert peer.receive() == "hello"
        for payload in payloads:
            peer.send(payload)
        peer.send(b"\x00\x01", binary=True)
        peer.send_parts(b"in ", b"three ", b"parts")
        peer.close(1000)

    with ScriptedVenue(script) as venue:
        heard = listen(venue)
    assert heard.messages == [
        *((payload, False) for payload in payloads),
        (b"\x00\x01", True),
        (b"in three parts", False),
    ]
    assert heard.end == Ended(1000, "")
    assert heard.stamps == sorted(heard.stamps)


def test_message_that_comes_with_the_handshake_is_heard_after_opened() -> None:
    with ScriptedVenue(lambda peer: (peer.send(b"early"), peer.close(1000))) as venue:
        heard = listen(venue)
    assert heard.messages == [(b"early", False)]


def test_a_read_takes_no_memory_but_its_messages() -> None:
    """A buffer made for each read and cut to what came, asyncio's way, tears holes into the heap."""
    growth: list[int] = []

    def script(peer: Peer) -> None:
        assert peer.receive() == "hello"
        peer.send(b"first")
        for _ in range(50):
            assert peer.receive() == "next"
            peer.send(b"small")
        peer.close(1000)

    async def work(url: str) -> None:
        heard = Heard()
        await Dialer(url).dial(heard)
        connection = heard.connection
        assert connection is not None
        async with asyncio.timeout(10):
            for count in range(1, 51):
                while len(heard.messages) < count:
                    await asyncio.sleep(0)
                before = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
                connection.send_text(b"next")
                while len(heard.messages) == count:
                    await asyncio.sleep(0)
                growth.append(tracemalloc.get_traced_memory()[1] - before)
            while heard.end is None:
                await asyncio.sleep(0.001)

    tracemalloc.start()
    try:
        with ScriptedVenue(script) as venue:
            asyncio.run(work(venue.url))
    finally:
        tracemalloc.stop()
    assert sorted(growth)[len(growth) // 2] < 128 * 1024


def test_no_compression_is_offered() -> None:
    with ScriptedVenue(lambda peer: peer.close(1000)) as venue:
        listen(venue)
    assert "Sec-WebSocket-Extensions" not in venue.peers[0].request_headers


def test_close_code_and_reason_of_the_venue_are_kept() -> None:
    with ScriptedVenue(lambda peer: peer.close(1013, "slow consumer: send buffer full")) as venue:
        assert listen(venue).end == Ended(1013, "slow consumer: send buffer full")


def test_cut_lines_have_no_code() -> None:
    with ScriptedVenue(lambda peer: peer.reset()) as venue:
        end = listen(venue).end
    assert end is not None
    assert end.code is None
    with ScriptedVenue(lambda peer: peer.receive()) as venue:
        assert listen(venue).end == Ended(None, "ended without a close frame")


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\x00garbage",
        b"\x83\x00",
        b"\x80\x01x",
        b"\x81\x81maskx",
        b"\x81\x7f" + (64 * 1024 * 1024 + 1).to_bytes(8, "big"),
        b"\x88\x01x",
        b"\x88\x03\x03\xe8\xff",
    ],
)
def test_broken_websocket_frame_ends_the_connection_with_the_reason(raw: bytes) -> None:
    with ScriptedVenue(lambda peer: (peer.send_raw(raw), peer.serve_until_closed())) as venue:
        end = listen(venue).end
    assert end is not None
    assert end.code is None
    assert end.reason.startswith("protocol error: ")


def test_close_frame_without_a_code() -> None:
    with ScriptedVenue(lambda peer: (peer.send_raw(b"\x88\x00"), peer.serve_until_closed())) as venue:
        assert listen(venue).end == Ended(1005, "")


def test_protocol_ping_is_answered() -> None:
    pongs = []

    def script(peer: Peer) -> None:
        pongs.append(peer.ping(b"are you there"))
        peer.close(1000)

    with ScriptedVenue(script) as venue:
        listen(venue)
    assert pongs == [b"are you there"]


def test_messages_are_heard_until_the_venue_answers_the_close() -> None:
    def script(peer: Peer) -> None:
        peer.send(b"first")
        while not peer.close_code:
            peer.receive(0.05)

    def script_late(peer: Peer) -> None:
        peer.send(b"first")
        time.sleep(0.3)
        for number in range(50):
            peer.send(b"late %d" % number)
        peer.serve_until_closed()

    for play, count in ((script, 1), (script_late, 51)):
        with ScriptedVenue(play) as venue:
            heard = listen(venue, lambda heard: heard.connection.close())
        assert len(heard.messages) == count
        assert heard.end == Ended(1000, "")


def test_close_that_is_never_answered_ends_after_a_second() -> None:
    def script(peer: Peer) -> None:
        peer.send(b"first")
        peer.ignore_everything()

    with ScriptedVenue(script) as venue:
        started = time.monotonic()
        heard = listen(venue, lambda heard: heard.connection.close())
        assert 0.9 < time.monotonic() - started < 2.5
    assert heard.end is not None
    assert heard.end.code is None


@pytest.mark.parametrize("status", [429, 503])
def test_refused_handshake_is_one_line(status: int) -> None:
    with ScriptedVenue(lambda peer: None, refusals=[status]) as venue:
        assert dial_error(venue.url) == f"127.0.0.1:{venue.port} refused the WebSocket: HTTP {status}"


def test_server_that_hangs_up_or_speaks_something_else_is_one_line() -> None:
    for answer in (b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 101 Sure\r\n\r\n"):
        with ScriptedVenue(lambda peer: None, greeting=answer) as venue:
            text = dial_error(venue.url)
        assert text.startswith((f"127.0.0.1:{venue.port} speaks no WebSocket", "cannot connect to "))
        assert "\n" not in text


def test_nobody_listening_is_one_line() -> None:
    with ScriptedVenue(lambda peer: None) as venue:
        url, port = venue.url, venue.port
    assert dial_error(url) == f"cannot connect to 127.0.0.1:{port}: Connection refused"


def test_name_that_does_not_resolve_is_one_line() -> None:
    assert dial_error("ws://no-such-host.invalid/").startswith("cannot resolve no-such-host.invalid: ")


def test_certificate_of_an_unknown_authority_is_refused() -> None:
    with ScriptedVenue(lambda peer: peer.close(1000), tls=True) as venue:
        text = dial_error(venue.url)
    assert text.startswith(f"TLS certificate of localhost:{venue.port} refused: ")
    assert venue.peers == []


def test_certificate_is_checked_against_the_systems_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority() / "authority.pem"))
    with ScriptedVenue(lambda peer: (peer.send(b"secret"), peer.close(1000)), tls=True) as venue:
        heard = listen(venue)
    assert heard.messages == [(b"secret", False)]
    assert heard.end == Ended(1000, "")


def test_certificate_for_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority() / "authority.pem"))
    with ScriptedVenue(lambda peer: peer.close(1000), tls=True) as venue:
        text = dial_error(venue.url.replace("localhost", "127.0.0.1"))
    assert text.startswith(f"TLS certificate of 127.0.0.1:{venue.port} refused: ")


def test_certificate_that_has_expired_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority() / "authority.pem"))
    time.sleep(1.0)
    with ScriptedVenue(lambda peer: peer.close(1000), tls=True, certificate="expired") as venue:
        text = dial_error(venue.url)
    assert text == f"TLS certificate of localhost:{venue.port} refused: certificate has expired"


def test_plain_server_behind_wss_is_one_line() -> None:
    with ScriptedVenue(lambda peer: None) as venue:
        text = dial_error(venue.url.replace("ws://", "wss://"))
    assert text.startswith(("TLS with ", "cannot connect to "))


def test_at_most_four_handshakes_at_once() -> None:
    with ScriptedVenue(lambda peer: peer.close(1000), handshake_seconds=0.15) as venue:

        async def work() -> None:
            dialer = Dialer(venue.url)
            everyone = [Heard() for _ in range(12)]
            async with asyncio.timeout(10):
                async with asyncio.TaskGroup() as group:
                    for heard in everyone:
                        group.create_task(dialer.dial(heard))
                while not all(heard.end for heard in everyone):
                    await asyncio.sleep(0.001)

        asyncio.run(work())
        assert len(venue.peers) == 12
    assert venue.most_handshakes == 4


def test_address_that_is_no_websocket_url_is_refused() -> None:
    async def work() -> None:
        Dialer("ws://127.0.0.1/#part")

    with pytest.raises(ConfigError, match="clob_ws_url"):
        asyncio.run(work())


def test_credentials_are_never_shown() -> None:
    async def work() -> str:
        return Dialer("wss://me:secret@127.0.0.1:1/ws").shown_url

    assert asyncio.run(work()) == "wss://127.0.0.1:1/ws"
