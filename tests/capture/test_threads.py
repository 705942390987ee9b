"""Threads: a death is fatal, a periodic call keeps its pace."""

import threading
import time

import pytest

from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.threads import Periodic, start_thread


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_thread_is_fatal():
    latch = FatalLatch()
    start_thread("writer", lambda: 1 // 0, latch).join(10)
    assert latch.fatal.cause is Cause.THREAD_DIED
    assert "writer" in latch.fatal.message


def test_a_finished_thread_is_not():
    latch = FatalLatch()
    start_thread("writer", lambda: None, latch).join(10)
    assert latch.fatal is None


def test_periodic_keeps_its_pace_and_stops():
    calls = []

    def work():
        calls.append(time.monotonic())
        time.sleep(0.01)  # is no part of the interval

    began = time.monotonic()
    periodic = Periodic("test", 0.02, work, FatalLatch())
    while len(calls) < 10:
        time.sleep(0.001)
    assert periodic.stop(10)
    for number, call in enumerate(calls, 1):
        assert call - began >= 0.02 * number - 0.001
    count = len(calls)
    time.sleep(0.05)
    assert len(calls) == count


def test_periodic_that_hangs_is_left_behind():
    release = threading.Event()
    periodic = Periodic("test", 0.001, lambda: release.wait(10), FatalLatch())
    time.sleep(0.05)
    assert not periodic.stop(0.01)
    release.set()
    assert periodic.stop(10)
