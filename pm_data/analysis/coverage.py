"""What a run holds of each token: since when, from which first book on, and where continuity was lost."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from pm_data._fast import store
from pm_data.bundle.damage import Damage
from pm_data.bundle.opening import Bundle
from pm_data.errors import DamageError
from pm_data.frame import Control, Kind, Record, control_fields
from pm_data.jsonlib import JsonObject
from pm_data.state.carried import carried_state
from pm_data.state.controls import Controls, control_tokens
from pm_data.venue.scan import scan


@dataclass
class GapWindow:
    """A time in which a token's book is not to be believed.

    Args:
        from_ns: stamp of the last data before it; of the record that says so, where that is not known.
        to_ns: stamp of the next full book; None where none came.
        goes_on: a rotation ended the bundle before a book came; the next one begins with the gap.
    """

    cause: str
    from_ns: int
    to_ns: int | None = None
    goes_on: bool = False


@dataclass
class TokenCoverage:
    """What the run holds of one token; stamps are `rx_mono_ns`.

    Args:
        is_asked: a rotation ended the bundle while the first book might still come in time.
    """

    asset_id: str
    shard: int
    subscribed_ns: int | None = None
    first_book_ns: int | None = None
    left_ns: int | None = None
    """Since when it is not subscribed any more; None while it is."""
    gaps: list[GapWindow] = field(default_factory=list)
    is_asked: bool = False

    @property
    def is_missing(self) -> bool:
        """Tell whether it was subscribed and has no book, though there was time for it."""
        return self.subscribed_ns is not None and self.first_book_ns is None and not self.is_asked

    def open_gap(self, cause: str, from_ns: int) -> None:
        """Note a loss; one within a gap that has not ended makes it no longer."""
        if self.first_book_ns is not None and (not self.gaps or self.gaps[-1].to_ns is not None):
            self.gaps.append(GapWindow(cause, from_ns))

    def book(self, stamp: int) -> None:
        """Note a full book."""
        if self.first_book_ns is None:
            self.first_book_ns = stamp
        if self.gaps and self.gaps[-1].to_ns is None:
            self.gaps[-1].to_ns = stamp

    def rotated(self, stamp: int, first_book_ns: int) -> None:
        """Note that the bundle ends here, and the connection does not."""
        if self.gaps and self.gaps[-1].to_ns is None:
            self.gaps[-1].goes_on = True
        self.is_asked = self.subscribed_ns is not None and stamp - self.subscribed_ns < first_book_ns


class Coverage:
    """Follows the records of a run, in order.

    Args:
        bundle: tells in what time the capture expected each first book.
    """

    def __init__(self, bundle: Bundle) -> None:
        seconds = None if bundle.manifest is None else bundle.manifest.setting("capture_first_book_seconds")
        self._first_book_ns = round(seconds * 1e9) if isinstance(seconds, float) else 0
        self._store: store.StateStore = store.StateStore()
        self._controls = Controls(self._store)
        self._tokens: dict[str, TokenCoverage] = {}
        self._seq = 0
        self.dropped_frames = 0
        """Frames that gap records say were dropped."""
        self._last_ns = 0

    @property
    def in_time_ns(self) -> int:
        """Return from when on what was asked for could still come in time when the run ended."""
        return self._last_ns - self._first_book_ns

    def apply(self, record: Record) -> None:
        """Take a record into account; a control record that lists nothing tells of no token.

        Raises:
            UsageError: a control record must be understood and is not known.
        """
        self._last_ns = record.rx_mono_ns
        if record.kind == Kind.CONTROL:
            with suppress(DamageError, ValueError):
                self._control(record)
            return
        events = self._store.frame(record.payload, record.conn, record.rx_mono_ns, self._seq)
        self._seq += len(events)
        _seen, books = scan(record.payload)
        named = dict.fromkeys(key.decode("ascii", "replace") for key in books)
        for asset_id in named | dict.fromkeys(event.market_id for event in events):
            market = self._store.market(asset_id)
            # Live, and by this frame: those that other connections own are left alone.
            if market is not None and market.status == "live" and market.ts_recv == record.rx_mono_ns:
                token = self._token(asset_id, record.shard)
                if token.first_book_ns is None or asset_id in named:
                    token.book(record.rx_mono_ns)

    def tokens(self) -> Iterator[tuple[TokenCoverage, str]]:
        """Yield each token in the order in which the run named them, and its state at the end."""
        for token in self._tokens.values():
            market = self._store.market(token.asset_id)
            yield token, "new" if market is None else market.status

    def fields(self) -> JsonObject:
        """Return everything as `capture-coverage` prints it."""
        tokens = [_fields(token, state) for token, state in self.tokens()]
        missing = [token.asset_id for token in self._tokens.values() if token.is_missing]
        return {"ok": not missing, "tokens": tokens, "missing": missing}

    def _control(self, record: Record) -> None:
        stamp = record.rx_mono_ns
        if record.control == Control.GAP:
            fields = control_fields(record)
            since, frames = fields.get("first_mono_ns"), fields.get("frames")
            if fields.get("cause") == "drop" and type(frames) is int:
                self.dropped_frames += frames
            for asset_id in self._controls.gap_tokens(record):
                token = self._token(asset_id, record.shard)
                token.open_gap(str(fields.get("cause")), since if isinstance(since, int) else stamp)
        elif record.control in (Control.SUBSCRIBED, Control.HANDOVER):
            for asset_id in control_tokens(record):
                token = self._token(asset_id, record.shard)
                token.left_ns = None
                if token.subscribed_ns is None:
                    token.subscribed_ns = stamp
        elif record.control == Control.UNSUBSCRIBED:
            for asset_id in control_tokens(record):
                self._token(asset_id, record.shard).left_ns = stamp
        elif record.control == Control.CARRIED:
            self._carried(record)
        elif record.control == Control.END and control_fields(record).get("reason") == "rotation":
            for token in self._tokens.values():
                if token.shard == record.shard:
                    token.rotated(stamp, self._first_book_ns)
        self._seq += len(self._controls.apply(record, self._seq) or ())

    def _carried(self, record: Record) -> None:
        """Note what a token was in before the run began: one that is not new had its first book."""
        asset_id, state = carried_state(record)
        if state.status == "new":
            return
        token = self._token(asset_id, record.shard)
        token.book(record.rx_mono_ns)
        if state.status == "suspect":
            token.open_gap(state.cause, record.rx_mono_ns)

    def _token(self, asset_id: str, shard: int) -> TokenCoverage:
        token = self._tokens.get(asset_id)
        if token is None:
            token = self._tokens[asset_id] = TokenCoverage(asset_id, shard)
        return token


def coverage_of(bundle: Bundle, note_damage: Callable[[Damage], None]) -> Coverage:
    """Return the coverage of a run, over damage too, of which `note_damage` hears.

    Raises:
        UsageError: a file cannot be opened, or a record must be understood and is not known.
    """
    for damage in bundle.damage:
        note_damage(damage)
    coverage = Coverage(bundle)
    for record in bundle.records(note_damage):
        coverage.apply(record)
    return coverage


def _fields(token: TokenCoverage, state: str) -> JsonObject:
    return {
        "asset_id": token.asset_id,
        "shard": token.shard,
        "subscribed_ns": token.subscribed_ns,
        "first_book_ns": token.first_book_ns,
        "state": state,
        "gaps": [{"cause": gap.cause, "from_ns": gap.from_ns, "to_ns": gap.to_ns} for gap in token.gaps],
    }
