"""A scripted listing server on real sockets: each request is answered by a function of the test."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Query = dict[str, str]


class Request:
    """One request, answered through its methods."""

    def __init__(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        self._handler = handler
        self.number = number
        self.query = dict(parse_qsl(urlsplit(handler.path).query))
        self.path = urlsplit(handler.path).path
        self.headers = dict(handler.headers)

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.start(status, Content_Length=str(len(body)), **headers)
        self.send(body)

    def answer_page(self, markets: list[Any], next_cursor: object = None) -> None:
        page: dict[str, Any] = {"markets": markets}
        if next_cursor is not None:
            page["next_cursor"] = next_cursor
        self.answer(json.dumps(page).encode())

    def start(self, status: int = 200, **headers: str) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def send(self, body: bytes) -> None:
        self._handler.wfile.write(body)

    def hang_up(self) -> None:
        self._handler.close_connection = True


class ScriptedGamma:
    """Listens on loopback and lets `script` answer each request."""

    def __init__(self, script: Callable[[Request], None]) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer.connections += 1

            def do_GET(self) -> None:
                request = Request(self, len(outer.requests))
                outer.requests.append(request)
                try:
                    script(request)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "ScriptedGamma":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def listed(number: int, **changes: Any) -> dict[str, Any]:
    """Return an active binary market as Gamma lists it."""
    return {
        "conditionId": f"0xc{number}",
        "slug": f"market-{number}",
        "question": f"Market {number}?",
        "clobTokenIds": json.dumps([f"{number}1", f"{number}2"]),
        "outcomes": '["Yes", "No"]',
        "orderPriceMinTickSize": 0.001,
        "orderMinSize": 5,
        "active": True,
        "closed": False,
        "archived": False,
        "enableOrderBook": True,
        "acceptingOrders": True,
        "negRisk": False,
        "volumeNum": 1000.5 - number,
    } | changes
