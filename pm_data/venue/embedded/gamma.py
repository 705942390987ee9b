"""The market listing, `GET /markets/keyset`, with Gamma's own types and quirks."""

import base64
import binascii
from collections.abc import Callable, Sequence

from pm_data import jsonlib
from pm_data.jsonlib import JsonObject
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.decimals import PRICE_ONE, PRICE_TEXT
from pm_data.venue.embedded.http_head import RequestError
from pm_data.venue.embedded.listing import ORDER_MIN_SIZE, Listing, make_listing

MAX_LIMIT = 100
_DEFAULT_LIMIT = 20
_NOT_TRADING_FROM = 10**6
"""Number of the first listed market that is no active binary market."""
_FLAWS: tuple[JsonObject, ...] = (
    {"acceptingOrders": False},
    {"enableOrderBook": False},
    {"outcomes": '["Home", "Draw", "Away"]'},
)
_VOLUME_DAYS = 40

OrderKey = str | int
_ORDERS: dict[str, Callable[[Listing], OrderKey]] = {
    "id": lambda listing: listing.number,
    "slug": lambda listing: listing.slug,
    "volumeNum": lambda listing: listing.volume_cents,
    "volume24hr": lambda listing: listing.volume_cents,
    # Text, and like Gamma's ordered as text.
    "volume": lambda listing: _cents_text(listing.volume_cents * _VOLUME_DAYS),
}


TAG_OF_FEE_TYPE = {"crypto_fees": 21, "sports_fees": 1, "finance_fees": 120, "culture_fees": 596}
"""The numbers of the tags that markets have, by their kind of fee."""

_FILTERS: dict[str, Callable[[Listing], set[str]]] = {
    "clob_token_ids": lambda listing: set(listing.asset_ids),
    "condition_ids": lambda listing: {listing.condition_id},
    "slug": lambda listing: {listing.slug},
    "tag_id": lambda listing: {str(TAG_OF_FEE_TYPE.get(listing.fee_type or "", 0))},
}


class Gamma:
    """Answers listing queries about a venue's active markets.

    Three more are listed that are no active binary markets: a client must leave them out.
    """

    def __init__(self, seed: int) -> None:
        self._flaws: dict[int, JsonObject] = {}
        self._not_trading = []
        for number, flaw in enumerate(_FLAWS, _NOT_TRADING_FROM):
            self._flaws[number] = flaw
            self._not_trading.append(MarketBook(make_listing(seed, number, number), 0))

    def markets(
        self,
        books: Sequence[MarketBook],
        query: dict[str, str],
        pairs: Sequence[tuple[str, str]] = (),
    ) -> JsonObject:
        """Return one page: `markets`, and `next_cursor` unless it is the last.

        Raises:
            RequestError: a parameter is refused, or has a bad value.
        """
        if "offset" in query:
            raise RequestError("offset is not supported, use after_cursor")
        closed = query.get("closed", "false")
        if closed not in ("true", "false"):
            raise RequestError("closed must be true or false")
        limit = _limit(query.get("limit", str(_DEFAULT_LIMIT)))
        order = query.get("order", "id")
        if order not in _ORDERS:
            raise RequestError(f"order must be one of {', '.join(_ORDERS)}")
        descending = query.get("ascending", "true") == "false"
        key_of = _ORDERS[order]
        found = _filtered([] if closed == "true" else [*books, *self._not_trading], pairs)
        keyed = [((key_of(book.listing), book.listing.number), book) for book in found]
        keyed.sort(key=lambda pair: pair[0], reverse=descending)
        if "after_cursor" in query:
            last = _decode_cursor(query["after_cursor"], text_key=order in ("slug", "volume"))
            keyed = [pair for pair in keyed if (pair[0] < last if descending else pair[0] > last)]
        page = keyed[:limit]
        answer: JsonObject = {
            "markets": [gamma_object(book) | self._flaws.get(book.listing.number, {}) for _, book in page]
        }
        if len(keyed) > limit:
            answer["next_cursor"] = _encode_cursor(page[-1][0])
        return answer


def gamma_object(book: MarketBook) -> JsonObject:
    """Return a market as Gamma lists it: lists as JSON-encoded text, prices as JSON numbers."""
    listing = book.listing
    volume = listing.volume_cents * _VOLUME_DAYS
    best_bid, best_ask = book.sides[0].best, PRICE_ONE - book.sides[1].best
    market: JsonObject = {
        "id": listing.gamma_id,
        "question": listing.question,
        "conditionId": listing.condition_id,
        "slug": listing.slug,
        "endDate": "2026-12-31T12:00:00Z",
        "liquidity": _cents_text(sum(sum(side.sizes) for side in book.sides) // 2),
        "startDate": "2026-01-01T16:02:37.215148Z",
        "description": f"Resolves to the outcome of: {listing.question}",
        "outcomes": _list_text(listing.outcomes),
        "outcomePrices": _list_text((PRICE_TEXT[book.fair], PRICE_TEXT[PRICE_ONE - book.fair])),
        "volume": _cents_text(volume),
        "active": True,
        "closed": False,
        "createdAt": "2026-01-01T16:00:02.318354Z",
        "updatedAt": "2026-01-01T20:47:07.984243Z",
        "archived": False,
        "restricted": True,
        "enableOrderBook": True,
        "orderPriceMinTickSize": book.tick / PRICE_ONE,
        "orderMinSize": int(ORDER_MIN_SIZE),
        "volumeNum": volume / 100,
        "volume24hr": listing.volume_cents / 100,
        "clobTokenIds": _list_text(listing.asset_ids),
        "acceptingOrders": True,
        "negRisk": listing.neg_risk,
        "spread": (best_ask - best_bid) / PRICE_ONE,
        "bestBid": best_bid / PRICE_ONE,
        "bestAsk": best_ask / PRICE_ONE,
        "umaResolutionStatuses": "[]",
        "feesEnabled": listing.fee_type is not None,
        "feeType": listing.fee_type,
        "version": "v1",
    }
    if listing.fee_schedule is not None:
        market["feeSchedule"] = listing.fee_schedule
    if book.last_trade is not None:
        market["lastTradePrice"] = book.last_trade / PRICE_ONE
    return market


def _filtered(books: list[MarketBook], pairs: Sequence[tuple[str, str]]) -> list[MarketBook]:
    """Return the books that every filter given lets through; a filter's values are alternatives."""
    for name, values_of in _FILTERS.items():
        wanted = {value for key, value in pairs if key == name}
        if wanted:
            books = [book for book in books if wanted & values_of(book.listing)]
    return books


def _cents_text(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _list_text(items: Sequence[str]) -> str:
    return jsonlib.dumps(list(items)).replace('","', '", "')


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise RequestError("limit must be a whole number from 1")
    return min(int(text), MAX_LIMIT)


def _encode_cursor(last: tuple[OrderKey, int]) -> str:
    return base64.urlsafe_b64encode(jsonlib.canonical(list(last))).decode("ascii")


def _decode_cursor(text: str, *, text_key: bool) -> tuple[OrderKey, int]:
    try:
        last = jsonlib.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        last = None
    if (
        not isinstance(last, list)
        or len(last) != 2
        or type(last[0]) is not (str if text_key else int)
        or type(last[1]) is not int
    ):
        raise RequestError("after_cursor is not a cursor of this order")
    return last[0], last[1]
