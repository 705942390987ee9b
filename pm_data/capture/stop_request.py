"""The user's wish to stop, which may come before there is an event loop to hear it."""

from collections.abc import Callable


class StopRequest:
    """Remembers that a stop was asked for and tells one listener.

    For one thread and its signal handlers.
    """

    def __init__(self) -> None:
        self._asked = False
        self._listener: Callable[[], object] | None = None

    def ask(self) -> None:
        """Ask for the stop; callable from a signal handler."""
        self._asked = True
        if self._listener is not None:
            self._listener()

    def listen(self, listener: Callable[[], object] | None) -> None:
        """Call `listener` when a stop is asked for, at once when it was already."""
        self._listener = listener
        if self._asked and listener is not None:
            listener()
