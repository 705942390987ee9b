"""One bundle of a capture, from its first file to its last; a capture that rotates fills many."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from pm_data import clock
from pm_data.bundle.layout import OwnedRunDir
from pm_data.bundle.manifest import Manifest, ShardSeal
from pm_data.capture.accounts import Balance
from pm_data.capture.beginning import begin_bundle
from pm_data.capture.carry import Carry
from pm_data.capture.closing import Ending, close_bundle
from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.plant import Plant
from pm_data.capture.provenance import begin_manifest
from pm_data.config import Resolved
from pm_data.jsonlib import JsonObject
from pm_data.venue.recordlog import Part, RecordLog
from pm_data.venue.universe import Market


@dataclass(frozen=True)
class Scene:
    """What the session knew when a bundle began or ended.

    Args:
        shards: how many there are.
        missing: shard to the tokens that were asked for and have no book.
    """

    markets: list[Market]
    shards: int
    missing: dict[int, list[str]]


class Volume:
    """A run directory, and the threads that fill it."""

    def __init__(
        self,
        resolved: Resolved,
        run: OwnedRunDir,
        markets: Sequence[Market],
        log: RecordLog,
        monitor: LoopMonitor,
        part: Part,
        carry: Carry | None,
        after: Self | None,
    ) -> None:
        """Write the first files and start the threads; the directory's lock is this object's from now on.

        Args:
            part: of the log; for the first volume the log's own.
            carry: as in `WriterThread`; the same for all volumes.
            after: the volume before; None for the first.

        Raises:
            FatalCaptureError, OSError: the disk refuses; the lock is given back.
        """
        self.run = run
        self.part = part
        self.latch = FatalLatch()
        self._config = resolved.config
        self._previous = None if after is None else after.run.run_id
        metadata = [market.metadata() for market in markets]
        try:
            self._manifest = begin_manifest(run.run_id, "online", resolved, metadata, self._previous)
            self._reserve = begin_bundle(run, self._manifest)
            self.plant: Plant = Plant(
                self._config,
                run,
                self.latch,
                monitor,
                log,
                part,
                carry,
                None if after is None else after.plant,
            )
        except BaseException:
            run.release()
            raise

    def begin(self, scene: Scene, listeners: Sequence[Callable[[JsonObject], None]]) -> None:
        """Begin the run log.

        Args:
            listeners: are told of each heartbeat.
        """
        markets = len(scene.markets)
        fields: JsonObject = {"markets": markets, "tokens": 2 * markets, "shards": scene.shards}
        if self._previous is not None:
            fields["previous"] = self._previous
        self.plant.begin(fields, listeners)

    def check_drops(self) -> None:
        """End the capture for a dropped frame, where a drop is fatal."""
        if not self._config.capture_drop_fatal:
            return
        for shard, balance in self.plant.balances().items():
            if balance.dropped.frames:
                self.latch.set(
                    Cause.DROP,
                    f"{balance.dropped.frames} frames dropped: the disk did not keep up with the queue",
                    shard,
                )

    def close(
        self, reason: str | None, scene: Scene, say: Callable[[str], None], following: str | None = None
    ) -> Manifest:
        """Write what waits and the last files, and return the last manifest.

        Nothing may follow any more: the log is closed, or cut at the part's end.

        Args:
            following: run id of the bundle after it; None for the last.
        """
        plant = self.plant
        seals = plant.stop()
        self.check_drops()
        balance = plant.balance()
        fatal = self.latch.fatal
        if fatal is not None:
            reason = "fatal"
            plant.runlog.append(
                "fatal", {"cause": fatal.cause.value, "message": fatal.message, "shard": fatal.shard}
            )
        fields: JsonObject = {"reason": reason}
        manifest = self._manifest
        if following is not None:
            fields["next"] = following
            manifest = replace(manifest, next=following)
        fields |= {**balance.fields(clock.mono_ns()), **plant.latencies()}
        plant.runlog.append("run_end", fields)
        plant.close_journal()
        return self._seal(manifest, seals, balance, scene, say)

    def discard(self) -> None:
        """Take everything away again, of a volume that nothing was written to."""
        self.plant.halt()
        self.plant.stop()
        self.plant.close_journal()
        self._reserve.release()
        self.run.release()
        shutil.rmtree(self.run.path)

    def keep(self) -> None:
        """Write what waits, and no last files: something of ours has failed."""
        self.plant.stop()
        self.plant.close_journal()
        self.run.release()

    def _seal(
        self,
        manifest: Manifest,
        seals: list[ShardSeal] | None,
        balance: Balance,
        scene: Scene,
        say: Callable[[str], None],
    ) -> Manifest:
        ending = Ending(
            markets=[market.metadata() for market in scene.markets],
            seals=seals,
            balance=balance,
            missing=scene.missing,
            last_records=self.plant.last_records(),
        )
        try:
            return close_bundle(self.run, manifest, self._reserve, self.latch, ending, say)
        finally:
            self.run.release()
