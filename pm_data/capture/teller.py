"""Tells the person at the terminal how the capture fares: a block every second, or a line a minute."""

import time
from collections.abc import Callable, Sequence

from pm_data.capture.rotation import Volumes
from pm_data.capture.status import Status
from pm_data.capture.threads import Periodic
from pm_data.venue.session import Session

_LINE_SECONDS = 60.0
_BLOCK_SECONDS = 1.0

Say = Callable[[str], None]
"""Prints a line for the person at the terminal."""

Show = Callable[[Sequence[str]], None]
"""Draws lines in the place of those that it drew before."""


class Teller:
    """Looks at a running capture from a thread of its own.

    Args:
        show: None where there is no terminal to draw on.
    """

    def __init__(self, volumes: Volumes, session: Session, say: Say, show: Show | None) -> None:
        self._volumes = volumes
        self._session = session
        self._say = say
        self._show = show
        self._started = self._looked = time.monotonic()
        self._frames = 0
        seconds = _LINE_SECONDS if show is None else _BLOCK_SECONDS
        self._periodic = Periodic("status", seconds, self.tell, volumes.latch)

    def tell(self) -> None:
        """Tell it now."""
        status = self._status()
        if self._show is None:
            self._say(status.line())
        else:
            self._show(status.block())

    def stop(self) -> None:
        """Tell nothing more."""
        self._periodic.stop(0.1)

    def _status(self) -> Status:
        now = time.monotonic()
        balance, plant = self._volumes.balance(), self._volumes.current.plant
        seconds = max(now - self._looked, 0.001)
        rate = (balance.received.frames - self._frames) / seconds
        self._looked, self._frames = now, balance.received.frames
        return Status(
            elapsed_seconds=now - self._started,
            shards=self._session.status(),
            balance=balance,
            frames_per_second=rate,
            gaps=self._volumes.log.gaps,
            lag_p99_ms=plant.lag_p99_ms,
            disk_free_bytes=plant.disk_free_bytes,
        )
