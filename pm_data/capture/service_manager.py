"""Tell systemd how the capture fares (Type=notify, WatchdogSec): sd_notify(3), without its library."""

import contextlib
import socket
from collections.abc import Mapping

from pm_data.jsonlib import JsonObject

STUCK_LOOP_MS = 10_000
"""An event loop this late gets no sign of life, so that the watchdog restarts the process."""


class ServiceManager:
    """Sends notes to the socket that the service manager named; does nothing where it named none."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ has no file: its first byte is zero.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_ready = False

    def note(self, beat: JsonObject) -> None:
        """Take a heartbeat: the first says that the service is up, each that it lives."""
        lag_ms = beat["loop_lag_ms"]["max"]
        if lag_ms is not None and lag_ms > STUCK_LOOP_MS:
            return
        status = f"STATUS=received {beat['received']} written {beat['written']} queued {beat['queued']}"
        words = ["WATCHDOG=1", status]
        if not self._is_ready:
            words.insert(0, "READY=1")
            self._is_ready = True
        self._send("\n".join(words))

    def stopping(self) -> None:
        """Say that the capture ends and closes its bundle."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A manager that does not listen is no reason to end a capture.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(text.encode("utf-8"), self._address)
