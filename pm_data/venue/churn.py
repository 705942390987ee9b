"""What a fresh listing changes in the universe, whether to believe it (rule W6), and where it goes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pm_data.venue.universe import Market, plan_shards


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between the captured markets and a listing, of all shards or of one.

    Args:
        added: markets to begin.
        removed: markets that are listed no longer.
        restated: markets that stay, with other metadata.
    """

    added: list[Market] = field(default_factory=list)
    removed: list[Market] = field(default_factory=list)
    restated: list[Market] = field(default_factory=list)


def compare(current: Iterable[Market], listed: Iterable[Market]) -> Change:
    """Return what changed; a market is the pair of its tokens, whichever stands first."""
    before = {pair(market): market for market in current}
    after = {pair(market): market for market in listed}
    return Change(
        added=[market for key, market in after.items() if key not in before],
        removed=[market for key, market in before.items() if key not in after],
        restated=[
            market
            for key, market in after.items()
            if key in before and before[key].metadata() != market.metadata()
        ],
    )


def pair(market: Market) -> frozenset[str]:
    """Return what a market is known by: its tokens, whichever stands first."""
    return frozenset(market.asset_ids)


def implausible(current: int, change: Change) -> str | None:
    """Say why a listing must be wrong, having lost more than half of the markets; None when it may stand."""
    gone = len(change.removed)
    if 2 * gone <= current:
        return None
    return f"the listing lacks {gone} of {current} captured markets, so nothing was changed"


def spread(
    change: Change, carried: Sequence[Sequence[Market]], tokens_per_shard_max: int
) -> tuple[dict[int, Change], list[list[Market]]]:
    """Return each touched shard's part of a change, by shard number, and the plan of shards to open.

    A new market goes where most room is; only what no shard has room for opens new ones.

    Args:
        carried: the markets of each shard now.
    """
    homes = {
        frozenset(market.asset_ids): shard for shard, markets in enumerate(carried) for market in markets
    }
    room = [tokens_per_shard_max // 2 - len(markets) for markets in carried]
    parts: dict[int, Change] = {}
    homeless = []
    for market in change.removed:
        shard = homes[frozenset(market.asset_ids)]
        parts.setdefault(shard, Change()).removed.append(market)
        room[shard] += 1
    for market in change.restated:
        parts.setdefault(homes[frozenset(market.asset_ids)], Change()).restated.append(market)
    for market in change.added:
        roomiest = max(range(len(room)), key=room.__getitem__, default=None)
        if roomiest is None or room[roomiest] < 1:
            homeless.append(market)
        else:
            parts.setdefault(roomiest, Change()).added.append(market)
            room[roomiest] -= 1
    return parts, plan_shards(homeless, 1, tokens_per_shard_max)
