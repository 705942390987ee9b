"""The venue's REST interface: the Gamma listing and the CLOB's books."""

from collections.abc import Callable

from pm_data import jsonlib
from pm_data.venue.embedded import messages
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.decimals import PRICE_ONE
from pm_data.venue.embedded.exchange import Exchange
from pm_data.venue.embedded.gamma import Gamma
from pm_data.venue.embedded.http_head import Head, RequestError

MAX_BOOKS = 500
_NO_BOOK = "No orderbook exists for the requested token id"

Answer = tuple[int, bytes]


class Rest:
    """Answers requests about an exchange.

    Args:
        wall_ns: the wall clock, for `/time`.
    """

    def __init__(self, exchange: Exchange, gamma: Gamma, wall_ns: Callable[[], int]) -> None:
        self._exchange = exchange
        self._gamma = gamma
        self._wall_ns = wall_ns
        self._routes: dict[str, tuple[str, Callable[[Head, bytes], Answer]]] = {
            "/markets/keyset": ("GET", self._markets),
            "/books": ("POST", self._books),
            "/book": ("GET", self._book),
            "/tick-size": ("GET", self._tick_size),
            "/neg-risk": ("GET", self._neg_risk),
            "/time": ("GET", self._time),
        }

    def answer(self, head: Head, body: bytes) -> Answer:
        """Return status and JSON body."""
        method, handler = self._routes.get(head.path, ("", None))
        if handler is None:
            return _error(404, "not found")
        if head.method != method:
            return _error(405, f"{head.path} takes {method}")
        try:
            return handler(head, body)
        except RequestError as error:
            return _error(400, str(error))

    def _markets(self, head: Head, _body: bytes) -> Answer:
        return _json(self._gamma.markets(self._exchange.books, head.query, head.pairs))

    def _books(self, _head: Head, body: bytes) -> Answer:
        try:
            wanted = jsonlib.loads(body)
        except ValueError:
            raise RequestError("the body is not JSON") from None
        if not isinstance(wanted, list) or len(wanted) > MAX_BOOKS:
            raise RequestError(f"the body must be a list of at most {MAX_BOOKS} objects")
        books = []
        for item in wanted:
            if not isinstance(item, dict) or not isinstance(item.get("token_id"), str):
                raise RequestError('each item must be {"token_id": text}')
            found = self._exchange.find(item["token_id"])
            if found is not None:
                books.append(messages.rest_book(*found))
        return 200, f"[{','.join(books)}]".encode()

    def _book(self, head: Head, _body: bytes) -> Answer:
        found = self._token(head)
        if found is None:
            return _error(404, _NO_BOOK)
        return 200, messages.rest_book(*found).encode()

    def _tick_size(self, head: Head, _body: bytes) -> Answer:
        found = self._token(head)
        if found is None:
            return _error(404, _NO_BOOK)
        return _json({"minimum_tick_size": found[0].tick / PRICE_ONE})

    def _neg_risk(self, head: Head, _body: bytes) -> Answer:
        found = self._token(head)
        if found is None:
            return _error(404, _NO_BOOK)
        return _json({"neg_risk": found[0].listing.neg_risk})

    def _time(self, _head: Head, _body: bytes) -> Answer:
        return _json(self._wall_ns() // 10**9)

    def _token(self, head: Head) -> tuple[MarketBook, int] | None:
        if "token_id" not in head.query:
            raise RequestError("token_id is missing")
        return self._exchange.find(head.query["token_id"])


def _json(value: object) -> Answer:
    return 200, jsonlib.dumps(value).encode()


def _error(status: int, text: str) -> Answer:
    return status, jsonlib.dumps({"error": text}).encode()
