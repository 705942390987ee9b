"""Loop lag is seen while the loop still stands, and coverage is counted now and then."""

import asyncio
import threading
import time

from pm_data.capture.loop_monitor import LoopMonitor


def run_with(monitor, work):
    """Run `work` in a loop that `monitor` watches."""

    async def main():
        watcher = asyncio.create_task(monitor.run())
        await work()
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)

    asyncio.run(main())


def test_a_standing_loop_is_late_at_once():
    monitor = LoopMonitor(100, dict, 3600.0)
    seen = []
    standing, looked = threading.Event(), threading.Event()

    def look():
        standing.wait(10)
        time.sleep(0.15)
        seen.extend(monitor.take_lag_ns())
        looked.set()

    async def work():
        await asyncio.sleep(0.05)
        standing.set()
        looked.wait(10)  # the fault that is looked for: the loop stands
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    run_with(monitor, work)
    thread.join()
    assert max(seen) > 100e6
    assert max(monitor.take_lag_ns()) >= max(seen)


def test_samples_are_bounded():
    monitor = LoopMonitor(3, dict, 3600.0)
    run_with(monitor, lambda: asyncio.sleep(0.2))
    assert len(monitor.take_lag_ns()) <= 4


def test_coverage_is_counted_each_interval():
    calls = []

    def coverage():
        calls.append(1)
        return {0: (10, 10), 1: (30, 15)}

    monitor = LoopMonitor(100, coverage, 0.1)
    assert monitor.coverage_percent() is None
    run_with(monitor, lambda: asyncio.sleep(0.35))
    assert 1 <= len(calls) <= 4
    assert monitor.coverage_percent() == 62.5
    assert monitor.coverage_percent(0) == 100.0
    assert monitor.coverage_percent(7) is None


def test_a_loop_that_has_ended_is_not_late():
    monitor = LoopMonitor(100, dict, 3600.0)
    run_with(monitor, lambda: asyncio.sleep(0.1))
    monitor.take_lag_ns()
    time.sleep(0.05)
    assert monitor.take_lag_ns() == []
