"""A recorded run as the source of the venue's messages: what was received is sent again, to whom it concerns.

Opening arrays are answers to a subscription, which here comes at other times: each of their books goes
out as a message of its own, and a client that subscribes gets the books as they are then.
"""

from collections.abc import Iterator

from pm_data import jsonlib
from pm_data.bundle.opening import Bundle
from pm_data.frame import Kind, Record
from pm_data.jsonlib import JsonObject
from pm_data.state.opening import book_payload
from pm_data.state.run_state import RunState
from pm_data.state.universe import Universe
from pm_data.venue.embedded.exchange import NEVER_NS, Message

_NOBODY = ("",)
"""Assets of a message that no client can have subscribed to."""


class Replay:
    """Plays a run at a speed; its virtual time begins with the first record.

    Args:
        speed: how many times as fast as it was recorded.

    Attributes:
        hashes: what the run said last of the hash of each token's book.
    """

    def __init__(self, bundle: Bundle, speed: float) -> None:
        self._records: Iterator[Record] = iter(bundle.replay_records(lambda damage: None))
        self._speed = speed
        self._state = RunState()
        self._next = next(self._records, None)
        self._first_ns = 0 if self._next is None else self._next.rx_mono_ns
        self.hashes: dict[str, str] = {}
        # What a run begins with, its universe and its first books, is there when the venue opens.
        while self._next is not None and self._next.kind == Kind.CONTROL:
            self._take()

    @property
    def next_due_ns(self) -> int:
        """Virtual time in ns at which the next record is due, `NEVER_NS` at the end."""
        if self._next is None:
            return NEVER_NS
        return int((self._next.rx_mono_ns - self._first_ns) / self._speed)

    def postpone(self, lag_ns: int) -> None:
        """Nothing is stamped here: what is late keeps the stamps that it was recorded with."""

    def step(self) -> list[Message]:
        """Advance by one record and return what is sent for it, which may be nothing."""
        record = self._take()
        if record.kind == Kind.CONTROL:
            return []
        try:
            parsed = jsonlib.loads(record.payload)
        except ValueError:
            return []  # PONG, and what was no message
        if isinstance(parsed, dict):
            self._note_hashes(parsed)
            return [_message(parsed, record.payload)]
        events = [event for event in parsed if isinstance(event, dict)] if isinstance(parsed, list) else []
        for event in events:
            self._note_hashes(event)
        return [_message(event, jsonlib.dumps(event).encode()) for event in events]

    def markets(self) -> list[JsonObject]:
        """Return the metadata of the markets listed now."""
        universes: list[Universe] = [self._state.universes[shard] for shard in sorted(self._state.universes)]
        return [market for universe in universes for market in universe.listed()]

    def book(self, asset_id: str) -> JsonObject | None:
        """Return a token's book as an opening frame shows it; None where the run has none now."""
        market = self._state.store.market(asset_id)
        if market is None or market.status not in ("live", "suspect"):
            return None
        book = jsonlib.loads_object(book_payload(market))
        return book | {"hash": self.hashes.get(asset_id, "")}

    def _take(self) -> Record:
        record = self._next
        assert record is not None
        self._state.apply(record)
        self._next = next(self._records, None)
        return record

    def _note_hashes(self, event: JsonObject) -> None:
        changes = event.get("price_changes")
        for entry in changes if isinstance(changes, list) else [event]:
            if isinstance(entry, dict) and isinstance(entry.get("hash"), str):
                self.hashes[str(entry.get("asset_id"))] = entry["hash"]


def _message(event: JsonObject, payload: bytes) -> Message:
    """Return a recorded message with the tokens that it is about."""
    kind = event.get("event_type")
    if kind == "new_market":
        return Message((), True, payload)
    if kind == "market_resolved":
        asset_ids = event.get("assets_ids")
    else:
        changes = event.get("price_changes")
        entries = changes if isinstance(changes, list) else [event]
        asset_ids = [entry.get("asset_id") for entry in entries if isinstance(entry, dict)]
    named = tuple(dict.fromkeys(map(str, asset_ids if isinstance(asset_ids, list) else ())))
    return Message(named[:2] or _NOBODY, kind == "market_resolved", payload)
