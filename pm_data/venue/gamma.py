"""The market listing: Gamma's keyset pages, largest volume first."""

import time
from dataclasses import dataclass
from typing import Any

from pm_data.errors import UnavailableError
from pm_data.venue.http import HttpClient
from pm_data.venue.selection import Query, Selection
from pm_data.venue.universe import Market

PAGE_MARKETS = 100
"""The most that Gamma lists on a page."""

_PAGES_MAX = 2000
"""Five times what the whole listing needed in March 2026."""

_LISTING_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Listing:
    """The active binary markets, largest volume first.

    Args:
        capped: whether the limit cut it, so that smaller markets are missing.
    """

    markets: list[Market]
    capped: bool


class GammaClient:
    """Lists markets. For one thread at a time."""

    def __init__(self, base_url: str) -> None:
        self._http = HttpClient(base_url)

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()

    def active_markets(self, limit: int, selection: Selection | None = None) -> Listing:
        """Return the `limit` largest active binary markets (PROTOCOL 2), of those selected.

        Raises:
            UnavailableError: Gamma gave no complete listing; one line says why.
        """
        deadline = time.monotonic() + _LISTING_SECONDS
        queries = (selection or Selection()).queries()
        if len(queries) == 1:
            return self._listing(queries[0], limit, deadline)
        markets: dict[frozenset[str], Market] = {}
        for query in queries:
            for market in self._listing(query, limit, deadline).markets:
                markets.setdefault(frozenset(market.asset_ids), market)
        ordered = sorted(markets.values(), key=lambda market: -market.volume)
        return Listing(ordered[:limit], capped=len(ordered) > limit)

    def _listing(self, filters: Query, limit: int, deadline: float) -> Listing:
        markets: dict[frozenset[str], Market] = {}
        cursors: set[str] = set()
        listed: set[str] = set()
        query = [
            *(("closed", "false"), ("limit", str(PAGE_MARKETS)), ("order", "volumeNum")),
            ("ascending", "false"),
            *filters,
        ]
        after: Query = []
        for _ in range(_PAGES_MAX):
            page, cursor = _page(self._http.get("/markets/keyset", [*query, *after], deadline))
            identities = {_identity(entry) for entry in page}
            if identities and identities <= listed:
                raise UnavailableError("Gamma sent the same page of markets twice")
            listed |= identities
            for entry in page:
                market = Market.from_gamma(entry)
                if market is not None:
                    markets.setdefault(frozenset(market.asset_ids), market)
            if len(markets) > limit or (len(markets) == limit and cursor is not None):
                return Listing(list(markets.values())[:limit], capped=True)
            if cursor is None:
                return Listing(list(markets.values()), capped=False)
            if cursor in cursors:
                raise UnavailableError("Gamma sent the same cursor twice")
            cursors.add(cursor)
            after = [("after_cursor", cursor)]
        raise UnavailableError(f"Gamma's listing did not end within {_PAGES_MAX} pages")


def _page(answer: object) -> tuple[list[Any], str | None]:
    if not isinstance(answer, dict) or not isinstance(answer.get("markets"), list):
        raise UnavailableError("Gamma's answer is no page of markets")
    cursor = answer.get("next_cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise UnavailableError("Gamma's next_cursor is no text")
    return answer["markets"], cursor or None


def _identity(entry: object) -> str:
    """Return what tells one listed market from another, whatever it is."""
    return str(entry.get("conditionId") or entry.get("id")) if isinstance(entry, dict) else repr(entry)
