"""One heartbeat a second: a line in the run log, and one in each metrics file.

Its thread waits for neither loop, disk nor network: the lines go to the
journal's thread. So a gap between heartbeats means that the process stood still.
"""

from collections.abc import Callable, Sequence

from pm_data import clock
from pm_data.capture.accounts import total
from pm_data.capture.clock_step import ClockStep
from pm_data.capture.disk import DiskWatch
from pm_data.capture.journal import Journal
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.metrics import Samples, quantiles_ms
from pm_data.capture.runlog import RunLog
from pm_data.capture.tally import Tally
from pm_data.capture.writer_thread import WriterThread
from pm_data.jsonlib import JsonObject
from pm_data.venue.recordlog import RecordLog


class Heartbeat:
    """States the balance of every shard and how the capture fares.

    Args:
        latency: ages of records at their write, in ns.
    """

    def __init__(
        self,
        writer: WriterThread,
        monitor: LoopMonitor,
        disk: DiskWatch,
        latency: Samples,
        log: RecordLog,
        runlog: RunLog,
        journal: Journal,
        tally: Tally,
    ) -> None:
        self._writer = writer
        self._log = log
        self._tally = tally
        self._clock_step = ClockStep()
        self.listeners: Sequence[Callable[[JsonObject], None]] = ()
        """Told every beat with all its figures, in the heartbeat's thread; may not wait."""
        self.lag_p99_ms: float | None = None
        """Of the event loop, at the last heartbeat."""
        self._monitor = monitor
        self._disk = disk
        self._latency = latency
        self._runlog = runlog
        self._journal = journal
        self._gaps_before = 0

    def begin(self, listeners: Sequence[Callable[[JsonObject], None]]) -> None:
        """Count from here on, and tell these."""
        self._gaps_before = self._log.gaps
        self.listeners = listeners

    def beat(self) -> None:
        """State the present; called every second and once at the end."""
        mono_ns, wall_ns = clock.mono_ns(), clock.wall_ns()
        step_ns = self._clock_step.check(mono_ns, wall_ns)
        if step_ns is not None:
            self._runlog.append("clock_step", {"step_ns": step_ns})
        balances = self._writer.balances()
        # One loop and one disk carry all shards; each states them, so that its line stands alone.
        process: JsonObject = {
            "loop_lag_ms": quantiles_ms(self._monitor.take_lag_ns()),
            "disk_free_bytes": self._disk.free_bytes,
        }
        self.lag_p99_ms = process["loop_lag_ms"]["p99"]
        state: JsonObject = {
            **total(balances.values()).fields(mono_ns),
            "coverage_pct": self._monitor.coverage_percent(),
            **process,
        }
        shards = [
            {
                "shard": shard,
                **balance.fields(mono_ns),
                "coverage_pct": self._monitor.coverage_percent(shard),
                **process,
            }
            for shard, balance in balances.items()
        ]
        stamps = {"hb_mono_ns": mono_ns, "hb_wall_ns_utc": wall_ns}
        self._runlog.append("heartbeat", {**stamps, **state, "shards": shards})
        stamps = {"mono_ns": mono_ns, "wall_ns_utc": wall_ns}
        latency = quantiles_ms(self._latency.take())
        measures = {
            "received_to_enqueued_ms": quantiles_ms(list(self._log.enqueue_delays_ns)),
            "received_to_written_ms": latency,
            "reconnects": self._tally.reconnects(),
            "gaps": self._log.gaps - self._gaps_before,
        }
        self._journal.append("metrics/global.ndjson", {**stamps, **state, **measures})
        for listener in self.listeners:
            listener({"hb_wall_ns_utc": wall_ns, **state, **measures, "shards": shards})
        for fields in shards:
            self._journal.append(f"metrics/shard_{fields['shard']:02d}.ndjson", {**stamps, **fields})
