"""Goes round all shards: the redrive ladder at every step, and the witness at an even pace."""

import asyncio
from collections.abc import Callable, Sequence

from pm_data import clock
from pm_data.config import Config
from pm_data.venue.shard import Shard
from pm_data.venue.token import Token
from pm_data.venue.witness import IDS_PER_REQUEST, REQUESTS_AT_ONCE

_STEPS = 20
"""Looks within the shorter of the two times that matter, so that none is overrun by more than a twentieth."""

_LONGEST_STEP_SECONDS = 1.0


class Patrol:
    """Watches the tokens of all shards.

    Args:
        shards: returns them, as they are now.
    """

    def __init__(self, config: Config, shards: Callable[[], Sequence[Shard]]) -> None:
        self._shards = shards
        self._silent_seconds = config.capture_witness_silent_seconds
        shorter = min(config.capture_first_book_seconds, self._silent_seconds)
        self._step_seconds = min(shorter / _STEPS, _LONGEST_STEP_SECONDS)

    async def climb(self) -> None:
        """Climb the redrive ladder, until cancelled."""
        while True:
            await asyncio.sleep(self._step_seconds)
            for shard in list(self._shards()):
                shard.continuity.climb()
                await asyncio.sleep(0)  # what came meanwhile is not to wait for all of them

    async def ask(self) -> None:
        """Ask the witness about silent tokens at an even pace, until cancelled.

        A slow answer delays no other question, until as many are out as may be at once.
        """
        turns = asyncio.Semaphore(REQUESTS_AT_ONCE)

        async def ask_about(shard: Shard, silent: Sequence[Token]) -> None:
            try:
                await shard.continuity.ask_about_silent(silent)
            finally:
                turns.release()

        async with asyncio.TaskGroup() as questions:
            while True:
                started_ns = clock.mono_ns()
                await turns.acquire()
                shards = self._shards()
                silent = [(shard, shard.continuity.due().silent) for shard in shards]
                shard, tokens = max(silent, key=lambda pair: len(pair[1]), default=(None, []))
                if shard is not None and tokens:
                    questions.create_task(ask_about(shard, tokens))
                else:
                    turns.release()
                elapsed_seconds = (clock.mono_ns() - started_ns) / 1e9
                await asyncio.sleep(max(self._pause_seconds(shards) - elapsed_seconds, 0.0))

    def _pause_seconds(self, shards: Sequence[Shard]) -> float:
        """Return the time between two requests: all tokens have their turn in half the silent time."""
        requests = sum(-(-shard.token_count // IDS_PER_REQUEST) for shard in shards)
        return min(self._step_seconds, self._silent_seconds / 2 / max(requests, 1))
