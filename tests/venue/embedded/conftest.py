"""A client's own view of the feed, built from the messages alone."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from pm_data.bookhash import book_hash

TICKS = ("0.01", "0.001")
LAST_TRADES = ("", *(f"{thousandths / 1000:.3f}" for thousandths in range(1001)))


class Token:
    """One token's book as the messages make it, and the run of one (timestamp, hash) it is in."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.run: tuple[str, str] | None = None
        self.best: tuple[str, str] | None = None

    def sides(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids = sorted(self.bids.items(), key=lambda level: float(level[0]))
        asks = sorted(self.asks.items(), key=lambda level: float(level[0]), reverse=True)
        return bids, asks

    def top(self) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
        bids, asks = self.sides()
        return bids[-1] if bids else None, asks[-1] if asks else None


class Oracle:
    """Rebuilds every book and holds it against hashes, best prices and the mirror leg.

    A hash that fails with what was announced is tried with every trade price and
    tick: both enter the hash before they are announced. What then verifies is
    remembered, and must be announced later.
    """

    def __init__(self, neg_risk: dict[str, bool]) -> None:
        self.neg_risk = neg_risk
        self.tokens: dict[str, Token] = {}
        self.pair: dict[str, tuple[str, str]] = {}
        self.last_trade: dict[str, str] = {}
        self.tick: dict[str, str] = {}
        self.foreseen: dict[str, list[str]] = {}
        self.announced: dict[str, list[str]] = {}
        self.kinds: Counter[str] = Counter()
        self.verified = 0
        self.top_changes = 0
        self.widest: dict[str, float] = {}
        self.frames = 0
        self.bytes = 0

    def read(self, payloads: Iterable[bytes]) -> "Oracle":
        for payload in payloads:
            self.frames += 1
            self.bytes += len(payload)
            parsed = json.loads(payload)
            for message in parsed if isinstance(parsed, list) else [parsed]:
                self.kinds[message["event_type"]] += 1
                getattr(self, "on_" + message["event_type"])(message)
        cut = message["market"]  # the last frame may stand in the middle of a burst
        for asset_id, token in self.tokens.items():
            if token.market != cut:
                self.judge(asset_id)
        for market in self.pair:
            self.check_mirror(market)
        return self

    def on_book(self, message: dict[str, Any]) -> None:
        market, asset_id = message["market"], message["asset_id"]
        token = self.tokens.setdefault(asset_id, Token(market))
        before = token.top()
        opening = "tick_size" in message
        if opening:
            self.tick[market] = message["tick_size"]
            self.last_trade[market] = message["last_trade_price"]
            self.pair[market] = (*self.pair.get(market, ()), asset_id)[:2]
        else:
            assert token.run == (message["timestamp"], message["hash"]), "a later book repeats its change"
        token.bids = {level["price"]: level["size"] for level in message["bids"]}
        token.asks = {level["price"]: level["size"] for level in message["asks"]}
        bids, asks = token.sides()
        assert [level["price"] for level in message["bids"]] == [price for price, _ in bids]
        assert [level["price"] for level in message["asks"]] == [price for price, _ in asks]
        assert opening or token.top() == before, "a later book changes nothing"
        token.run = (message["timestamp"], message["hash"])
        token.best = None
        self.judge(asset_id)

    def on_price_change(self, message: dict[str, Any]) -> None:
        touched = {}
        for entry in message["price_changes"]:
            asset_id = entry["asset_id"]
            token = self.tokens[asset_id]
            run = (message["timestamp"], entry["hash"])
            if token.run != run:
                self.judge(asset_id)
                token.run = run
            touched.setdefault(asset_id, token.top())
            side = token.bids if entry["side"] == "BUY" else token.asks
            if entry["size"] == "0":
                side.pop(entry["price"], None)
            else:
                side[entry["price"]] = entry["size"]
            token.best = (entry["best_bid"], entry["best_ask"])
        assert len(touched) == 2, "both legs"
        self.top_changes += sum(self.tokens[asset_id].top() != top for asset_id, top in touched.items())
        if message["market"] in self.pair and self.kinds["price_change"] % 10 == 0:
            self.check_mirror(message["market"])

    def on_last_trade_price(self, message: dict[str, Any]) -> None:
        self.announced.setdefault(message["market"], []).append(f"{float(message['price']):.3f}")

    def on_tick_size_change(self, message: dict[str, Any]) -> None:
        # The hash of the change before it told already.
        self.judge(message["asset_id"])
        assert self.tick[message["market"]] == message["new_tick_size"]

    def on_new_market(self, message: dict[str, Any]) -> None:
        assert message["active"] is True

    def on_market_resolved(self, message: dict[str, Any]) -> None:
        for asset_id in message["assets_ids"]:
            self.judge(asset_id)
            assert self.tokens[asset_id].top() == (None, None), "levels are zeroed first"

    def judge(self, asset_id: str) -> None:
        """Check a token at the end of its run."""
        token = self.tokens[asset_id]
        if token.run is None:
            return
        timestamp, value = token.run
        bids, asks = token.sides()
        if token.best is not None:
            assert token.best == (bids[-1][0] if bids else "0", asks[-1][0] if asks else "1")
        market = token.market

        def computed(tick: str, last_trade: str) -> str:
            neg_risk = self.neg_risk[market]
            return book_hash(market, asset_id, timestamp, bids, asks, "5", tick, neg_risk, last_trade)

        if computed(self.tick[market], self.last_trade[market]) != value:
            tick, last_trade = next(
                (tick, last_trade)
                for tick in TICKS
                for last_trade in LAST_TRADES
                if computed(tick, last_trade) == value
            )
            if last_trade != self.last_trade[market]:
                self.foreseen.setdefault(market, []).append(last_trade)
            self.tick[market], self.last_trade[market] = tick, last_trade
        self.verified += 1
        if bids and asks:
            spread = float(asks[-1][0]) - float(bids[-1][0])
            assert spread > 0, "crossed"
            self.widest[asset_id] = max(self.widest.get(asset_id, 0.0), spread)

    def check_mirror(self, market: str) -> None:
        yes, no = (self.tokens[asset_id] for asset_id in self.pair[market])
        for mine, other in ((yes.bids, no.asks), (yes.asks, no.bids)):
            mirrored = {1000 - round(float(price) * 1000): size for price, size in other.items()}
            assert {round(float(price) * 1000): size for price, size in mine.items()} == mirrored


@pytest.fixture(scope="session")
def oracle() -> type[Oracle]:
    """Return the class of the client's own view."""
    return Oracle
