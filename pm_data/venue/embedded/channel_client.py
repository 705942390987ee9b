"""A market channel client on a WebSocket, and the record of what it was sent."""

from typing import TYPE_CHECKING

from pm_data.venue.embedded.market_channel import Client
from pm_data.venue.embedded.sent_log import SentLog
from pm_data.venue.embedded.websocket import WebSocket

if TYPE_CHECKING:
    from pm_data.venue.embedded.connection import Hub


class ChannelClient(Client):
    """A market channel client on a WebSocket.

    Attributes:
        gone: whether its connection is lost.
    """

    def __init__(self, hub: "Hub", websocket: WebSocket) -> None:
        super().__init__()
        self._hub = hub
        self._websocket = websocket
        directory = hub.options.sent_log
        path = None if directory is None else directory / f"conn_{len(hub.sent) + 1}.ndjson"
        self._sent = SentLog(path, keep=hub.options.keep_sent)
        self.gone = False
        hub.sent.append(self._sent)

    def deliver(self, payload: bytes, frame: bytes) -> None:
        """Queue a text frame; every frame to a client passes here."""
        if self._websocket.queue(frame):
            self._sent.add(payload)
            self._hub.unflushed[self._websocket] = self._sent

    def close(self) -> None:
        """Close the log of what was sent."""
        self.gone = True
        self._sent.close()
