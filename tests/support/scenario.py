"""Random runs in which everything happens that a cut must carry over."""

import random

from support.frames import book, change, encode, trade

from pm_data.frame import Control, Kind, Record, control_flags, control_payload

TOKENS = [str(number) for number in range(101, 113)]
MARKETS = [TOKENS[place : place + 2] for place in range(0, len(TOKENS), 2)]
SHARDS = 3
SIZES = ["0", "1", "2.5", "9000000000"]


class Scenario:
    """Makes a run record by record; stamps strictly increase over all shards."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.records = []
        self._seqs = [0] * SHARDS
        self._stamp = 1_000_000
        self._conns = 0
        self._open = {}
        self._resolved = 0

    def make(self, count):
        """Return a run of at least this many records, ended properly."""
        for shard in range(SHARDS):
            self.control(shard, 0, Control.UNIVERSE, markets=[metadata(shard)], removed=[])
            self.connect(shard, "initial")
        while len(self.records) < count:
            self.step()
        for shard in range(SHARDS):
            self.control(shard, 0, Control.END, reason="stop")
        return self.records

    def step(self):
        steps = [self.frames] * 40 + [self.reconnect, self.drop, self.unsubscribe, self.handover]
        self.random.choice([*steps, self.subscribe, self.universe, self.unknown])()

    def add(self, shard, kind, control, flags, conn, payload):
        self._stamp += self.random.randint(1, 1000)
        stamps = (self._stamp, 10**18 + self._stamp)
        record = Record(shard, self._seqs[shard], int(kind), int(control), flags, conn, *stamps, payload)
        self._seqs[shard] += 1
        self.records.append(record)

    def control(self, shard, conn, control, **fields):
        self.add(shard, Kind.CONTROL, control, control_flags(control), conn, control_payload(fields))

    def connect(self, shard, reason):
        self._conns += 1
        self._open[self._conns] = shard
        self.control(shard, self._conns, Control.OPENED, url="wss://x", attempt=1)
        tokens = [token for place, pair in enumerate(MARKETS) if place % SHARDS == shard for token in pair]
        # Not every token has an owner at once, and some have never had a book.
        self.control(shard, self._conns, Control.SUBSCRIBED, tokens=tokens[:-1], reason=reason)

    def frames(self):
        conn = self.random.choice(list(self._open))
        kind = Kind.BINARY if self.random.random() < 0.1 else Kind.TEXT
        self.add(self._open[conn], kind, 0, 0, conn, self.payload())

    def payload(self):
        chance = self.random.random()
        if chance < 0.05:
            return self.random.choice([b"PONG", b"[]\n", b"{", b"\xff"])
        if chance < 0.2:
            return b"[" + b",".join(self.message() for _ in range(self.random.randint(1, 4))) + b"]"
        return self.message()

    def message(self):
        pick, price = self.random.choice, self.price
        token, stamp = pick(TOKENS), str(self.random.randint(1, 10**6))
        chance = self.random.random()
        if chance < 0.3:
            bids = [(price(), pick(SIZES)) for _ in range(self.random.randint(0, 3))]
            asks = [(price(), pick(SIZES)) for _ in range(self.random.randint(0, 3))]
            more = {"tick_size": pick(["0.01", "0.001", ""]), "last_trade_price": pick(["0.5", ""])}
            return book(token, bids, asks, stamp, **(more if chance < 0.15 else {}))
        if chance < 0.8:
            entries = [(pick(TOKENS), pick(["BUY", "SELL"]), price(), pick(SIZES)) for _ in range(2)]
            return change(*entries, timestamp=pick([stamp, "x"]))
        if chance < 0.9:
            return trade(token, price(), pick(["", "5", "0.000001"]), timestamp=stamp)
        if chance < 0.985 or self._resolved > 3:
            tick = pick(["0.01", "0.001", "0.0001"])
            fields = {"event_type": "tick_size_change", "asset_id": token, "new_tick_size": tick}
            return encode(fields | {"market": "\ud800", "timestamp": stamp})
        self._resolved += 1
        pair = pick(MARKETS)
        fields = {
            "event_type": "market_resolved",
            "assets_ids": pair,
            "winning_asset_id": pick([pair[0], "?"]),
        }
        return encode(fields | {"market": "0xabc", "timestamp": stamp})

    def price(self):
        return f"0.{self.random.randint(1, 20):02d}"

    def reconnect(self):
        conn = self.random.choice(list(self._open))
        shard = self._open.pop(conn)
        self.control(shard, conn, Control.CLOSED, code=1006, reason="", cause="network")
        self.gap(shard, conn, "closed")
        self.connect(shard, "reconnect")

    def drop(self):
        conn = self.random.choice(list(self._open))
        self.gap(self._open[conn], conn, "drop", self.random.randint(1, 9))

    def gap(self, shard, conn, cause, frames=0):
        tokens = self.random.sample(TOKENS, 4)
        fields = {"cause": cause, "tokens": tokens, "frames": frames, "bytes": 7 * frames}
        self.control(shard, conn, Control.GAP, **fields, first_mono_ns=None, last_mono_ns=None)

    def subscribe(self):
        conn = self.random.choice(list(self._open))
        tokens = self.random.sample(TOKENS, 2)
        self.control(self._open[conn], conn, Control.SUBSCRIBED, tokens=tokens, reason="refresh")

    def unsubscribe(self):
        conn = self.random.choice(list(self._open))
        tokens = self.random.sample(TOKENS, 2)
        self.control(self._open[conn], conn, Control.UNSUBSCRIBED, tokens=tokens, reason="refresh")

    def handover(self):
        conn = self.random.choice(list(self._open))
        self.control(self._open[conn], conn, Control.HANDOVER, tokens=self.random.sample(TOKENS, 1))

    def universe(self):
        shard, place = self.random.randrange(SHARDS), self.random.randrange(len(MARKETS))
        removed = self.random.sample(TOKENS, 1)
        self.control(shard, 0, Control.UNIVERSE, markets=[metadata(place)], removed=removed)

    def unknown(self):
        self.add(self.random.randrange(SHARDS), Kind.CONTROL, 77, 0, 0, b"{}")


def metadata(place):
    """Return the metadata of a market, as far as these tests need it."""
    return {"condition_id": f"0x{place}", "asset_ids": MARKETS[place], "question": "Will it rain in Köln?"}


def by_shard(records):
    """Return one list of records for each shard."""
    return [[record for record in records if record.shard == shard] for shard in range(SHARDS)]
