"""One token's continuity on its shard: whether its book is whole, and what is being done where it is not.

Pure state; all times are monotonic ns. `link` moves it as frames come, `ladder` says what is due.
"""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pm_data.venue.link import Link


class Rung(IntEnum):
    """What was last done to get a token's full book; each waits `capture_first_book_seconds`."""

    ASKED = 0
    ASKED_AGAIN = 1
    OWN_CONNECTION = 2
    WITNESS = 3
    MISSING = 4


class Token:
    """A token that a shard carries.

    Attributes:
        link: the connection that brings it; None before its first one.
        waiting: whether it needs a full book: none came since it was asked for, or it was found silent.
        lost: whether it waits because the witness saw what the stream did not bring.
        rung: what was last done about that, and `since_ns` when.
        heard_ns: when data of it last came on its own connection.
        proved_ns: when it was last known to be whole, by data or by the witness.
        shown: the last message that states the hash of its book; None before one.
    """

    __slots__ = (
        "asset_id",
        "heard_ns",
        "key",
        "link",
        "lost",
        "proved_ns",
        "rung",
        "shown",
        "since_ns",
        "waiting",
    )

    def __init__(self, asset_id: str) -> None:
        self.asset_id = asset_id
        self.key = asset_id.encode("ascii")
        self.link: Link | None = None
        self.waiting = True
        self.lost = False
        self.rung = Rung.ASKED
        self.since_ns = 0
        self.heard_ns = 0
        self.proved_ns = 0
        self.shown: bytes | None = None

    def asked(self, now_ns: int, rung: Rung) -> None:
        """Wait for a full book from now on."""
        self.waiting = True
        self.rung = rung
        self.since_ns = now_ns

    def confirmed(self) -> None:
        """Note that a full book came."""
        self.waiting = False
        self.lost = False
        self.rung = Rung.ASKED
