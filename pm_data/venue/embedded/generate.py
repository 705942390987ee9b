"""The order flow as frames with receive stamps, as fast as they can be made.

The same options and plan give the same frames and stamps, on any machine and
at any time: time is synthetic and starts at a moment that the seed fixes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pm_data import jsonlib
from pm_data.errors import InputOutputError
from pm_data.venue.embedded import messages
from pm_data.venue.embedded.draw import Draw
from pm_data.venue.embedded.exchange import Exchange, Message
from pm_data.venue.embedded.gamma import gamma_object
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.universe import Market

FIRST_MONO_NS = 10**9
"""Receive stamp before which no frame comes; the order flow's virtual time 0."""

_FIRST_EPOCH_MS = 1_790_812_800_000  # 2026-10-01 00:00 UTC
_MOST_TRANSIT_NS = 3_000_000
_IDS_PER_OPENING = 100


class GeneratedFrame(NamedTuple):
    """One frame as a client would have received it.

    Args:
        mono_ns: strictly increasing, from `FIRST_MONO_NS`.
        shard: the connection of the plan that it came on.
    """

    mono_ns: int
    shard: int
    payload: bytes


def epoch_ms(options: VenueOptions) -> int:
    """Return the wall time in ms at which the generated order flow starts."""
    return _FIRST_EPOCH_MS + options.seed % 86_400 * 1000


def new_exchange(options: VenueOptions) -> Exchange:
    """Return the exchange whose frames `generate` gives."""
    return Exchange(options, epoch_ms(options))


def listed_markets(exchange: Exchange) -> list[Market]:
    """Return the exchange's active markets as a client would learn them, by volume, the largest first."""
    listed = [Market.from_gamma(gamma_object(book)) for book in exchange.books]
    markets = [market for market in listed if market is not None]
    return sorted(markets, key=lambda market: (-market.volume, market.condition_id))


def generate(
    options: VenueOptions, frames: int, plan: Sequence[Sequence[Market]] | None = None
) -> Iterator[GeneratedFrame]:
    """Yield frames: each connection's opening books, then the order flow.

    A market listed later is announced on every connection but nobody subscribes to it.

    Args:
        frames: how many in all; the rate must not be 0.
        plan: the markets of each connection; all on one when None.
    """
    exchange = new_exchange(options)
    if plan is None:
        plan = [listed_markets(exchange)]
    shard_of: dict[str, int] = {}
    draw = Draw(options.seed, 3)
    last_ns = FIRST_MONO_NS - 1
    left = frames
    for shard, markets in enumerate(plan):
        asset_ids = [asset_id for market in markets for asset_id in market.asset_ids]
        shard_of |= dict.fromkeys(asset_ids, shard)
        for start in range(0, len(asset_ids), _IDS_PER_OPENING):
            books = [exchange.find(asset_id) for asset_id in asset_ids[start : start + _IDS_PER_OPENING]]
            if not left:
                return
            left -= 1
            last_ns += 1
            opening = messages.opening([book for book in books if book is not None])
            yield GeneratedFrame(last_ns, shard, opening.encode())
    everywhere = tuple(range(len(plan)))
    while left:
        due_ns = FIRST_MONO_NS + exchange.next_due_ns
        for message in exchange.step():
            for shard in _shards(message, shard_of, everywhere):
                if not left:
                    return
                left -= 1
                last_ns = max(last_ns + 1, due_ns + draw.below(_MOST_TRANSIT_NS))
                yield GeneratedFrame(last_ns, shard, message.payload)


def write_ndjson(options: VenueOptions, frames: int, path: Path) -> int:
    """Write lines `{"t": receive time in ms, "raw": text}`; return the bytes of all payloads.

    Raises:
        InputOutputError: the file cannot be written.
    """
    offset_ms = epoch_ms(options) - FIRST_MONO_NS // 1_000_000
    payload_bytes = 0
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for mono_ns, _shard, payload in generate(options, frames):
                line = {"t": offset_ms + mono_ns // 1_000_000, "raw": payload.decode("utf-8")}
                file.write(jsonlib.ndjson_line(line))
                payload_bytes += len(payload)
    except OSError as error:
        raise InputOutputError(f"{path}: {error.strerror}") from error
    return payload_bytes


def _shards(message: Message, shard_of: dict[str, int], everywhere: tuple[int, ...]) -> tuple[int, ...]:
    if not message.assets:
        return everywhere
    shard = shard_of.get(message.assets[0])
    return () if shard is None else (shard,)
