"""How a running capture fares, in one line for a log or a few for a terminal."""

from dataclasses import dataclass

from pm_data.capture.accounts import Balance
from pm_data.venue.shard import ShardStatus


@dataclass(frozen=True, slots=True)
class Status:
    """A capture at one moment.

    Args:
        frames_per_second: since the last look.
        gaps: gap records so far.
        lag_p99_ms: of the event loop, None before the first heartbeat.
    """

    elapsed_seconds: float
    shards: list[ShardStatus]
    balance: Balance
    frames_per_second: float
    gaps: int
    lag_p99_ms: float | None
    disk_free_bytes: int | None

    @property
    def _connections(self) -> str:
        return f"{sum(shard.connected for shard in self.shards)}/{len(self.shards)}"

    @property
    def _books(self) -> str:
        books = sum(shard.tokens_with_book for shard in self.shards)
        return f"{books}/{sum(shard.tokens for shard in self.shards)}"

    @property
    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(self.elapsed_seconds), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"

    def line(self) -> str:
        """Return it as one line."""
        balance = self.balance
        return (
            f"{self._elapsed}"
            f"  connections {self._connections}"
            f"  books {self._books}"
            f"  gaps {self.gaps}"
            f"  reconnects {sum(shard.reconnects for shard in self.shards)}"
            f"  received {balance.received.frames} ({balance.received.bytes / 1e6:.1f} MB)"
            f"  queued {balance.queued.frames}  dropped {balance.dropped.frames}"
        )

    def block(self) -> list[str]:
        """Return it as lines that keep their places from one look to the next."""
        balance = self.balance
        lag = "-" if self.lag_p99_ms is None else f"{self.lag_p99_ms:.1f} ms"
        disk = "-" if self.disk_free_bytes is None else f"{self.disk_free_bytes / 1e9:,.1f} GB free"
        reconnects = sum(shard.reconnects for shard in self.shards)
        missing = sum(shard.tokens_missing for shard in self.shards)
        rows = (
            ("time", self._elapsed),
            ("shards", f"{self._connections} connected, {reconnects} reconnects"),
            ("books", f"{self._books} confirmed, {missing} missing, {self.gaps} gaps"),
            (
                "frames",
                f"{self.frames_per_second:,.0f}/s, {balance.received.frames:,} in all, "
                f"{balance.received.bytes / 1e6:,.1f} MB",
            ),
            ("queue", f"{balance.queued.frames:,} waiting, {balance.dropped.frames:,} dropped, lag {lag}"),
            ("disk", disk),
        )
        return [f"  {name:<8}{text}" for name, text in rows]
