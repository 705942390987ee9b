"""Who is subscribed to what, and what a client's texts mean."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from pm_data import jsonlib
from pm_data.venue.embedded import messages
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.exchange import Exchange, Message
from pm_data.venue.embedded.replay import Replay
from pm_data.venue.embedded.websocket import text_frame

PONG = b"PONG"
INVALID_OPERATION = b"INVALID OPERATION"
NO_NEW_ASSETS = b"NO NEW ASSETS"


class Client(ABC):
    """One connection's subscriptions.

    Attributes:
        custom: whether it asked for custom features.
        assets: what it is subscribed to, unknown tokens included.
    """

    def __init__(self) -> None:
        self.custom = False
        self.assets: set[str] = set()

    @abstractmethod
    def deliver(self, payload: bytes, frame: bytes) -> None:
        """Take a payload, and the text frame that holds it, for this client."""

    def send(self, payload: bytes) -> None:
        """Send a text to this client alone."""
        self.deliver(payload, text_frame(payload))

    def send_opening(self, books: Sequence[tuple[MarketBook, int]]) -> None:
        """Send the opening array of these books."""
        self.send(messages.opening(books).encode())


class MarketChannel:
    """The market channel of an exchange, or of a recorded run."""

    def __init__(self, exchange: Exchange | Replay) -> None:
        self._exchange = exchange
        self._clients: list[Client] = []
        self._by_asset: dict[str, list[Client]] = {}

    def join(self, client: Client) -> None:
        """Let a client in; it hears nothing before it subscribes."""
        self._clients.append(client)

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._unsubscribe(client, client.assets.copy())
        self._clients.remove(client)

    def receivers(self, message: Message) -> Iterable[Client]:
        """Return the clients that get a message, each once."""
        assets = message.assets
        if not assets:
            found: Iterable[Client] = self._clients
        elif len(assets) == 1:
            found = self._by_asset.get(assets[0], ())
        else:
            first, second = self._by_asset.get(assets[0], []), self._by_asset.get(assets[1], [])
            found = first if first == second else dict.fromkeys(first + second)
        return [client for client in found if client.custom] if message.custom else found

    def hear(self, client: Client, text: str) -> None:
        """Act on one text of a client, and answer it as the venue does."""
        if text == "PING":
            client.send(PONG)
            return
        try:
            request = jsonlib.loads_object(text)
        except ValueError:
            client.send(INVALID_OPERATION)
            return
        operation = request.get("operation", "subscribe" if request.get("type") == "market" else None)
        if operation not in ("subscribe", "unsubscribe"):
            client.send(INVALID_OPERATION)
            return
        asset_ids = request.get("assets_ids")
        if asset_ids is None:
            return  # the real venue, too, is silent when the key is misspelt
        if not isinstance(asset_ids, list) or not all(isinstance(asset_id, str) for asset_id in asset_ids):
            client.send(INVALID_OPERATION)
            return
        if "custom_feature_enabled" in request:
            client.custom = request["custom_feature_enabled"] is True
        if operation == "unsubscribe":
            self._unsubscribe(client, asset_ids)
            return
        self._subscribe(client, asset_ids, dump=request.get("initial_dump") is not False)

    def _subscribe(self, client: Client, asset_ids: list[str], *, dump: bool) -> None:
        new = [asset_id for asset_id in dict.fromkeys(asset_ids) if asset_id not in client.assets]
        if asset_ids and not new:
            client.send(NO_NEW_ASSETS)
            return
        client.assets.update(new)
        for asset_id in new:
            self._by_asset.setdefault(asset_id, []).append(client)
        if dump:
            self._send_opening(client, new)

    def _send_opening(self, client: Client, asset_ids: list[str]) -> None:
        exchange = self._exchange
        if isinstance(exchange, Replay):
            books = [exchange.book(asset_id) for asset_id in asset_ids]
            client.send(jsonlib.dumps([book for book in books if book is not None]).encode() + b"\n")
            return
        found = [exchange.find(asset_id) for asset_id in asset_ids]
        client.send_opening([book for book in found if book is not None])

    def _unsubscribe(self, client: Client, asset_ids: Iterable[str]) -> None:
        for asset_id in asset_ids:
            if asset_id in client.assets:
                client.assets.remove(asset_id)
                subscribed = self._by_asset[asset_id]
                subscribed.remove(client)
                if not subscribed:
                    del self._by_asset[asset_id]
