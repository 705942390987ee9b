"""The bundles of one capture: a rotation ends one and begins the next while the session goes on as it is.

A thread of its own makes the next bundle's first files. Then the event loop cuts the log, in one
step: what came before goes to the old bundle, what comes from then on to the new one, which
begins with all that was known at the cut. The thread then closes the old one.
"""

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Sequence

from pm_data.bundle.layout import OwnedRunDir, create_run_dir, validate_run_id
from pm_data.bundle.manifest import CLOSED
from pm_data.capture.accounts import Balance
from pm_data.capture.carry import Carry
from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.threads import start_thread
from pm_data.capture.volume import Scene, Volume
from pm_data.config import Resolved
from pm_data.errors import ConfigError, PmDataError
from pm_data.jsonlib import JsonObject
from pm_data.venue.recordlog import Part, RecordLog
from pm_data.venue.session import Session

_LAST_NUMBER = 99_999
_LOOK_SECONDS = 0.05
_READY_SECONDS = 10.0
"""Longest time for the books to be made before the cut; what is not, is made after it."""

_CLOSE_SECONDS = 3.0
"""What a rotation that is under way at the end may take, the closing of the last bundle included."""


def check_run_id(run_id: str) -> None:
    """Check that the run ids of the later bundles may be made of the first one's.

    Args:
        run_id: a run id.

    Raises:
        ConfigError: it is too long.
    """
    last = _run_id(run_id, _LAST_NUMBER)
    try:
        validate_run_id(last)
    except ConfigError:
        longer = len(last) - len(run_id)
        raise ConfigError(
            f"run id {run_id!r} is too long to rotate: later bundles' have up to {longer} characters more"
        ) from None


def _run_id(first: str, number: int) -> str:
    return f"{first}-{number:04d}"


class Volumes:
    """The bundle that a capture fills now, and those that it filled before.

    Args:
        run: directory of the first.
        listeners: are told of each heartbeat.
    """

    def __init__(
        self,
        resolved: Resolved,
        run: OwnedRunDir,
        scene: Scene,
        log: RecordLog,
        monitor: LoopMonitor,
        listeners: Sequence[Callable[[JsonObject], None]],
        say: Callable[[str], None],
        *,
        rotates: bool,
    ) -> None:
        """Begin the first bundle.

        Raises:
            FatalCaptureError, OSError: the disk refuses.
        """
        self._resolved = resolved
        self.log = log
        self._monitor = monitor
        self._listeners = listeners
        self._say = say
        self._carry = Carry() if rotates else None
        self._number = 1
        self.current = Volume(resolved, run, scene.markets, log, monitor, log.part, self._carry, None)
        self.current.begin(scene, listeners)
        self.run_ids = [run.run_id]
        self.all_closed = True
        """Whether each bundle that has ended is closed."""
        self._ended: tuple[Balance, Volume | None] = Balance(), None
        self._prepared: Volume | None = None
        self._thread: threading.Thread | None = None
        self._on_fatal: Callable[[], object] | None = None
        self.latch = FatalLatch()
        """Takes what is fatal for the capture and of no bundle, and hands it to the one that is filled."""
        self.latch.listen(self._hand_on)

    def listen(self, on_fatal: Callable[[], object] | None) -> None:
        """Call `on_fatal` when the bundle that is filled meets something fatal; as `FatalLatch.listen`."""
        self._on_fatal = on_fatal
        self.current.latch.listen(on_fatal)

    def balance(self) -> Balance:
        """Return the accounts of all bundles together."""
        closed, closing = self._ended
        before = closed if closing is None else closed.plus(closing.plant.balance())
        return before.plus(self.current.plant.balance())

    async def rotate(self, seconds: float, session: Session) -> None:
        """Begin a new bundle every so many seconds, until cancelled or the session stops."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        try:
            while not session.is_stopping:
                await asyncio.sleep(due - loop.time())
                await self._rotate_once(session)
                due = max(due + seconds, loop.time())
        except RuntimeError as error:  # no thread is to be had
            self.latch.set(Cause.SYSTEM_ERROR, f"a rotation failed: {error}")

    async def _rotate_once(self, session: Session) -> None:
        await self._in_thread(self._prepare, scene_of(session))
        prepared = self._prepared
        if prepared is not None and not session.is_stopping:
            old, scene = self._turn_to(prepared, session)
            await self._in_thread(self._close, old, scene)

    def close(self, reason: str | None, scene: Scene) -> str:
        """Close the last bundle, and what a rotation under way left; return the last one's status.

        The session has ended, and the log is closed.
        """
        began = time.monotonic()
        manifest = self.current.close(reason, scene, self._say)
        self.all_closed = self.all_closed and manifest.status == CLOSED
        if self._thread is not None:
            self._thread.join(max(_CLOSE_SECONDS - (time.monotonic() - began), 0.1))
            if self._thread.is_alive():
                self._say("a rotation that was under way did not end; its bundle reads as interrupted")
                self.all_closed = False
            elif self._prepared is not None:
                self._discard(self._prepared)
        return manifest.status

    def keep(self) -> None:
        """Write what waits, and nothing else: something of ours has failed."""
        self.current.keep()

    def _prepare(self, scene: Scene) -> None:
        """Make the next bundle's directory and first files, and start its threads."""
        run = None
        try:
            run = create_run_dir(self.current.run.path.parent.parent, self._next_run_id())
            self._prepared = Volume(
                self._resolved,
                run,
                scene.markets,
                self.log,
                self._monitor,
                Part(),
                self._carry,
                self.current,
            )
            self._have_books_made()
        except (OSError, PmDataError) as error:
            self.latch.set(Cause.WRITE_ERROR, f"the next bundle cannot begin: {error}")
            if run is not None:
                shutil.rmtree(run.path, ignore_errors=True)

    def _have_books_made(self) -> None:
        """Wait until the opening is made but for what changes meanwhile, or nobody makes it any more."""
        carry = self._carry
        assert carry is not None  # this capture rotates
        carry.ask()
        end = time.monotonic() + _READY_SECONDS
        while not carry.is_ready.wait(_LOOK_SECONDS):
            if not self.current.plant.is_writing or time.monotonic() > end:
                return

    def _next_run_id(self) -> str:
        runs = self.current.run.path.parent
        while True:
            self._number += 1
            run_id = _run_id(self.run_ids[0], self._number)
            if not (runs / run_id).exists():  # else left by an earlier capture
                return run_id

    def _turn_to(self, new: Volume, session: Session) -> tuple[Volume, Scene]:
        """Cut the log; return the volume that ended and what the session knew then."""
        old, scene = self.current, scene_of(session)
        self.log.cut(new.part)
        self._prepared, self.current = None, new
        self._ended = self._ended[0], old
        self.run_ids.append(new.run.run_id)
        old.latch.listen(lambda: self._hand_up(old))
        new.latch.listen(self._on_fatal)
        old.plant.leave_listeners()
        new.begin(scene, self._listeners)
        return old, scene

    def _close(self, old: Volume, scene: Scene) -> None:
        old.plant.wait()
        manifest = old.close("rotation", scene, self._say, self.current.run.run_id)
        self.all_closed = self.all_closed and manifest.status == CLOSED
        self._ended = self._ended[0].plus(old.plant.balance()), None
        self._say(f"{old.run.run_id} is {manifest.status}; recording into {self.current.run.path}")

    def _hand_on(self) -> None:
        fatal = self.latch.fatal
        assert fatal is not None
        self.current.latch.set(fatal.cause, fatal.message, fatal.shard)

    def _hand_up(self, old: Volume) -> None:
        fatal = old.latch.fatal
        assert fatal is not None
        self.latch.set(fatal.cause, f"{old.run.run_id}: {fatal.message}", fatal.shard)

    def _discard(self, volume: Volume) -> None:
        try:
            volume.discard()
        except OSError as error:
            self._say(f"cannot remove {volume.run.path}: {error}")

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def run() -> None:
            try:
                work(*arguments)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                    loop.call_soon_threadsafe(done.set)

        self._thread = start_thread("rotation", run, self.latch)
        await done.wait()


def scene_of(session: Session) -> Scene:
    """Return what the session knows now."""
    return Scene(session.markets, len(session.status()), session.missing_tokens())
