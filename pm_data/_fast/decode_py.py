"""The decoder: a frame's bytes to plain operations, a total function (rules N1 to N4).

A frame decodes whole or not at all; inside a well-formed frame one bad item
does not harm the others. Message forms: PROTOCOL.md section 1.3.
"""

import re
from collections.abc import Callable
from typing import Any

from pm_data._fast.e6_py import INT64_MAX, to_e6
from pm_data._fast.json_frame import parse
from pm_data._fast.ops import MAX_PRICE_E6, MAX_SIZE_E6, BookOp, ChangeOp, Op, ResolvedOp, TickSizeOp, TradeOp
from pm_data._fast.usual_frames import UsualFrames
from pm_data.errors import BadNumberError, E6OverflowError

FRAME_CLASSES = (
    "data",
    "keepalive",
    "empty",
    "non_json",
    "bad_utf8",
    "bad_json",
    "bad_schema",
    "unknown_type",
)
"""Each frame counts as exactly one of these."""

ITEM_COUNTERS = ("bad_item", "bad_level", "bad_number", "bad_timestamp", "bad_side_list", "inexact_number")

MAX_NAMES = 64
"""Distinct names kept per table; later ones count as `(other)`, so that no stream grows a table."""

_KEEPALIVES = frozenset({"PONG", "PING"})
_VENUE_TEXTS = frozenset({"INVALID OPERATION", "NO NEW ASSETS", "ALREADY SUBSCRIBED", "SUBSCRIPTION UPDATED"})
_JSON_SPACE = " \t\r\n"
_ASSET_ID = re.compile(r"[!#-\[\]-{}~]{1,128}")  # ASCII graphic without the double quote, \ and |
_MILLISECONDS = re.compile(r"[0-9]{1,15}")
_INEXACT = re.compile(r"[0-9]*\.[0-9]{6}[0-9]*[1-9]")
_NUMBER_CACHE_SIZE = 65_536

_SIDES = {"BUY": "buy", "SELL": "sell"}

KNOWN_KEYS = {
    "book": frozenset(
        {"market", "asset_id", "timestamp", "hash", "bids", "asks", "tick_size", "event_type"}
        | {"last_trade_price"}
    ),
    "price_change": frozenset(
        {"market", "asset_id", "price_changes", "changes", "price", "size", "side", "hash"}
        | {"timestamp", "event_type", "best_bid", "best_ask"}
    ),
    "last_trade_price": frozenset(
        {"market", "asset_id", "price", "size", "fee_rate_bps", "side", "timestamp", "event_type"}
        | {"transaction_hash"}
    ),
    "tick_size_change": frozenset(
        {"market", "asset_id", "old_tick_size", "new_tick_size", "timestamp", "event_type"}
    ),
    "best_bid_ask": frozenset(
        {"market", "asset_id", "best_bid", "best_ask", "spread", "timestamp", "event_type"}
    ),
    "new_market": frozenset(
        {"id", "question", "market", "slug", "description", "assets_ids", "outcomes", "event_message"}
        | {"timestamp", "event_type", "tags", "condition_id", "active", "clob_token_ids"}
        | {"sports_market_type", "line", "game_start_time", "order_price_min_tick_size"}
        | {"group_item_title", "taker_base_fee", "fees_enabled", "fee_schedule"}
    ),
    "market_resolved": frozenset(
        {"id", "market", "assets_ids", "winning_asset_id", "winning_outcome", "event_message"}
        | {"timestamp", "event_type", "tags"}
    ),
}
_CHANGE_KEYS = frozenset({"asset_id", "price", "size", "side", "hash", "best_bid", "best_ask"})


class _SchemaError(Exception):
    """One item has a wrong type or lacks what makes it usable."""


class GeneralDecoder:
    """Decode frames one after another, counting what they were.

    `counters` holds FRAME_CLASSES and ITEM_COUNTERS; `names` holds tables of
    names seen: `types`, `unknown_types`, `unknown_keys`, `texts`; `samples` keeps the
    first frame, cut to 200 characters, of each unknown type and key.
    """

    def __init__(self) -> None:
        self.counters: dict[str, int] = dict.fromkeys(FRAME_CLASSES + ITEM_COUNTERS, 0)
        self.names: dict[str, dict[str, int]] = {
            "types": {},
            "unknown_types": {},
            "unknown_keys": {},
            "texts": {},
        }
        self.samples: dict[str, str] = {}
        self._text = ""
        self._numbers: dict[str, int | None] = {}
        self._readers: dict[str, Callable[[dict[str, Any], list[Op]], None]] = {
            "book": self._book,
            "price_change": self._price_change,
            "last_trade_price": self._trade,
            "tick_size_change": self._tick_size,
            "market_resolved": self._resolved,
            "best_bid_ask": _no_operation,
            "new_market": _no_operation,
        }

    def decode(self, payload: bytes) -> list[Op]:
        """Return the frame's operations in wire order; never raises."""
        try:
            return self._read(payload.decode("utf-8").strip(_JSON_SPACE))
        except UnicodeDecodeError:
            self.counters["bad_utf8"] += 1
        except MemoryError:  # of tens of megabytes in millions of pieces
            self.counters["bad_json"] += 1
        return []

    def _read(self, bare: str) -> list[Op]:
        ops: list[Op] = []
        self.counters[self._classify(bare, ops)] += 1
        return ops

    def _classify(self, bare: str, ops: list[Op]) -> str:
        if not bare:
            return "empty"
        if bare[0] not in "{[":
            return self._classify_text(bare)
        try:
            value = parse(bare)
        except ValueError:
            return "bad_json"
        if value == []:
            return "empty"
        self._text = bare
        return self._items(value if isinstance(value, list) else [value], ops)

    def _classify_text(self, bare: str) -> str:
        if bare in _KEEPALIVES:
            self._count_name("texts", bare)
            return "keepalive"
        if bare[0] == "\ufeff":
            return "bad_json"
        self._count_name("texts", bare if bare in _VENUE_TEXTS else "(other)")
        return "non_json"

    def _items(self, items: list[Any], ops: list[Op]) -> str:
        good = unknown = 0
        for item in items:
            try:
                if not isinstance(item, dict):
                    self.counters["bad_item"] += 1
                elif self._item(item, ops):
                    good += 1
                else:
                    unknown += 1
            except _SchemaError:
                self.counters["bad_item"] += 1
        if good:
            return "data"
        return "unknown_type" if unknown == len(items) else "bad_schema"

    def _item(self, item: dict[str, Any], ops: list[Op]) -> bool:
        """Read one message; False when its type is unknown."""
        kind = item.get("event_type")
        if kind is None and ("bids" in item or "asks" in item) and "asset_id" in item:
            kind = "book"
        if type(kind) is not str:
            raise _SchemaError
        reader = self._readers.get(kind)
        if reader is None:
            self._count_name("unknown_types", kind)
            self._sample(f"type {kind}")
            return False
        reader(item, ops)
        self._count_name("types", kind)
        self._count_keys(item.keys() - KNOWN_KEYS[kind])
        return True

    def _book(self, item: dict[str, Any], ops: list[Op]) -> None:
        asset_id = _asset_id(item.get("asset_id"))
        bids, asks = self._levels(item.get("bids")), self._levels(item.get("asks"))
        if bids is None and asks is None:
            raise _SchemaError
        ops.append(
            BookOp(
                asset_id,
                _market(item),
                self._timestamp(item),
                bids or [],
                asks or [],
                self._price(item.get("tick_size")),
                self._price(item.get("last_trade_price")),
                _as_sent(item.get("hash")),
            )
        )

    def _levels(self, value: object) -> list[tuple[int, int]] | None:
        """Return the usable levels of one side in wire order; None when the side is no list."""
        if not isinstance(value, list):
            self.counters["bad_side_list"] += 1
            return None
        levels = []
        for level in value:
            if isinstance(level, dict):
                pair = self._level(level.get("price"), level.get("size"))
                if pair is not None:
                    levels.append(pair)
            else:
                self.counters["bad_level"] += 1
        return levels

    def _level(self, price: object, size: object) -> tuple[int, int] | None:
        """Return a level within the venue's range, or count why not."""
        if not isinstance(price, str) or not isinstance(size, str) or not price or not size:
            self.counters["bad_level"] += 1
            return None
        price_e6, size_e6 = self._number(price), self._number(size)
        if price_e6 is None or size_e6 is None:
            self.counters["bad_number"] += 1
            return None
        if not 0 < price_e6 <= MAX_PRICE_E6 or size_e6 > MAX_SIZE_E6:
            self.counters["bad_level"] += 1
            return None
        return price_e6, size_e6

    def _price_change(self, item: dict[str, Any], ops: list[Op]) -> None:
        if "price_changes" in item:
            changes, outer = item["price_changes"], None
        elif "changes" in item:
            changes, outer = item["changes"], _asset_id(item.get("asset_id"))
        else:
            changes, outer = [item], _asset_id(item.get("asset_id"))
        if not isinstance(changes, list):
            raise _SchemaError
        market, ts_event = _market(item), self._timestamp(item)
        bad = 0
        for change in changes:
            try:
                self._change(change, outer, market, ts_event, ops)
            except _SchemaError:
                bad += 1
            else:
                if change is not item:
                    self._count_keys(change.keys() - _CHANGE_KEYS)
        if bad and bad == len(changes):
            raise _SchemaError
        self.counters["bad_item"] += bad

    def _change(
        self, change: Any, outer: str | None, market: str | None, ts_event: int | None, ops: list[Op]
    ) -> None:
        if not isinstance(change, dict):
            raise _SchemaError
        asset_id = outer if outer is not None else _asset_id(change.get("asset_id"))
        side = change.get("side")
        if type(side) is not str or side not in _SIDES:
            raise _SchemaError
        pair = self._level(change.get("price"), change.get("size"))
        if pair is not None:
            # The older forms hash another text, which says nothing here.
            oracles = change if outer is None else {}
            ops.append(
                ChangeOp(
                    asset_id,
                    market,
                    ts_event,
                    side == "BUY",
                    *pair,
                    _as_sent(oracles.get("hash")),
                    _as_sent(oracles.get("best_bid")),
                    _as_sent(oracles.get("best_ask")),
                )
            )

    def _trade(self, item: dict[str, Any], ops: list[Op]) -> None:
        asset_id = _asset_id(item.get("asset_id"))
        side = item.get("side")
        size = item.get("size")
        absent = size is None or size == ""
        pair = self._level(item.get("price"), "0" if absent else size)
        ts_event = self._timestamp(item)
        if pair is not None:
            taker = _SIDES.get(side) if type(side) is str else None
            ops.append(
                TradeOp(asset_id, _market(item), ts_event, taker, pair[0], None if absent else pair[1])
            )

    def _tick_size(self, item: dict[str, Any], ops: list[Op]) -> None:
        asset_id = _asset_id(item.get("asset_id"))
        tick_size_e6 = self._price(item.get("new_tick_size"))
        if tick_size_e6 is None:
            raise _SchemaError
        ops.append(TickSizeOp(asset_id, _market(item), self._timestamp(item), tick_size_e6))

    def _resolved(self, item: dict[str, Any], ops: list[Op]) -> None:
        listed = item.get("assets_ids")
        if not isinstance(listed, list) or not listed:
            raise _SchemaError
        asset_ids = tuple(_asset_id(value) for value in listed)
        winner = item.get("winning_asset_id")
        if winner in asset_ids:
            payouts = tuple("1" if asset_id == winner else "0" for asset_id in asset_ids)
        else:
            payouts = ("unknown",) * len(asset_ids)
        ops.append(ResolvedOp(asset_ids, _market(item), self._timestamp(item), payouts))

    def _timestamp(self, item: dict[str, Any]) -> int | None:
        """Return exchange milliseconds as ns; anything odd is counted and None."""
        value = item.get("timestamp")
        if isinstance(value, str) and _MILLISECONDS.fullmatch(value):
            ts_event = int(value) * 1_000_000
            if ts_event <= INT64_MAX:
                return ts_event
        self.counters["bad_timestamp"] += 1
        return None

    def _price(self, value: object) -> int | None:
        """Return an optional price; absent, empty or out of range is None."""
        if not isinstance(value, str) or not value:
            return None
        price_e6 = self._number(value)
        return price_e6 if price_e6 is not None and 0 < price_e6 <= MAX_PRICE_E6 else None

    def _number(self, text: str) -> int | None:
        """Return plain decimal text in e6; None when it is no such text, or past 64 bits."""
        numbers = self._numbers
        if text in numbers:
            return numbers[text]
        try:
            value: int | None = to_e6(text)
        except BadNumberError:
            value = None
        except E6OverflowError:
            value = INT64_MAX  # a number, and out of every range
        if value is not None and _INEXACT.fullmatch(text):
            self.counters["inexact_number"] += 1
            return value  # not kept, so that each one is counted
        if len(numbers) >= _NUMBER_CACHE_SIZE:
            numbers.clear()
        numbers[text] = value
        return value

    def _count_keys(self, unknown: set[str]) -> None:
        for key in sorted(unknown):
            self._count_name("unknown_keys", key)
            self._sample(f"key {key}")

    def _count_name(self, table: str, name: str) -> None:
        counts = self.names[table]
        name = _encodable(name[:64])
        if name not in counts and len(counts) >= MAX_NAMES:
            name = "(other)"
        counts[name] = counts.get(name, 0) + 1

    def _sample(self, name: str) -> None:
        if len(self.samples) < 2 * MAX_NAMES:
            self.samples.setdefault(_encodable(name[:80]), _encodable(self._text[:200]))


class Decoder(GeneralDecoder):
    """The general decoder, faster: with a short cut for usual frames in front, and the same results."""

    def __init__(self) -> None:
        super().__init__()
        self._usual = UsualFrames(self.names["types"])

    def _read(self, bare: str) -> list[Op]:
        ops = self._usual.read(bare)
        if ops is None:
            return super()._read(bare)
        self.counters["data"] += 1
        return ops


def _encodable(text: str) -> str:
    # JSON may escape half of a surrogate pair; such text could not be printed.
    return text.encode("utf-8", "replace").decode("utf-8")


def _no_operation(_item: dict[str, Any], _ops: list[Op]) -> None:
    """Known to the venue client, without meaning for a book."""


def _asset_id(value: object) -> str:
    if type(value) is not str or not _ASSET_ID.fullmatch(value):
        raise _SchemaError
    return value


def _market(item: dict[str, Any]) -> str | None:
    market = item.get("market")
    return market if type(market) is str else None


def _as_sent(value: object) -> str | None:
    return value if isinstance(value, str) else None
