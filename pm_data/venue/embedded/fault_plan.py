"""The faults of one venue, handed out to its connections; a venue without faults has no plan."""

from collections import Counter
from collections.abc import Sequence

from pm_data.venue.embedded.draw import Draw
from pm_data.venue.embedded.faults import Fault


class FaultPlan:
    """What is to go wrong, and how often it has.

    Args:
        seed: the venue's; decides which messages are hit.
        asset_ids: the tokens that `token` arguments number, in listing order.
    """

    def __init__(self, faults: Sequence[Fault], seed: int, asset_ids: Sequence[str]) -> None:
        self.faults = tuple(faults)
        self._seed = seed
        self._asset_ids = tuple(asset_ids)
        self._hits: Counter[int] = Counter()
        self._handshakes = 0

    def asset_id(self, fault: Fault) -> str:
        """Return the token that a fault is about."""
        return self._asset_ids[fault.count("token") % len(self._asset_ids)]

    def hits(self, fault: Fault, most: int) -> bool:
        """Tell whether a fault hits once more, and count it; of `most` 0 means always."""
        index = self.faults.index(fault)
        if most and self._hits[index] >= most:
            return False
        self._hits[index] += 1
        return True

    def draw(self, fault: Fault, number: int) -> Draw:
        """Return the draws of a fault on the connection with this number."""
        return Draw(self._seed, 3, self.faults.index(fault), number)

    def begin_handshake(self) -> tuple[int | None, float]:
        """Return the status that refuses a handshake which begins now, or None, and how long it takes."""
        self._handshakes += 1
        for fault in self.faults:
            if fault.name != "reject":
                continue
            if self._handshakes > fault.count("at_once") and self.hits(fault, fault.count("times")):
                return fault.count("status"), 0.0
            return None, fault.seconds("seconds")
        return None, 0.0

    def end_handshake(self) -> None:
        """Note that a handshake is over."""
        self._handshakes -= 1
