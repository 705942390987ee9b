"""Follows the universe during a run: the listing again and again, and the venue's news in between."""

import asyncio
from collections.abc import Callable, Iterable

from pm_data import clock, jsonlib
from pm_data.config import Config
from pm_data.errors import PmDataError
from pm_data.jsonlib import JsonObject
from pm_data.venue import churn
from pm_data.venue.offload import in_own_thread
from pm_data.venue.scan import Seen
from pm_data.venue.universe import Market

_MOST_BACKOFF = 8
"""A listing that cannot be had or believed is asked for up to this many intervals later."""

_NEWS_PART = 6
"""News of a market brings a listing forward, to a sixth of the interval after the last one."""

_REMEMBERED = 10_000

Pair = frozenset[str]


class UniverseWatch:
    """Turns listings and news into changes.

    Args:
        find_markets: lists the universe anew, called in a thread of its own; may raise PmDataError.
        current: returns the markets that are captured now.
        apply: takes a change.
        on_event: gets a `universe_refresh` for each listing and each change.
    """

    def __init__(
        self,
        config: Config,
        find_markets: Callable[[], list[Market]],
        current: Callable[[], list[Market]],
        apply: Callable[[churn.Change], None],
        on_event: Callable[[str, JsonObject], None],
    ) -> None:
        self._interval_seconds = config.capture_universe_refresh_interval_seconds
        self._grace_ns = int(config.capture_universe_grace_seconds * 1e9)
        self._cap = config.capture_max_markets
        self._find_markets = find_markets
        self._current = current
        self._apply = apply
        self._on_event = on_event
        self._news = asyncio.Event()
        self._heard: dict[tuple[Seen, Pair], None] = {}
        self._announced = False
        self._resolved: set[Pair] = set()
        self._absent_since_ns: dict[Pair, int] = {}

    def hear(self, seen: Seen, payload: bytes) -> None:
        """Take a `new_market` or `market_resolved` message, which every connection may bring."""
        try:
            pair = _pair(jsonlib.loads(payload))
        except ValueError:
            return
        if not pair or (seen, pair) in self._heard:
            return
        self._heard[seen, pair] = None
        if len(self._heard) > _REMEMBERED:
            del self._heard[next(iter(self._heard))]
        if seen is Seen.RESOLVED:
            self._resolved.add(pair)
        elif len(self._current()) < self._cap:
            self._announced = True
        else:
            return  # a market without volume has no place in a universe that is full
        self._news.set()

    async def run(self) -> None:
        """Follow the universe until cancelled."""
        loop = asyncio.get_running_loop()
        failures = 0
        listed_at = loop.time()
        while True:
            due = listed_at + self._interval_seconds * min(2**failures, _MOST_BACKOFF)
            if self._announced and not failures:
                due = min(due, listed_at + self._interval_seconds / _NEWS_PART)
            await self._news_within(due - loop.time())
            self._take_resolved()
            if loop.time() >= due:
                cause = "new_market" if self._announced else "interval"
                self._announced = False
                failures = 0 if await self._list(cause) else failures + 1
                listed_at = loop.time()

    async def _news_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def _list(self, cause: str) -> bool:
        asked_ns = clock.mono_ns()
        try:
            listed = await in_own_thread(self._find_markets, "venue-refresh")
        except PmDataError as error:
            outcome: JsonObject = {"ok": False, "error": str(error)}
        else:
            outcome = self._take_listing(listed)
        outcome |= {"cause": cause, "elapsed_ms": (clock.mono_ns() - asked_ns) // 1_000_000}
        self._on_event("universe_refresh", outcome)
        return bool(outcome["ok"])

    def _take_listing(self, listed: list[Market]) -> JsonObject:
        current = self._current()
        change = churn.compare(current, listed)
        error = churn.implausible(len(current), change)
        if error is not None:
            return {"ok": False, "error": error}
        change = self._with_grace(current, change, {churn.pair(market) for market in listed[: self._cap]})
        self._apply(change)
        return {
            "ok": True,
            "markets": len(listed),
            "capped": len(listed) > self._cap,
            "added": len(change.added),
            "removed": len(change.removed),
            "restated": len(change.restated),
            "absent": len(self._absent_since_ns),
        }

    def _with_grace(self, current: list[Market], change: churn.Change, within_cap: set[Pair]) -> churn.Change:
        """Keep for a while what has left the listing, and let in only what the cap has room for."""
        now_ns = clock.mono_ns()
        absent = {churn.pair(market): market for market in change.removed}
        since = {pair: self._absent_since_ns.get(pair, now_ns) for pair in absent}
        removed = [market for pair, market in absent.items() if now_ns - since[pair] >= self._grace_ns]
        gone = {churn.pair(market) for market in removed}
        self._absent_since_ns = {pair: stamp for pair, stamp in since.items() if pair not in gone}
        room = max(self._cap - (len(current) - len(removed)), 0)
        added = [market for market in change.added if churn.pair(market) in within_cap]
        added = [market for market in added if churn.pair(market) not in self._settled()]
        return churn.Change(added[:room], removed, change.restated)

    def _settled(self) -> set[Pair]:
        """Return the markets that were resolved: a listing that lags must not bring them back."""
        return {pair for seen, pair in self._heard if seen is Seen.RESOLVED}

    def _take_resolved(self) -> None:
        resolved, self._resolved = self._resolved, set()
        removed = [market for market in self._current() if churn.pair(market) in resolved]
        if not removed:
            return
        for market in removed:
            self._absent_since_ns.pop(churn.pair(market), None)
        self._apply(churn.Change(removed=removed))
        self._on_event(
            "universe_refresh", {"ok": True, "cause": "market_resolved", "removed": len(removed), "added": 0}
        )


def _pair(message: object) -> Pair:
    asset_ids: Iterable[object] = ()
    if isinstance(message, dict) and isinstance(message.get("assets_ids"), list):
        asset_ids = message["assets_ids"]
    return frozenset(asset_id for asset_id in asset_ids if isinstance(asset_id, str))
