"""Write the golden bundle of the format's present version: `python tools/make_golden.py DIRECTORY`.

Run once for each version of the format: what it wrote then stays as it is and is
read for ever (tests/bundle/test_golden.py). Nothing in it depends on the machine
or the time. It holds every kind of record: a reconnect with its gap, dropped
frames, a handover, a marked book, a binary frame, a control type that no reader
knows, and a market that resolves.
"""

import json
import sys
from pathlib import Path

from pm_data.bookhash import book_hash
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import CLOSED, Manifest, Totals, write_manifest
from pm_data.bundle.writer import ShardWriter
from pm_data.frame import FLAG_MARKED, Control, Kind, Record, control_flags, control_payload
from pm_data.jsonlib import JsonObject

FIRST_MONO_NS = 5_000_000_000
WALL_MINUS_MONO_NS = 1_790_000_000_000_000_000
UNKNOWN_CONTROL = 200

Side = list[tuple[str, str]]
YES_BIDS: Side = [("0.4", "120"), ("0.45", "35.5")]
YES_ASKS: Side = [("0.55", "80"), ("0.5", "21006452.23")]
NO_BIDS: Side = [("0.45", "80"), ("0.5", "21006452.23")]
NO_ASKS: Side = [("0.6", "120"), ("0.55", "35.5")]


def market(letter: str, asset_ids: list[str], tick_size: str, fees: JsonObject | None) -> JsonObject:
    """Return a made-up market's metadata."""
    return {
        "condition_id": f"0x{letter * 64}",
        "slug": f"golden-{letter}",
        "question": f"Will {letter} be read for ever? ✓",
        "asset_ids": asset_ids,
        "outcomes": ["Yes", "No"],
        "tick_size": tick_size,
        "order_min_size": "5",
        "neg_risk": fees is not None,
        "fees_enabled": fees is not None,
        "fee_schedule": fees,
    }


A = market("a", ["1001", "1002"], "0.01", None)
B = market("b", ["2001", "2002"], "0.001", {"exponent": "1", "rate": "0.07", "takerOnly": True})


def book(of: JsonObject, leg: int, at_ms: int, bids: Side, asks: Side, last_trade: str = "") -> JsonObject:
    """Return a book message whose hash is right."""
    name = (of["condition_id"], of["asset_ids"][leg], str(at_ms))
    rules = (of["order_min_size"], of["tick_size"], of["neg_risk"], last_trade)
    return {
        "market": name[0],
        "asset_id": name[1],
        "timestamp": name[2],
        "hash": book_hash(*name, bids, asks, *rules),
        "bids": [{"price": price, "size": size} for price, size in bids],
        "asks": [{"price": price, "size": size} for price, size in asks],
        "event_type": "book",
    }


def books(of: JsonObject, at_ms: int, last_trade: str = "") -> list[JsonObject]:
    """Return the books of both tokens."""
    return [
        book(of, 0, at_ms, YES_BIDS, YES_ASKS, last_trade),
        book(of, 1, at_ms, NO_BIDS, NO_ASKS, last_trade),
    ]


def bid_change(of: JsonObject, at_ms: int, size: str) -> JsonObject:
    """Return the price change that makes the best bid of the first token this large."""
    after = (
        book(of, 0, at_ms, [YES_BIDS[0], ("0.45", size)], YES_ASKS),
        book(of, 1, at_ms, NO_BIDS, [NO_ASKS[0], ("0.55", size)]),
    )
    legs = (("0.45", "BUY", "0.45", "0.5"), ("0.55", "SELL", "0.5", "0.55"))
    changes = [
        {
            "asset_id": full["asset_id"],
            "price": price,
            "size": size,
            "side": side,
            "hash": full["hash"],
            "best_bid": bid,
            "best_ask": ask,
        }
        for full, (price, side, bid, ask) in zip(after, legs, strict=True)
    ]
    return {
        "market": of["condition_id"],
        "price_changes": changes,
        "timestamp": str(at_ms),
        "event_type": "price_change",
    }


class Stream:
    """The records of two shards, in the order in which they happen, 1 ms apart."""

    def __init__(self) -> None:
        self.shards: list[list[Record]] = [[], []]
        self._mono_ns = FIRST_MONO_NS

    def add(self, shard: int, kind: Kind, control: int, flags: int, conn: int, payload: bytes) -> None:
        """Append a record."""
        records = self.shards[shard]
        stamps = (self._mono_ns, self._mono_ns + WALL_MINUS_MONO_NS)
        records.append(Record(shard, len(records), kind, control, flags, conn, *stamps, payload))
        self._mono_ns += 1_000_000

    def control(self, shard: int, control: Control, conn: int, **fields: object) -> None:
        """Append a control record."""
        self.add(shard, Kind.CONTROL, control, control_flags(control), conn, control_payload(fields))

    def text(self, shard: int, conn: int, message: object, flags: int = 0) -> None:
        """Append a text frame: a message as compact JSON, a list with the line end of the venue."""
        text = json.dumps(message, separators=(",", ":")) + ("\n" if isinstance(message, list) else "")
        self.add(shard, Kind.TEXT, 0, flags, conn, text.encode())


def golden_stream() -> Stream:
    """Return the stream that the golden bundle holds."""
    of_a, of_b = list(A["asset_ids"]), list(B["asset_ids"])
    url = "ws://127.0.0.1:8001/ws/market"
    stream = Stream()
    for shard, each in enumerate((A, B)):
        stream.control(shard, Control.UNIVERSE, 0, markets=[each], removed=[])
        stream.control(shard, Control.OPENED, shard + 1, url=url, attempt=1)
        stream.control(shard, Control.SUBSCRIBED, shard + 1, tokens=each["asset_ids"], reason="initial")
    stream.text(0, 1, books(A, 1_790_000_004_900))
    stream.text(1, 2, books(B, 1_790_000_004_950), FLAG_MARKED)
    stream.text(0, 1, bid_change(A, 1_790_000_005_008, "36"))
    stream.add(0, Kind.TEXT, 0, 0, 1, b"PONG")
    stream.control(0, Control.CLOSED, 1, code=1006, reason="", cause="network")
    gap = {"frames": 0, "bytes": 0, "first_mono_ns": None, "last_mono_ns": None}
    stream.control(0, Control.GAP, 1, cause="closed", tokens=of_a, **gap)
    stream.text(1, 2, bid_change(B, 1_790_000_005_012, "0.000001"))
    stream.control(0, Control.OPENED, 3, url=url, attempt=2)
    stream.control(0, Control.SUBSCRIBED, 3, tokens=of_a, reason="reconnect")
    stream.text(0, 3, books(A, 1_790_000_005_014))
    dropped = {"frames": 2, "bytes": 1210, "first_mono_ns": 5_015_200_000, "last_mono_ns": 5_015_500_000}
    stream.control(1, Control.GAP, 2, cause="drop", tokens=of_b, **dropped)
    stream.text(1, 2, books(B, 1_790_000_005_016)[0])
    stream.control(1, Control.OPENED, 4, url=url, attempt=1)
    stream.control(1, Control.SUBSCRIBED, 4, tokens=of_b[1:], reason="refresh")
    stream.control(1, Control.HANDOVER, 4, tokens=of_b[1:])
    stream.text(1, 4, books(B, 1_790_000_005_019)[1])
    stream.add(1, Kind.BINARY, 0, 0, 4, b"\xff\x00\xf7PMR")
    stream.add(1, Kind.CONTROL, UNKNOWN_CONTROL, 0, 0, b'{"of":"a later version"}')
    stream.control(1, Control.UNSUBSCRIBED, 2, tokens=of_b[:1], reason="refresh")
    resolved = {
        "id": "77",
        "market": A["condition_id"],
        "assets_ids": of_a,
        "winning_asset_id": of_a[0],
        "winning_outcome": "Yes",
        "event_message": None,
        "timestamp": "1790000005024",
        "event_type": "market_resolved",
        "tags": [],
    }
    stream.text(0, 3, resolved)
    for shard in (0, 1):
        stream.control(shard, Control.END, 0, reason="duration")
    return stream


def write_golden(directory: Path) -> RunDir:
    """Write the golden bundle into a directory that is not there yet."""
    run = RunDir(directory)
    run.capture.mkdir(parents=True)
    seals = []
    received = 2
    for shard, records in enumerate(golden_stream().shards):
        writer = ShardWriter(run, shard)
        writer.append(records)
        writer.close()
        seals.append(writer.seal())
        received += sum(record.kind != Kind.CONTROL for record in records)
    manifest = Manifest(
        run_id="golden",
        created_wall_ns_utc=FIRST_MONO_NS + WALL_MINUS_MONO_NS,
        status=CLOSED,
        source="online",
        package_version="0.1.0",
        core="pure",
        python="3.11.0",
        platform="none",
        config={"ws_shards": {"value": 2, "origin": "flag"}},
        markets=[A, B],
        shards=seals,
        totals=Totals(received=received, written=received - 2, dropped=2),
    )
    write_manifest(run, manifest)
    return run


if __name__ == "__main__":
    write_golden(Path(sys.argv[1]))
