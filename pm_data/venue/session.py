"""A whole session with the venue: all shards, startup confirm, universe refresh, the stop.

It yields records, through the log it is given, and nothing else that could
change a result.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

from pm_data.config import Config
from pm_data.errors import FatalCaptureError
from pm_data.jsonlib import JsonObject
from pm_data.venue import churn
from pm_data.venue.dial import Dialer
from pm_data.venue.patrol import Patrol
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.scan import Seen
from pm_data.venue.services import Services
from pm_data.venue.shard import Shard, ShardStatus
from pm_data.venue.universe import Market
from pm_data.venue.universe_watch import UniverseWatch
from pm_data.venue.witness import Witness


class Session:
    """Everything between a plan of markets and the record log.

    Args:
        plan: the markets of each shard, from `plan_shards`.
        on_event: takes a runlog record type (`connected`, `disconnected`, `reconnect`,
            `universe_refresh`) and its fields, in the event loop; must not block.
        find_markets: lists the universe anew, called in a thread of its own; may raise
            PmDataError. None for no refresh.
    """

    def __init__(
        self,
        config: Config,
        plan: list[list[Market]],
        log: RecordLog,
        on_event: Callable[[str, JsonObject], None],
        find_markets: Callable[[], list[Market]] | None,
    ) -> None:
        self._config = config
        self._on_event = on_event
        self._universe: UniverseWatch | None = None
        if find_markets is not None and config.capture_universe_refresh_enable:
            self._universe = UniverseWatch(
                config, find_markets, lambda: self.markets, self._apply, self._on_event
            )
        connections = itertools.count(1)
        self._services = Services(
            config,
            log,
            Dialer(config.clob_ws_url),
            Witness(config),
            on_event,
            self._hear_news,
            lambda: next(connections),
        )
        self._shards = [Shard(number, markets, self._services) for number, markets in enumerate(plan)]
        self._tasks: dict[Shard, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._end_reason = "stop"
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Capture until `stop`; then everything received is in the log and each shard has its END.

        Raises:
            FatalCaptureError: no connection brought data in time.
        """
        for shard in self._shards:
            self._start(shard)
        patrol = Patrol(self._config, lambda: self._shards)
        helpers = [self._watched(work) for work in (self._confirm(), patrol.climb(), patrol.ask())]
        if self._universe is not None:
            helpers.append(self._watched(self._universe.run()))
        try:
            await self._stopping.wait()
        finally:
            for helper in helpers:
                helper.cancel()
            for shard, task in self._tasks.items():
                shard.stop(task)
            await asyncio.gather(*helpers, *self._tasks.values(), return_exceptions=True)
            for shard in self._shards:
                shard.end(self._end_reason)
            self._services.witness.close()
        if self._failure is not None:
            raise self._failure

    def stop(self, reason: str) -> None:
        """End the run within 5 s; `reason` (stop, duration, fatal) goes into the END records.

        Call it in the event loop's thread; the first reason stands.
        """
        if not self._stopping.is_set():
            self._end_reason = reason
            self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Tell whether the run is to end, or has."""
        return self._stopping.is_set()

    def status(self) -> list[ShardStatus]:
        """Return each shard as it is now; any thread may ask."""
        return [shard.status() for shard in list(self._shards)]

    @property
    def markets(self) -> list[Market]:
        """Return the universe as it is now."""
        return [market for shard in self._shards for market in shard.markets]

    def missing_tokens(self) -> dict[int, list[str]]:
        """Return, by shard, the tokens that had no full book on the shard's last connection."""
        missing = {shard.number: shard.tokens_without_book for shard in self._shards}
        return {number: asset_ids for number, asset_ids in missing.items() if asset_ids}

    def _start(self, shard: Shard) -> None:
        shard.begin()
        self._tasks[shard] = self._watched(shard.run())

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task whose failure ends the session."""
        task = asyncio.get_running_loop().create_task(work)

        def done(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self._failure = self._failure or error
                self.stop("fatal")

        task.add_done_callback(done)
        return task

    async def _confirm(self) -> None:
        seconds = self._config.capture_confirm_timeout_seconds
        await asyncio.sleep(seconds)
        if self._shards and not any(shard.confirmed for shard in self._shards):
            raise FatalCaptureError(
                f"none of {len(self._shards)} connections to {self._services.dialer.shown_url} brought "
                f"{self._config.capture_confirm_min_events} data frames within {seconds:g} s: "
                f"{self._shards[0].trouble}"
            )

    def _hear_news(self, seen: Seen, payload: bytes) -> None:
        if self._universe is not None:
            self._universe.hear(seen, payload)

    def _apply(self, change: churn.Change) -> None:
        parts, new_shards = churn.spread(
            change, [shard.markets for shard in self._shards], self._config.ws_tokens_per_shard_max
        )
        for number, part in parts.items():
            self._shards[number].change(part)
        for markets in new_shards:
            shard = Shard(len(self._shards), markets, self._services)
            self._shards.append(shard)
            self._start(shard)
