"""What the stream's universe records say of a token's market."""

from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.state.universe import Universe


class Markets:
    """The markets that a run's stream has named so far; the manifest is never asked."""

    def __init__(self) -> None:
        self._universe = Universe()
        self._condition_of: dict[str, str] = {}

    def apply(self, record: Record) -> None:
        """Take a universe record into account.

        Raises:
            DamageError: its payload is not what its type demands.
        """
        for metadata in self._universe.apply(record):
            self._condition_of |= dict.fromkeys(metadata["asset_ids"], metadata["condition_id"])

    def metadata(self, market_id: str) -> JsonObject | None:
        """Return the metadata of a token's market, as last stated; None where no record names it."""
        condition_id = self._condition_of.get(market_id)
        return None if condition_id is None else self._universe.markets[condition_id]
