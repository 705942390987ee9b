"""The live source of records: a session with the venue, in a thread of its own.

It yields the records that a capture would write, in the same order; nothing is
written to disk.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from pm_data import osdep
from pm_data.config import Config
from pm_data.frame import Record
from pm_data.venue.gamma import GammaClient
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.session import Session
from pm_data.venue.universe import Market, plan_shards

_TAKE_SECONDS = 0.05


class LiveSource:
    """Records of a live session; use it as a context manager.

    Args:
        duration_seconds: time after which the session ends; None for no end.

    Raises:
        UnavailableError: on entry, when the market listing cannot be had.
    """

    def __init__(self, config: Config, duration_seconds: float | None) -> None:
        self._config = config
        self._duration_seconds = duration_seconds
        self._log = RecordLog(config.capture_queue_max_frames, config.capture_queue_max_bytes)
        self._thread = threading.Thread(target=self._serve, name="live-session", daemon=True)
        self._stop_asked = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: Session | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        markets = self._find_markets()
        config = self._config
        plan = plan_shards(markets, config.ws_shards, config.ws_tokens_per_shard_max)
        self._session = Session(config, plan, self._log, lambda _kind, _fields: None, self._find_markets)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """End the session; `records` yields what it still brings. Any thread may call it."""
        self._stop_asked.set()
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the session has just ended by itself
                loop.call_soon_threadsafe(self._stop_session, "stop")

    def records(self) -> Iterator[Record]:
        """Yield records until the session has ended.

        Raises:
            FatalCaptureError: no connection brought data in time.
        """
        while (batch := self._log.take(_TAKE_SECONDS)) is not None:
            yield from batch
        if self._failure is not None:
            raise self._failure

    def _find_markets(self) -> list[Market]:
        client = GammaClient(self._config.gamma_base_url)
        try:
            return client.active_markets(self._config.capture_max_markets).markets
        finally:
            client.close()

    def _serve(self) -> None:
        try:
            with osdep.high_resolution_timer(self._config.runtime_windows_high_res_timer_enable):
                asyncio.run(self._run())
        except BaseException as error:  # not swallowed: records() raises it in the consumer's thread
            self._failure = error
        finally:
            self._log.close()

    async def _run(self) -> None:
        assert self._session is not None
        self._loop = asyncio.get_running_loop()
        if self._duration_seconds is not None:
            self._loop.call_later(self._duration_seconds, self._stop_session, "duration")
        if self._stop_asked.is_set():
            self._stop_session("stop")
        await self._session.run()
        self._loop = None

    def _stop_session(self, reason: str) -> None:
        assert self._session is not None
        self._session.stop(reason)
