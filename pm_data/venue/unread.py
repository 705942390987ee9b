"""Frames whose tokens nobody has looked at yet.

Which tokens a frame tells of matters only when the witness or the ladder asks, so the receive path
merely keeps it, and most are never looked at: of several of one market the newest tells enough.
"""

from collections.abc import Mapping, Sequence

from pm_data._fast import intake
from pm_data.venue.scan import asset_ids
from pm_data.venue.token import Token


class Unread:
    """The data frames of one connection since the last look; stamps are monotonic ns.

    It is to be read before a token is taken up, so that no frame from before counts for it.
    """

    def __init__(self) -> None:
        self._reads: list[tuple[int, Sequence[bytes]]] = []
        self.add = self._reads.append
        """Takes (stamp, payloads of one read)."""

    def read(self, tokens: Mapping[bytes, Token]) -> None:
        """Note in the tokens when they were heard of last, and what stated their book's hash last."""
        newest = intake.newest_of_each(self._reads)
        self._reads.clear()
        shown: set[bytes] = set()
        for stamp, payload in newest:
            states_hash = b'"hash"' in payload
            for key in asset_ids(payload):
                token = tokens.get(key)
                if token is None:
                    continue
                token.heard_ns = max(token.heard_ns, stamp)
                if states_hash and key not in shown:
                    shown.add(key)
                    token.shown = payload
