"""An online capture, from the market listing to the last closed bundle."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from pm_data.bundle.layout import OwnedRunDir, create_run_dir, new_run_id, validate_run_id
from pm_data.capture.exporter import Exporter
from pm_data.capture.fatal import Cause
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.rotation import Volumes, check_run_id, scene_of
from pm_data.capture.service_manager import ServiceManager
from pm_data.capture.stop_request import StopRequest
from pm_data.capture.teller import Say, Show, Teller
from pm_data.capture.volume import Scene
from pm_data.config import Resolved
from pm_data.errors import FatalCaptureError, UnavailableError, UsageError
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.osdep import high_resolution_timer, stop_signals
from pm_data.venue.gamma import GammaClient
from pm_data.venue.recordlog import RecordLog
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
        The command's JSON line: `ok, run_id, run_dir, status, received, written, dropped`. Of a capture that
        rotates the run is the last, the frames are those of all, and `run_ids` has them in order.

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
    if config.capture_rotate_seconds and tap is None:
        check_run_id(run_id)
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
        with stop_signals(stop.ask):
            run = create_run_dir(Path(config.data_dir), run_id)
            say(f"recording {len(listing.markets)} markets into {run.path}")
            live = _OnlineRun(resolved, run, gamma, selection, plan, say, show, tap, exporter)
            return live.run(stop, duration_seconds)
    finally:
        gamma.close()


class _OnlineRun:
    """One session, and the bundles that it fills."""

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
        self._gamma = gamma
        self._selection = selection
        self._say = say
        self._show = show
        # Who taps the log takes a whole run, and replays it from one bundle.
        self._rotate_seconds = config.capture_rotate_seconds if tap is None else 0
        self._monitor = LoopMonitor(
            config.capture_metrics_max_samples,
            self._coverage,
            config.capture_coverage_metrics_interval_seconds,
        )
        self._manager = ServiceManager(os.environ)
        listeners = [self._manager.note] if exporter is None else [self._manager.note, exporter.note]
        log = RecordLog(config.capture_queue_max_frames, config.capture_queue_max_bytes, tap=tap)
        self._volumes = Volumes(
            resolved,
            run,
            Scene([market for part in plan for market in part], len(plan), {}),
            log,
            self._monitor,
            listeners,
            say,
            rotates=self._rotate_seconds > 0,
        )
        self._session = Session(config, plan, log, self._note, self._find_markets)
        self._end_reason: str | None = None

    def run(self, stop: StopRequest, duration_seconds: float | None) -> JsonObject:
        """Capture until told to stop, close the last bundle, and return the command's JSON line."""
        volumes = self._volumes
        with high_resolution_timer(self._config.capture_windows_high_res_timer_enable):
            teller = Teller(volumes, self._session, self._say, self._show)
            try:
                # Not asyncio.run: the loop is made before the coroutine, and may be refused.
                with asyncio.Runner() as runner:
                    runner.run(self._record(stop, duration_seconds))
            except OSError as error:
                volumes.latch.set(Cause.SYSTEM_ERROR, str(error))
            except BaseException:
                # An error of ours, or a second Ctrl-C: what was received goes to the disk all the same.
                volumes.log.close()
                volumes.keep()
                raise
            teller.stop()
            volumes.log.close()
            return self._line(volumes.close(self._end_reason, scene_of(self._session)))

    async def _record(self, stop: StopRequest, duration_seconds: float | None) -> None:
        """Run the session, and in the same loop what watches it."""
        loop = asyncio.get_running_loop()
        stop.listen(lambda: loop.call_soon_threadsafe(self._stop, "stop"))
        self._volumes.listen(lambda: loop.call_soon_threadsafe(self._stop, "fatal"))
        timer = None
        if duration_seconds is not None:
            timer = loop.call_later(duration_seconds, self._stop, "duration")
        watchers = [loop.create_task(self._monitor.run()), loop.create_task(self._watch_drops())]
        if self._rotate_seconds:
            watchers.append(loop.create_task(self._volumes.rotate(self._rotate_seconds, self._session)))
        try:
            await self._session.run()
        except FatalCaptureError as error:
            self._volumes.latch.set(Cause.CONFIRM, str(error))
        finally:
            stop.listen(None)
            self._volumes.listen(None)
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
            self._volumes.current.check_drops()

    def _line(self, status: str) -> JsonObject:
        volumes, run = self._volumes, self._volumes.current.run
        balance = volumes.balance()
        line: JsonObject = {
            "ok": volumes.all_closed,
            "run_id": run.run_id,
            "run_dir": str(run.path),
            "status": status,
            "received": balance.received.frames,
            "written": balance.written.frames,
            "dropped": balance.dropped.frames,
        }
        return line | {"run_ids": volumes.run_ids} if self._rotate_seconds else line

    def _note(self, record_type: str, fields: JsonObject) -> None:
        self._volumes.current.plant.tally.note(record_type, fields)

    def _find_markets(self) -> list[Market]:
        # Some more than the cap: what slips just below it stays, and is not swapped at every look.
        cap = self._config.capture_max_markets
        return self._gamma.active_markets(cap + max(cap // 10, 1), self._selection).markets

    def _coverage(self) -> dict[int, tuple[int, int]]:
        return {shard.shard: (shard.tokens, shard.tokens_with_book) for shard in self._session.status()}
