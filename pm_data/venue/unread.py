"""Messages whose tokens nobody has looked at yet.

Which tokens a message tells of matters only when the witness or the ladder asks, so the receive path
merely keeps it, and of several of one market and type the newest, which tells enough.
"""

from collections.abc import Mapping, Sequence

from pm_data._fast import intake
from pm_data.venue.scan import asset_ids
from pm_data.venue.token import Token


class Unread:
    """The data messages of one connection since the last look; stamps are monotonic ns.

    It is to be read before a token is taken up, so that no message from before counts for it.
    """

    def __init__(self) -> None:
        self._newest: dict[bytes, tuple[int, bytes]] = {}

    def add(self, payloads: Sequence[bytes], stamp: int) -> None:
        """Take the messages of one read."""
        intake.keep_newest(self._newest, payloads, stamp)

    def read(self, tokens: Mapping[bytes, Token]) -> None:
        """Note in the tokens when they were heard of last, and what stated their book's hash last."""
        newest = list(self._newest.values())
        self._newest.clear()
        shown: set[bytes] = set()
        for stamp, payload in reversed(newest):
            states_hash = b'"hash"' in payload
            for key in asset_ids(payload):
                token = tokens.get(key)
                if token is None:
                    continue
                token.heard_ns = max(token.heard_ns, stamp)
                if states_hash and key not in shown:
                    shown.add(key)
                    token.shown = payload
