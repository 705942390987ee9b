"""One heartbeat a second: a line in the run log, and one in each metrics file.

Its thread waits for neither loop, disk nor network: the lines go to the
journal's thread. So a gap between heartbeats means that the process stood still.
"""

from pm_data import clock
from pm_data.capture.accounts import total
from pm_data.capture.disk import DiskWatch
from pm_data.capture.journal import Journal
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.metrics import Samples, quantiles_ms
from pm_data.capture.runlog import RunLog
from pm_data.capture.writer_thread import WriterThread
from pm_data.jsonlib import JsonObject


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
        runlog: RunLog,
        journal: Journal,
    ) -> None:
        self._writer = writer
        self._monitor = monitor
        self._disk = disk
        self._latency = latency
        self._runlog = runlog
        self._journal = journal

    def beat(self) -> None:
        """State the present; called every second and once at the end."""
        mono_ns, wall_ns = clock.mono_ns(), clock.wall_ns()
        balances = self._writer.balances()
        state: JsonObject = {
            **total(balances.values()).fields(mono_ns),
            "coverage_pct": self._monitor.coverage_percent(),
            "loop_lag_ms": quantiles_ms(self._monitor.take_lag_ns()),
            "disk_free_bytes": self._disk.free_bytes,
        }
        shards = [
            {
                "shard": shard,
                **balance.fields(mono_ns),
                "coverage_pct": self._monitor.coverage_percent(shard),
            }
            for shard, balance in balances.items()
        ]
        stamps = {"hb_mono_ns": mono_ns, "hb_wall_ns_utc": wall_ns}
        self._runlog.append("heartbeat", {**stamps, **state, "shards": shards})
        stamps = {"mono_ns": mono_ns, "wall_ns_utc": wall_ns}
        latency = quantiles_ms(self._latency.take())
        self._journal.append("metrics/global.ndjson", {**stamps, **state, "received_to_written_ms": latency})
        for fields in shards:
            self._journal.append(f"metrics/shard_{fields['shard']:02d}.ndjson", {**stamps, **fields})
