"""How the universe is followed: the cap's edge, the grace of what left, news, listings that fail."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from scripted_venue import make_markets, quick_config

from pm_data.errors import UnavailableError
from pm_data.venue.churn import Change, pair
from pm_data.venue.scan import Seen
from pm_data.venue.universe import Market
from pm_data.venue.universe_watch import UniverseWatch

Listings = list[list[Market] | None]


class Universe:
    """Markets that a watch changes, and the listings that it is given: the last one again and again."""

    def __init__(self, markets: list[Market], listings: Listings, **settings: Any) -> None:
        self.markets = markets
        self.listings = listings
        self.asked = 0
        self.changes: list[Change] = []
        self.events: list[dict[str, Any]] = []
        config = quick_config(
            "ws://127.0.0.1:9", **{"capture_universe_refresh_interval_seconds": 0.05} | settings
        )
        self.watch = UniverseWatch(
            config,
            self.find,
            lambda: self.markets,
            self.apply,
            lambda _kind, fields: self.events.append(fields),
        )

    def find(self) -> list[Market]:
        listing = self.listings[min(self.asked, len(self.listings) - 1)]
        self.asked += 1
        if listing is None:
            raise UnavailableError("Gamma is away")
        return listing

    def apply(self, change: Change) -> None:
        self.changes.append(change)
        gone = set(map(pair, change.removed))
        self.markets = [market for market in self.markets if pair(market) not in gone] + change.added

    def follow(self, until: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
        async def work() -> None:
            task = asyncio.get_running_loop().create_task(self.watch.run())
            meanwhile()
            async with asyncio.timeout(10):
                while not until():
                    assert not task.done(), task.result()
                    await asyncio.sleep(0.005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(work())


def news(event_type: str, market: Market) -> bytes:
    return json.dumps({"assets_ids": list(market.asset_ids), "event_type": event_type}).encode()


def test_market_at_the_edge_of_the_cap_is_not_swapped() -> None:
    first, second, third, fourth = make_markets(4)
    universe = Universe(
        [first, second],
        [[first, third, second, fourth], [third, fourth, first, second]],
        capture_max_markets=2,
    )
    universe.follow(lambda: universe.asked >= 4)
    assert universe.markets == [first, second]
    assert universe.events[0]["capped"] is True


def test_room_under_the_cap_is_filled_with_the_largest() -> None:
    first, second, third, fourth = make_markets(4)
    universe = Universe([first, second], [[third, first, fourth]], capture_max_markets=2)
    universe.follow(lambda: bool(universe.changes))
    assert universe.changes[0] == Change([third], [second], [])


def test_market_that_left_the_listing_has_its_grace() -> None:
    first, second, third = make_markets(3)
    universe = Universe([first, second, third], [[first, second]], capture_universe_grace_seconds=0.3)
    universe.follow(lambda: any(event["removed"] for event in universe.events))
    assert universe.asked >= 4
    assert universe.events[0]["absent"] == 1
    assert universe.markets == [first, second]


def test_market_that_comes_back_within_its_grace_was_never_gone() -> None:
    first, second = make_markets(2)
    universe = Universe([first, second], [[first], [first, second]], capture_universe_grace_seconds=0.2)
    universe.follow(lambda: universe.asked >= 10)
    assert all(change == Change() for change in universe.changes)


def test_resolved_market_leaves_at_once_and_a_lagging_listing_does_not_bring_it_back() -> None:
    first, second, third = make_markets(3)
    universe = Universe([first, second, third], [[first, second, third]], capture_universe_grace_seconds=60.0)
    message = news("market_resolved", second)

    def hear() -> None:
        for _ in range(3):  # from every connection
            universe.watch.hear(Seen.RESOLVED, message)

    universe.follow(lambda: universe.asked >= 3, hear)
    assert universe.markets == [first, third]
    assert [event["removed"] for event in universe.events if event["cause"] == "market_resolved"] == [1]


def test_news_of_a_market_brings_the_listing_forward_where_there_is_room() -> None:
    first, second = make_markets(2)
    interval = {"capture_universe_refresh_interval_seconds": 3.0}
    universe = Universe([first], [[first, second]], **interval)
    universe.follow(
        lambda: bool(universe.changes),
        lambda: universe.watch.hear(Seen.NEW_MARKET, news("new_market", second)),
    )
    assert universe.events[0]["cause"] == "new_market"
    assert universe.markets == [first, second]
    full = Universe([first], [[first, second]], capture_max_markets=1, **interval)
    full.watch.hear(Seen.NEW_MARKET, news("new_market", second))
    assert not full.watch._news.is_set()


def test_news_that_is_none_is_passed_over() -> None:
    universe = Universe(make_markets(1), [[]])
    for payload in (
        b"",
        b"[]",
        b'{"assets_ids":7}',
        b'{"assets_ids":[7]}',
        b"\xff",
        b'{"event_type":"new_market"}',
    ):
        universe.watch.hear(Seen.NEW_MARKET, payload)
        universe.watch.hear(Seen.RESOLVED, payload)
    assert not universe.watch._news.is_set()


def test_listings_that_fail_or_lack_too_much_are_asked_for_less_often() -> None:
    markets = make_markets(4)
    universe = Universe(
        markets, [None, [], markets[:1], None], capture_universe_refresh_interval_seconds=0.02
    )
    loop_times: list[float] = []

    def until() -> bool:
        if len(loop_times) < universe.asked:
            loop_times.append(asyncio.get_running_loop().time())
        return universe.asked >= 5

    universe.follow(until)
    assert universe.markets == markets
    assert [event["ok"] for event in universe.events][:4] == [False] * 4
    assert loop_times[4] - loop_times[3] >= 0.02 * 8 * 0.9
