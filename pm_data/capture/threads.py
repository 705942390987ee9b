"""Threads whose death is noticed."""

import threading
import time
from collections.abc import Callable

from pm_data.capture.fatal import Cause, FatalLatch


def start_thread(name: str, work: Callable[[], None], latch: FatalLatch) -> threading.Thread:
    """Start a daemon thread; one that ends by an exception ends the capture.

    A daemon, because a thread stuck in a dead disk must not keep the process from exiting.
    """

    def run() -> None:
        finished = False
        try:
            work()
            finished = True
        finally:
            if not finished:
                latch.set(Cause.THREAD_DIED, f"the {name} thread ended by an error of its own")

    thread = threading.Thread(target=run, name=f"pm_data {name}", daemon=True)
    thread.start()
    return thread


class Periodic:
    """Calls `work` every `interval_seconds`, without drift, in its own thread.

    A call that takes longer than the interval delays the next one; none is made up for.
    """

    def __init__(
        self, name: str, interval_seconds: float, work: Callable[[], None], latch: FatalLatch
    ) -> None:
        self._interval_seconds = interval_seconds
        self._call = work
        self._stop = threading.Event()
        self._thread = start_thread(name, self._work, latch)

    def stop(self, timeout_seconds: float) -> bool:
        """End the thread after the call it may be in; False when that did not happen in time."""
        self._stop.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        due = time.monotonic() + self._interval_seconds
        while not self._stop.wait(due - time.monotonic()):
            self._call()
            due = max(due + self._interval_seconds, time.monotonic())
