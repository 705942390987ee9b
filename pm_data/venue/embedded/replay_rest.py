"""The listing and the REST books of a recorded run."""

from pm_data import jsonlib
from pm_data.jsonlib import JsonObject
from pm_data.venue.embedded.http_head import Head
from pm_data.venue.embedded.replay import Replay

_PAGE_MARKETS = 100
Answer = tuple[int, bytes]


class ReplayRest:
    """Answers what a capture asks: `/markets/keyset` and `/books`."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def answer(self, head: Head, body: bytes) -> Answer:
        """Return status and JSON body."""
        if (head.method, head.path) == ("GET", "/markets/keyset"):
            return self._markets(head)
        if (head.method, head.path) == ("POST", "/books"):
            return self._books(body)
        return _json(404, {"error": "not found"})

    def _markets(self, head: Head) -> Answer:
        cursor = head.query.get("after_cursor", "0")
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 9):
            return _json(400, {"error": "after_cursor is not a cursor"})
        start = int(cursor)
        markets = self._replay.markets()
        page: JsonObject = {"markets": [_listed(market) for market in markets[start : start + _PAGE_MARKETS]]}
        if len(markets) > start + _PAGE_MARKETS:
            page["next_cursor"] = str(start + _PAGE_MARKETS)
        return _json(200, page)

    def _books(self, body: bytes) -> Answer:
        try:
            wanted = [item["token_id"] for item in jsonlib.loads(body)]
        except (ValueError, TypeError, KeyError):
            return _json(400, {"error": 'the body must be a list of {"token_id": text}'})
        books = [self._replay.book(str(asset_id)) for asset_id in wanted]
        return _json(200, [book for book in books if book is not None])


def _listed(market: JsonObject) -> JsonObject:
    """Return recorded metadata as Gamma lists a market: lists as text, prices as numbers."""
    listed: JsonObject = {
        "conditionId": market["condition_id"],
        "slug": market.get("slug"),
        "question": market.get("question"),
        "clobTokenIds": jsonlib.dumps(market["asset_ids"]),
        "outcomes": jsonlib.dumps(market.get("outcomes")),
        "orderPriceMinTickSize": market.get("tick_size"),
        "orderMinSize": market.get("order_min_size"),
        "negRisk": market.get("neg_risk"),
        "feesEnabled": market.get("fees_enabled"),
        "active": True,
        "closed": False,
        "archived": False,
        "enableOrderBook": True,
        "acceptingOrders": True,
    }
    if market.get("fee_schedule") is not None:
        listed["feeSchedule"] = market["fee_schedule"]
    return listed


def _json(status: int, value: object) -> Answer:
    return status, jsonlib.dumps(value).encode()
