"""A scripted venue on real sockets: each connection is played by a function of the test."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from private_ca import authority
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from pm_data import jsonlib
from pm_data.config import Config
from pm_data.frame import Control, Kind, Record, control_fields
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.session import Session
from pm_data.venue.universe import Market


class Peer:
    """The server's end of one accepted connection."""

    def __init__(self, sock: socket.socket, number: int, over: threading.Event) -> None:
        self.number = number
        self.over = over
        self.received: list[str] = []
        self.request_headers: dict[str, str] = {}
        self._socket = sock
        self._protocol = ServerProtocol()
        self._messages: list[str] = []
        self.ended = False
        self.close_code: int | None = None

    def handshake(self, status: int | None) -> None:
        """Answer the WebSocket handshake, with a refusal if `status` is one."""
        while True:
            for event in self._events(5.0):
                if isinstance(event, Request):
                    self.request_headers = dict(event.headers.raw_items())
                    if status is None:
                        response = self._protocol.accept(event)
                    else:
                        response = self._protocol.reject(status, "")
                    self._protocol.send_response(response)
                    self._flush()
                    return
            if self.ended:
                return

    def receive(self, timeout: float = 5.0) -> str | None:
        """Return the next text message; None when the client is gone or silent."""
        while not self._messages and not self.ended:
            events = self._events(timeout)
            if not events:
                return None
            for event in events:
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    text = bytes(event.data).decode()
                    self._messages.append(text)
                    self.received.append(text)
                elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                    self.ended = True
        return self._messages.pop(0) if self._messages else None

    def subscribed(self) -> list[str]:
        """Return the asset ids of the first subscription frame."""
        text = self.receive()
        return [] if text is None else list(jsonlib.loads(text)["assets_ids"])

    def send(self, payload: bytes, *, binary: bool = False) -> None:
        (self._protocol.send_binary if binary else self._protocol.send_text)(payload)
        self._flush()

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_parts(self, *parts: bytes) -> None:
        self._protocol.send_text(parts[0], fin=False)
        for number, part in enumerate(parts[1:], 2):
            self._protocol.send_continuation(part, fin=number == len(parts))
        self._flush()

    def ping(self, data: bytes) -> bytes:
        """Send a protocol ping and return the payload of the pong."""
        self._protocol.send_ping(data)
        self._flush()
        while True:
            for event in self._events(5.0):
                if isinstance(event, Frame) and event.opcode is Opcode.PONG:
                    return bytes(event.data)

    def close(self, code: int, reason: str = "") -> None:
        """Close as the venue does: a close frame, the client's answer, then TCP."""
        self._protocol.send_close(code, reason)
        self._flush()
        while not self.ended:
            if not self._events(2.0):
                break

    def reset(self) -> None:
        """Cut the line: the client sees a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        self.ended = True

    def answer_pings(self, seconds: float) -> None:
        """Answer PING with PONG and nothing else."""
        while not self.ended and not self.over.is_set():
            if self.receive(seconds) == "PING":
                self.send(b"PONG")

    def serve_until_closed(self) -> None:
        """Answer PINGs until the client leaves, then close."""
        while not self.ended and not self.over.is_set():
            if self.receive(0.2) == "PING":
                self.send(b"PONG")

    def ignore_everything(self) -> None:
        """Neither read nor answer until the test is over."""
        self.over.wait(30)

    def _events(self, timeout: float) -> list[Any]:
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return []
        except OSError:
            data = b""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
            self.ended = True
        events = self._protocol.events_received()
        if self._protocol.close_rcvd is not None:
            self.close_code = self._protocol.close_rcvd.code
        with contextlib.suppress(OSError):
            self._flush()
        return [*events, *([None] if not events else [])]

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)
            else:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_WR)


Script = Callable[[Peer], None]


class ScriptedVenue:
    """Listens on loopback and plays `script` in a thread per connection.

    Args:
        refusals: the HTTP statuses that the first handshakes get.
        certificate: which of the private authority's certificates it shows, with `tls`.
        greeting: what is sent, before hanging up, instead of a handshake.
        handshake_seconds: how long each handshake takes.
    """

    def __init__(
        self,
        script: Script,
        refusals: Sequence[int] = (),
        tls: bool = False,
        certificate: str = "localhost",
        greeting: bytes | None = None,
        handshake_seconds: float = 0.0,
    ) -> None:
        self._script = script
        self._greeting = greeting
        self._handshake_seconds = handshake_seconds
        self._lock = threading.Lock()
        self._handshakes = 0
        self.most_handshakes = 0
        self._refusals = list(refusals)
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(authority() / f"{certificate}.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.peers: list[Peer] = []
        self.errors: list[BaseException] = []

    @property
    def url(self) -> str:
        if self._context is not None:
            return f"wss://localhost:{self.port}/ws/market"
        return f"ws://127.0.0.1:{self.port}/ws/market"

    def __enter__(self) -> "ScriptedVenue":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        assert not any(thread.is_alive() for thread in self._threads)
        if self.errors:
            raise self.errors[0]

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            sock, _ = self._listener.accept()
            if self._over.is_set():
                sock.close()
                return
            self._start(self._play, sock)

    def _play(self, sock: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            try:
                if self._context is not None:
                    sock = self._context.wrap_socket(sock, server_side=True)
                    stack.callback(sock.close)
                if self._greeting is not None:
                    sock.recv(65536)
                    sock.sendall(self._greeting)
                    return
                with self._lock:
                    peer = Peer(sock, len(self.peers), self._over)
                    self.peers.append(peer)
                    status = self._refusals.pop(0) if self._refusals else None
                    self._handshakes += 1
                    self.most_handshakes = max(self.most_handshakes, self._handshakes)
                self._over.wait(self._handshake_seconds)
                with self._lock:
                    self._handshakes -= 1
                peer.handshake(status)
                if status is None and not peer.ended:
                    self._script(peer)
            except (OSError, InvalidState):
                return  # the client left in the middle of the script
            except BaseException as error:
                self.errors.append(error)


def book(asset_id: str, price: str = "0.5") -> str:
    """Return a small full book as the venue sends it."""
    return (
        f'{{"market":"0xm","asset_id":"{asset_id}","timestamp":"1","hash":"h",'
        f'"bids":[{{"price":"{price}","size":"1"}}],"asks":[],"event_type":"book"}}'
    )


def opening(asset_ids: Sequence[str]) -> bytes:
    return ("[" + ",".join(map(book, asset_ids)) + "]\n").encode()


def make_markets(count: int, first: int = 0) -> list[Market]:
    return [
        Market(
            condition_id=f"0xc{number}",
            slug=f"market-{number}",
            question=f"Market {number}?",
            asset_ids=(f"{number}1", f"{number}2"),
            outcomes=("Yes", "No"),
            tick_size="0.01",
            order_min_size="5",
            neg_risk=False,
            fees_enabled=False,
            fee_schedule=None,
            volume=0.0,
        )
        for number in range(first, first + count)
    ]


def quick_config(url: str, **changes: Any) -> Config:
    """Return settings with waits that a test can afford."""
    quick = Config(
        clob_base_url="http://127.0.0.1:9",
        clob_ws_url=url,
        ws_ping_interval_seconds=0.2,
        ws_ping_timeout_seconds=5.0,
        ws_data_idle_reconnect_seconds=30.0,
        capture_confirm_timeout_seconds=20.0,
        capture_universe_refresh_enable=False,
        capture_universe_grace_seconds=0.0,
    )
    return replace(quick, **changes)


class Run:
    """What one session did, as its consumer saw it."""

    def __init__(self, session: Session, log: RecordLog) -> None:
        self.session = session
        self.log = log
        self.records: list[Record] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.stop_seconds = 0.0

    def controls(self, control: Control, shard: int | None = None) -> list[dict[str, Any]]:
        return [
            control_fields(record)
            for record in self.records
            if record.kind == Kind.CONTROL and record.control == control and shard in (None, record.shard)
        ]

    def frames(self) -> list[bytes]:
        """Return the payloads of all frames but PONGs, of which nobody knows how many come."""
        return [record.payload for record in self.without_pongs() if record.kind != Kind.CONTROL]

    def without_pongs(self) -> list[Record]:
        return [record for record in self.records if record.payload != b"PONG"]

    def story(self) -> list[str]:
        """Return the control records' names in order, with `frame` for each frame."""
        return [
            Control(record.control).name if record.control else "frame" for record in self.without_pongs()
        ]


Runner = Callable[..., Run]
