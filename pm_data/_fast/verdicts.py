"""What the book checks say; both twins share these types. docs/book-checks.md is their text."""

from dataclasses import dataclass, field
from typing import NamedTuple

MODES = ("off", "count", "suspect")
"""Book checks: none, counted only, or counted and a token that fails marked suspect."""

TICK_SIZES_E6 = (100_000, 10_000, 5_000, 2_500, 1_000, 100)
"""The tick sizes that the venue allows."""

INCIDENTS_KEPT_MAX = 1_000
"""Incidents that are kept; the counter counts all of them."""


def checked_mode(mode: str) -> str:
    """Return the mode.

    Raises:
        ValueError: it is none of MODES.
    """
    if mode not in MODES:
        raise ValueError(f"book_checks {mode!r} is not one of {', '.join(MODES)}")
    return mode


class Outcomes(NamedTuple):
    """How the runs of one token, or of all, came out, by oracle.

    Args:
        hash_verified: the hash was that of the book, with the inputs that the stream had told.
        hash_late_trade_price: it was so with a last trade price that the stream had not told.
        hash_late_tick_size: it was so with another tick size, and any last trade price.
        hash_failed: it was not, with any of these.
        hash_unchecked: there was none, an input is unknown, or the token's continuity was lost.
        best_agreed, best_differed: best_bid and best_ask, where the run told both or one.
        mirror_agreed, mirror_differed: the market's other token, where it is at the same moment.
    """

    hash_verified: int = 0
    hash_late_trade_price: int = 0
    hash_late_tick_size: int = 0
    hash_failed: int = 0
    hash_unchecked: int = 0
    best_agreed: int = 0
    best_differed: int = 0
    mirror_agreed: int = 0
    mirror_differed: int = 0


@dataclass
class Incident:
    """A span in which hashes of a market failed, from the first until each token that did verified again.

    Args:
        market: condition id.
        asset_ids: the tokens that failed, in that order.
        bursts: moments of the market at which one or both tokens failed.
        leg_hashes: runs that failed.
        first_ts_event, last_ts_event: exchange time of the first and the last of them, ns.
        recovered: whether it has ended.
    """

    market: str
    asset_ids: list[str] = field(default_factory=list)
    bursts: int = 0
    leg_hashes: int = 0
    first_ts_event: int = 0
    last_ts_event: int = 0
    recovered: bool = False


class _Open:
    """An incident that has not ended, with the tokens that have not verified since."""

    def __init__(self, incident: Incident) -> None:
        self.incident = incident
        self.failing: dict[str, None] = {}
        self.last_burst: tuple[int, int] | None = None


class Incidents:
    """Every incident of a run, in order of their beginnings."""

    def __init__(self) -> None:
        self.kept: list[Incident] = []
        self.count = 0
        self._open: dict[str, _Open] = {}

    def failed(self, market: str, asset_id: str, ts_event: int, ordinal: int) -> None:
        """Take a failed run into account; `ordinal` numbers the token's runs of this timestamp."""
        span = self._open.get(market)
        if span is None:
            span = self._open[market] = _Open(Incident(market, first_ts_event=ts_event))
            self.count += 1
            if len(self.kept) < INCIDENTS_KEPT_MAX:
                self.kept.append(span.incident)
        incident = span.incident
        span.failing[asset_id] = None
        if asset_id not in incident.asset_ids:
            incident.asset_ids.append(asset_id)
        incident.leg_hashes += 1
        incident.last_ts_event = ts_event
        if span.last_burst != (ts_event, ordinal):
            span.last_burst = (ts_event, ordinal)
            incident.bursts += 1

    def verified(self, market: str, asset_id: str) -> None:
        """Take into account that a token verified which had failed."""
        span = self._open.get(market)
        if span is not None:
            span.failing.pop(asset_id, None)
            if not span.failing:
                span.incident.recovered = True
                del self._open[market]
