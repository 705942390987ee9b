"""The threads that bring a session's records to one bundle on the disk and say how that goes."""

from collections.abc import Callable, Sequence

from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import ShardSeal
from pm_data.bundle.writer import ShardWriter
from pm_data.capture.accounts import Balance, total
from pm_data.capture.carry import Carry
from pm_data.capture.disk import DiskWatch
from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.heartbeat import Heartbeat
from pm_data.capture.journal import Journal
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.metrics import Samples
from pm_data.capture.runlog import RunLog
from pm_data.capture.sync_thread import SyncThread
from pm_data.capture.tally import Tally
from pm_data.capture.threads import Periodic
from pm_data.capture.writer_thread import WriterThread
from pm_data.config import Config
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.venue.recordlog import Part, RecordLog

_HEARTBEAT_SECONDS = 1.0

# A session takes up to a second to stop; with these it makes less than the 5 s of rule A3.
_DRAIN_SECONDS = 2.0
_HALT_SECONDS = 0.5
_THREAD_SECONDS = 0.5


class Plant:
    """Writes one part of the log until nothing follows.

    Its threads start when it is made, its heartbeats at `begin`.
    """

    def __init__(
        self,
        config: Config,
        run: RunDir,
        latch: FatalLatch,
        monitor: LoopMonitor,
        log: RecordLog,
        part: Part,
        carry: Carry | None,
        after: "Plant | None",
    ) -> None:
        """Start the threads.

        Args:
            part, carry, after: as in `WriterThread`. After another, the shards' files are made at once.

        Raises:
            OSError: a file of the run cannot be made.
        """
        self._latch = latch
        self._monitor = monitor
        self._lag = monitor.lag
        self._journal = Journal(run.path, latch)
        self.runlog = RunLog(self._journal)
        self._latency = Samples(config.capture_metrics_max_samples)
        self._writer: WriterThread = WriterThread(
            log,
            lambda shard: ShardWriter(run, shard),
            latch,
            self._latency,
            sync_each_batch=config.capture_fsync == "every",
            part=part,
            carry=carry,
            after=None if after is None else after._writer,
            open_first=() if after is None else log.shards,
        )
        self._sync: SyncThread | None = None
        if config.capture_fsync == "interval":
            self._sync = SyncThread(self._writer, config.capture_fsync_interval_seconds, latch)
        self._disk = DiskWatch(
            run.path, config.capture_disk_usage_interval_seconds, config.capture_min_free_bytes, latch
        )
        self.tally = Tally(self.runlog)
        self._heartbeat = Heartbeat(
            self._writer, monitor, self._disk, self._latency, log, self.runlog, self._journal, self.tally
        )
        self._beats: Periodic | None = None

    def begin(self, fields: JsonObject, listeners: Sequence[Callable[[JsonObject], None]]) -> None:
        """Write the run log's first line, and beat from now on.

        Args:
            fields: of that line.
            listeners: as in `Heartbeat`.
        """
        self._lag = self._monitor.begin()
        self._heartbeat.begin(listeners)
        self.runlog.append("run_start", fields)
        self._beats = Periodic("heartbeat", _HEARTBEAT_SECONDS, self._heartbeat.beat, self._latch)

    def leave_listeners(self) -> None:
        """Tell nobody of further heartbeats, because another plant does."""
        self._heartbeat.listeners = ()

    def balances(self) -> dict[int, Balance]:
        """Return the accounts of each shard."""
        return self._writer.balances()

    def balance(self) -> Balance:
        """Return the accounts of all shards together."""
        return total(self._writer.balances().values())

    @property
    def lag_p99_ms(self) -> float | None:
        """Return the event loop's lateness at the last heartbeat."""
        return self._heartbeat.lag_p99_ms

    @property
    def disk_free_bytes(self) -> int | None:
        """Return the free space at the last look."""
        return self._disk.free_bytes

    def latencies(self) -> JsonObject:
        """Return the quantiles over the whole run, as the run log's last line has them."""
        return {
            "loop_lag_ms": self._lag.whole_run_ms(),
            "received_to_written_ms": self._latency.whole_run_ms(),
        }

    def last_records(self) -> dict[int, list[Record]]:
        """Return the last records of each shard that came to the writer."""
        return self._writer.last_records()

    @property
    def is_writing(self) -> bool:
        """Tell whether the writer goes on, or waits for its turn."""
        return not self._writer.join(0)

    def wait(self) -> None:
        """Wait until nothing follows and all is written, however long that takes; then `stop` is quick."""
        self._writer.join(None)
        if self._sync is not None:
            self._sync.stop(None)

    def stop(self) -> list[ShardSeal] | None:
        """Write what is queued, close the shards and end the threads, within about 4 s.

        Nothing may follow any more: the log is closed, or cut at the part's end.

        Returns:
            What each shard holds; None when the disk hung, and the shards with it.
        """
        drained = self._writer.join(_DRAIN_SECONDS)
        if not drained:
            self._latch.set(Cause.STALLED, f"the disk did not take the queue within {_DRAIN_SECONDS:g} s")
            self._writer.halt()
            drained = self._writer.join(_HALT_SECONDS)
        synced = self._sync is None or self._sync.stop(_THREAD_SECONDS)
        if not synced:
            self._latch.set(Cause.STALLED, f"a sync did not end within {_THREAD_SECONDS:g} s")
        seals = self._writer.close_shards() if drained and synced else None
        self._disk.stop()
        if self._beats is not None:
            self._beats.stop(_THREAD_SECONDS)
            self._heartbeat.beat()
        return seals

    def halt(self) -> None:
        """Write nothing more."""
        self._writer.halt()

    def close_journal(self) -> None:
        """Write the last lines of run log and metrics; nothing may be appended afterwards."""
        self._journal.close(_THREAD_SECONDS)
