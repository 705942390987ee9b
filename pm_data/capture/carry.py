"""What the next bundle of a capture begins with: all that was known at the end of the one before."""

from collections.abc import Iterable, Iterator

from pm_data.frame import Record
from pm_data.state.opening import opening_records
from pm_data.state.run_state import RunState


class Carry:
    """Follows the stream from bundle to bundle, in the thread that writes it."""

    def __init__(self) -> None:
        self._state = RunState()
        self._gone_before: set[str] = set()

    def follow(self, records: Iterable[Record]) -> None:
        """Take records into account, in order."""
        for record in records:
            self._state.apply(record)

    def opening(self, cut_mono_ns: int, cut_wall_ns_utc: int) -> Iterator[Record]:
        """Yield the records that the bundle after a cut begins with, before anything else is followed.

        What left the universe before the last cut already is left out: a capture of months would
        carry ever more of it.
        """
        gone = self._gone()
        long_gone = gone & self._gone_before
        self._gone_before = gone
        return opening_records(self._state, cut_mono_ns, cut_wall_ns_utc, long_gone)

    def _gone(self) -> set[str]:
        """Return the tokens that no shard lists any more and no connection owns."""
        universes = self._state.universes.values()
        removed = {asset_id for universe in universes for asset_id in universe.removed}
        for universe in universes:
            for metadata in universe.listed():
                removed -= {
                    asset_id for asset_id in metadata["asset_ids"] if asset_id not in universe.removed
                }
        found = ((asset_id, self._state.store.market(asset_id)) for asset_id in removed)
        return {asset_id for asset_id, market in found if market is None or not market.connection}
