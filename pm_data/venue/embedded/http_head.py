"""HTTP/1.1 as far as the venue needs it: request heads in, whole answers out."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 128 * 1024
_MAX_PARAMETERS = 128

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}


class RequestError(Exception):
    """A client's request is wrong; the text says what."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head.

    Args:
        path: without the query, percent-decoded.
        query: of a parameter given twice the last counts.
        pairs: every parameter, in order.
        headers: names in lower case.
        body_bytes: length of the body that follows.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body_bytes: int
    keep_alive: bool
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def upgrades(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


def parse_head(head: bytes) -> Head:
    """Parse a head, without the empty line that ends it.

    Raises:
        RequestError: it is not HTTP/1.1, or asks for what the venue does not do.
    """
    try:
        lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise RequestError("the request head is not ASCII") from None
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0") or not parts[1].startswith("/"):
        raise RequestError("not an HTTP/1.1 request")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise RequestError("a header line is not `name: value`")
        headers[name.lower()] = value.strip()
    if "transfer-encoding" in headers:
        raise RequestError("a body needs Content-Length")
    length = headers.get("content-length", "0")
    if not (length.isdigit() and len(length) <= 12):
        raise RequestError("Content-Length is not a whole number")
    try:
        target = urlsplit(parts[1])
        pairs = parse_qsl(target.query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise RequestError("the request target cannot be read") from None
    connection = headers.get("connection", "").lower()
    return Head(
        method=parts[0],
        path=unquote(target.path),
        query=dict(pairs),
        headers=headers,
        body_bytes=int(length),
        keep_alive=parts[2] == "HTTP/1.1" and connection != "close",
        pairs=tuple(pairs),
    )


def answer(status: int, body: bytes, *, keep_alive: bool, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a whole response with a JSON body."""
    further = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Fault')}\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{further}"
        f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return head.encode("ascii") + body
