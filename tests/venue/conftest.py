"""Fixtures of the client's tests; what they play with is in scripted_venue.py."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Test modules are imported by path, so a helper beside them is found only through sys.path.
sys.path.insert(0, str(Path(__file__).parent))

from scripted_venue import Run, Runner

from pm_data.config import Config
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.session import Session
from pm_data.venue.universe import Market


@pytest.fixture
def run_session() -> Runner:
    """Run a session in this thread until `until(run)` holds, stop it, and return what it recorded."""

    def runner(
        config: Config,
        plan: list[list[Market]],
        until: Callable[[Run], bool],
        find_markets: Callable[[], list[Market]] | None = None,
        timeout: float = 20.0,
        log: RecordLog | None = None,
    ) -> Run:
        async def work() -> Run:
            records = log or RecordLog(100_000, 100_000_000)
            events: list[tuple[str, dict[str, Any]]] = []
            session = Session(
                config, plan, records, lambda name, fields: events.append((name, fields)), find_markets
            )
            run = Run(session, records)
            run.events = events
            loop = asyncio.get_running_loop()
            task = loop.create_task(session.run())
            deadline = loop.time() + timeout
            try:
                while not task.done():
                    run.records += records.take(0) or []
                    if until(run):
                        break
                    assert loop.time() < deadline, f"never came to pass: {run.story()} {run.events}"
                    await asyncio.sleep(0.005)
            finally:
                stopping = loop.time()
                session.stop("stop")
                try:
                    await task
                finally:
                    run.stop_seconds = loop.time() - stopping
                    records.close()
                    while (batch := records.take(0)) is not None:
                        run.records += batch
                    for record in run.records:
                        assert record.rx_wall_ns_utc > 0
                    stamps = [record.rx_mono_ns for record in run.records]
                    assert stamps == sorted(set(stamps))
            return run

        return asyncio.run(work())

    return runner
