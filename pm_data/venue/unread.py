"""Frames whose tokens nobody has looked at yet.

Which tokens a frame tells of matters only when the witness or the ladder asks, so the receive path
merely keeps it, and most are never looked at: of several of one market the newest tells enough.
"""

from collections.abc import Mapping

from pm_data.venue.scan import asset_ids
from pm_data.venue.token import Token

_HEAD_BYTES = 96
"""Reaches in the venue's price changes to the market and no further, in its books into the token."""

_TAIL_BYTES = 24
"""Tells the venue's types apart."""


class Unread:
    """The data frames of one connection since the last look; stamps are monotonic ns.

    It is to be read before a token is taken up, so that no frame from before counts for it.
    """

    def __init__(self) -> None:
        self._frames: list[tuple[int, bytes]] = []
        self.add = self._frames.append
        """Takes (stamp, payload)."""

    def read(self, tokens: Mapping[bytes, Token]) -> None:
        """Note in the tokens when they were heard of last, and what stated their book's hash last."""
        frames = self._frames[::-1]
        self._frames.clear()
        known: set[bytes] = set()
        shown: set[bytes] = set()
        for stamp, payload in frames:
            kind = payload[:_HEAD_BYTES] + payload[-_TAIL_BYTES:]
            if kind in known:
                continue
            known.add(kind)
            states_hash = b'"hash"' in payload
            for key in asset_ids(payload):
                token = tokens.get(key)
                if token is None:
                    continue
                token.heard_ns = max(token.heard_ns, stamp)
                if states_hash and key not in shown:
                    shown.add(key)
                    token.shown = payload
