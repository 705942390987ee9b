"""When a connection must be given up, and when it wants its next PING.

Pure arithmetic on the monotonic clock. Any frame proves the transport; only data
proves the subscription, because the venue answers PING on connections that went
dead long ago (PROTOCOL 1.1, rule W1).
"""

from pm_data.config import Config

_SECOND_NS = 1_000_000_000


class Liveness:
    """The watchdogs of one connection; all times are monotonic ns.

    Args:
        confirm: whether the connection must still prove itself with first data.
    """

    def __init__(self, config: Config, opened_ns: int, confirm: bool) -> None:
        self._ping_interval_ns = int(config.ws_ping_interval_seconds * _SECOND_NS)
        self._ping_timeout_ns = int(config.ws_ping_timeout_seconds * _SECOND_NS)
        self._idle_ns = int(config.ws_data_idle_reconnect_seconds * _SECOND_NS)
        self._confirm_ns = int(config.capture_confirm_timeout_seconds * _SECOND_NS)
        self._confirm_frames = config.capture_confirm_min_events if confirm else 0
        self.opened_ns = opened_ns
        self._next_ping_ns = opened_ns + self._ping_interval_ns
        self._unanswered_ping_ns: int | None = None
        self.last_frame_ns = opened_ns
        self.last_data_ns = opened_ns
        self.data_frames = 0
        self.idle_asked = False
        """Whether the witness is being asked about an idle connection, which stays until it has answered."""
        self._quiet_ns = opened_ns

    def quiet(self, now_ns: int) -> None:
        """Take the witness's word that nothing was missed; the idle time starts again."""
        self.idle_asked = False
        self._quiet_ns = now_ns

    def ping_due(self, now_ns: int) -> bool:
        """Tell whether to send a PING now; a yes is taken as sent."""
        if now_ns < self._next_ping_ns:
            return False
        self._next_ping_ns = now_ns + self._ping_interval_ns
        self._forget_answered_ping()
        if self._unanswered_ping_ns is None:
            self._unanswered_ping_ns = now_ns
        return True

    def verdict(self, now_ns: int) -> str | None:
        """Return why it must be closed now, `ping_timeout`, `idle` or `confirm`; None while it may stay."""
        self._forget_answered_ping()
        ping_ns = self._unanswered_ping_ns
        if ping_ns is not None and now_ns >= ping_ns + self._ping_timeout_ns:
            return "ping_timeout"
        if self.data_frames < self._confirm_frames and now_ns >= self.opened_ns + self._confirm_ns:
            return "confirm"
        if not self.idle_asked and now_ns >= self._idle_at_ns():
            return "idle"
        return None

    def next_check_ns(self) -> int:
        """Return the earliest time at which a PING or a verdict can fall due, as things stand."""
        times = [self._next_ping_ns]
        if not self.idle_asked:
            times.append(self._idle_at_ns())
        if self._unanswered_ping_ns is not None:
            times.append(self._unanswered_ping_ns + self._ping_timeout_ns)
        if self.data_frames < self._confirm_frames:
            times.append(self.opened_ns + self._confirm_ns)
        return min(times)

    def _idle_at_ns(self) -> int:
        return max(self.last_data_ns, self._quiet_ns) + self._idle_ns

    def _forget_answered_ping(self) -> None:
        ping_ns = self._unanswered_ping_ns
        if ping_ns is not None and self.last_frame_ns > ping_ns:
            self._unanswered_ping_ns = None
