"""An online capture, from the market listing to the closed bundle."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from pm_data import clock
from pm_data.bundle.layout import OwnedRunDir, create_run_dir, new_run_id, validate_run_id
from pm_data.bundle.manifest import CLOSED, ShardSeal
from pm_data.capture.beginning import begin_bundle
from pm_data.capture.closing import Ending, close_bundle
from pm_data.capture.exporter import Exporter
from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.plant import Plant
from pm_data.capture.provenance import begin_manifest
from pm_data.capture.service_manager import ServiceManager
from pm_data.capture.stop_request import StopRequest
from pm_data.capture.teller import Say, Show, Teller
from pm_data.config import Resolved
from pm_data.errors import FatalCaptureError, UnavailableError, UsageError
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.osdep import high_resolution_timer, stop_signals
from pm_data.venue.gamma import GammaClient
from pm_data.venue.selection import Selection
from pm_data.venue.session import Session
from pm_data.venue.universe import Market, plan_shards

_DROP_CHECK_SECONDS = 0.1


def capture_online(
    resolved: Resolved,
    run_id: str | None,
    duration_seconds: float | None,
    say: Say,
    selection: Selection | None = None,
    show: Show | None = None,
    tap: Callable[[list[Record]], None] | None = None,
) -> JsonObject:
    """Record the market WebSocket into a new run directory until a signal or the duration ends it.

    Args:
        run_id: name of the run directory; None for one made of the time.
        selection: which markets; None for all.
        show: draws the status block on a terminal; None for a line a minute.
        tap: is given each batch of records before it is written; None for nobody.

    Returns:
        The command's JSON line: `ok, run_id, run_dir, status, received, written, dropped`.

    Raises:
        UnavailableError: Gamma cannot be reached, or lists no active binary market.
        UsageError: the run id is used already; no market answers to a name.
        ConfigError: the run id may not be one.
        FatalCaptureError: the first files of the run cannot be written.
    """
    config = resolved.config
    exporter = None
    if config.capture_metrics_port:
        exporter = Exporter(config.capture_metrics_host, config.capture_metrics_port)
    run_id = new_run_id() if run_id is None else validate_run_id(run_id)
    gamma = GammaClient(config.gamma_base_url)
    try:
        selection = selection or Selection()
        listing = gamma.active_markets(config.capture_max_markets, selection)
        if not listing.capped and (unmatched := selection.unmatched(listing.markets)):
            raise UsageError(
                f"--market: {unmatched[0]!r} is no slug, condition id or token of an active binary market"
            )
        if not listing.markets:
            raise UnavailableError(f"{config.gamma_base_url} lists no active binary market")
        if left_out := selection.missing_tokens(listing.markets):
            say(f"{left_out} of {len(selection.tokens)} tokens of the file belong to no active binary market")
        if listing.capped:
            say(f"cap reached: only the {len(listing.markets)} largest markets (capture_max_markets)")
        plan = plan_shards(listing.markets, config.ws_shards, config.ws_tokens_per_shard_max)
        if len(plan) > config.ws_shards:
            say(
                f"{len(plan)} connections instead of {config.ws_shards} (ws_shards), "
                f"because one carries at most {config.ws_tokens_per_shard_max} tokens"
            )
        stop = StopRequest()
        # From here on Ctrl-C ends in a closed bundle.
        with stop_signals(stop.ask), create_run_dir(Path(config.data_dir), run_id) as run:
            say(f"recording {len(listing.markets)} markets into {run.path}")
            live = _OnlineRun(resolved, run, gamma, selection, plan, say, show, tap, exporter)
            return live.run(stop, duration_seconds)
    finally:
        gamma.close()


class _OnlineRun:
    """One run directory being filled."""

    def __init__(
        self,
        resolved: Resolved,
        run: OwnedRunDir,
        gamma: GammaClient,
        selection: Selection,
        plan: list[list[Market]],
        say: Say,
        show: Show | None,
        tap: Callable[[list[Record]], None] | None,
        exporter: Exporter | None,
    ) -> None:
        config = self._config = resolved.config
        self._run = run
        self._gamma = gamma
        self._selection = selection
        self._say = say
        self._show = show
        markets = [market for part in plan for market in part]
        metadata = [market.metadata() for market in markets]
        self._manifest = begin_manifest(run.run_id, "online", resolved, metadata)
        self._reserve = begin_bundle(run, self._manifest)
        self._latch = FatalLatch()
        self._monitor = LoopMonitor(
            config.capture_metrics_max_samples,
            self._coverage,
            config.capture_coverage_metrics_interval_seconds,
        )
        self._manager = ServiceManager(os.environ)
        listeners = [self._manager.note] if exporter is None else [self._manager.note, exporter.note]
        self._plant = Plant(config, run, self._latch, self._monitor, tap, listeners)
        self._session = Session(config, plan, self._plant.log, self._plant.tally.note, self._find_markets)
        self._end_reason: str | None = None
        self._plant.runlog.append(
            "run_start", {"markets": len(markets), "tokens": 2 * len(markets), "shards": len(plan)}
        )

    def run(self, stop: StopRequest, duration_seconds: float | None) -> JsonObject:
        """Capture until told to stop, close the bundle, and return the command's JSON line."""
        with high_resolution_timer(self._config.capture_windows_high_res_timer_enable):
            teller = Teller(self._plant, self._session, self._say, self._show, self._latch)
            try:
                # Not asyncio.run: the loop is made before the coroutine, and may be refused.
                with asyncio.Runner() as runner:
                    runner.run(self._record(stop, duration_seconds))
            except OSError as error:
                self._latch.set(Cause.SYSTEM_ERROR, str(error))
            except BaseException:
                # An error of ours, or a second Ctrl-C: what was received goes to the disk all the same.
                self._plant.stop()
                self._plant.close_journal()
                raise
            teller.stop()
            return self._close(self._plant.stop())

    async def _record(self, stop: StopRequest, duration_seconds: float | None) -> None:
        """Run the session, and in the same loop what watches it."""
        loop = asyncio.get_running_loop()
        stop.listen(lambda: loop.call_soon_threadsafe(self._stop, "stop"))
        self._latch.listen(lambda: loop.call_soon_threadsafe(self._stop, "fatal"))
        timer = None
        if duration_seconds is not None:
            timer = loop.call_later(duration_seconds, self._stop, "duration")
        watchers = [loop.create_task(self._monitor.run()), loop.create_task(self._watch_drops())]
        try:
            await self._session.run()
        except FatalCaptureError as error:
            self._latch.set(Cause.CONFIRM, str(error))
        finally:
            stop.listen(None)
            self._latch.listen(None)
            if timer is not None:
                timer.cancel()
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    def _stop(self, reason: str) -> None:
        self._end_reason = self._end_reason or reason
        self._manager.stopping()
        self._session.stop(reason)

    async def _watch_drops(self) -> None:
        while True:
            await asyncio.sleep(_DROP_CHECK_SECONDS)
            self._check_drops()

    def _check_drops(self) -> None:
        if not self._config.capture_drop_fatal:
            return
        for shard in self._plant.log.shards:
            dropped = self._plant.log.account(shard).dropped_frames
            if dropped:
                self._latch.set(
                    Cause.DROP, f"{dropped} frames dropped: the disk did not keep up with the queue", shard
                )

    def _close(self, seals: list[ShardSeal] | None) -> JsonObject:
        self._check_drops()
        plant = self._plant
        balance = plant.balance()
        fatal = self._latch.fatal
        if fatal is not None:
            self._end_reason = "fatal"
            fields = {"cause": fatal.cause.value, "message": fatal.message, "shard": fatal.shard}
            plant.runlog.append("fatal", fields)
        fields = {"reason": self._end_reason, **balance.fields(clock.mono_ns()), **plant.latencies()}
        plant.runlog.append("run_end", fields)
        plant.close_journal()
        manifest = close_bundle(
            self._run,
            self._manifest,
            self._reserve,
            self._latch,
            Ending(
                markets=[market.metadata() for market in self._session.markets],
                seals=seals,
                balance=balance,
                missing=self._session.missing_tokens(),
                last_records=plant.last_records(),
            ),
            self._say,
        )
        return {
            "ok": manifest.status == CLOSED,
            "run_id": self._run.run_id,
            "run_dir": str(self._run.path),
            "status": manifest.status,
            "received": balance.received.frames,
            "written": balance.written.frames,
            "dropped": balance.dropped.frames,
        }

    def _find_markets(self) -> list[Market]:
        # Some more than the cap: what slips just below it stays, and is not swapped at every look.
        cap = self._config.capture_max_markets
        return self._gamma.active_markets(cap + max(cap // 10, 1), self._selection).markets

    def _coverage(self) -> dict[int, tuple[int, int]]:
        return {shard.shard: (shard.tokens, shard.tokens_with_book) for shard in self._session.status()}
