"""The one line in which a running capture says how it fares."""

from collections.abc import Iterable

from pm_data.capture.accounts import Balance
from pm_data.venue.shard import ShardStatus


def status_line(elapsed_seconds: float, shards: Iterable[ShardStatus], balance: Balance) -> str:
    """Return connections, books, frames and bytes at this moment, for a person."""
    shards = list(shards)
    minutes, seconds = divmod(int(elapsed_seconds), 60)
    return (
        f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
        f"  connections {sum(shard.connected for shard in shards)}/{len(shards)}"
        f"  books {sum(shard.tokens_with_book for shard in shards)}/{sum(shard.tokens for shard in shards)}"
        f"  reconnects {sum(shard.reconnects for shard in shards)}"
        f"  received {balance.received.frames} ({balance.received.bytes / 1e6:.1f} MB)"
        f"  queued {balance.queued.frames}  dropped {balance.dropped.frames}"
    )
