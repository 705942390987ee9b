"""Watches one open connection until it is gone: PINGs, and the times of `liveness`."""

import asyncio
from typing import TYPE_CHECKING

from pm_data import clock
from pm_data.venue import messages
from pm_data.venue.connection import Connection
from pm_data.venue.liveness import Liveness
from pm_data.venue.testimony import is_quiet
from pm_data.venue.witness import Witness

if TYPE_CHECKING:
    from pm_data.venue.link import Link


class Watchdog:
    """Closes a connection whose time is up.

    Args:
        gone: is set when the connection has ended.
    """

    def __init__(self, link: "Link", live: Liveness, gone: asyncio.Event, witness: Witness) -> None:
        self._link = link
        self._live = live
        self._gone = gone
        self._witness = witness

    async def watch(self, connection: Connection) -> None:
        """Return when the connection is gone."""
        live = self._live
        question: asyncio.Task[None] | None = None
        while self._link.cause is None:
            now_ns = clock.mono_ns()
            verdict = live.verdict(now_ns)
            if verdict == "idle":
                live.idle_asked = True
                question = asyncio.get_running_loop().create_task(self._ask_about_idle())
            elif verdict is not None:
                self._link.close(verdict)
                break
            if live.ping_due(now_ns):
                connection.send_text(messages.PING)
            await self._gone_within((live.next_check_ns() - now_ns) / 1e9)
        await self._gone.wait()
        if question is not None:
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)

    async def _ask_about_idle(self) -> None:
        """Let the witness tell a quiet connection from a dead one."""
        asked_ns = clock.mono_ns()
        quiet = await is_quiet(self._link, self._witness)
        if quiet or self._live.last_data_ns > asked_ns:
            self._live.quiet(clock.mono_ns())
        else:
            self._link.close("idle")

    async def _gone_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return
