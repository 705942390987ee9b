"""The simulated execution: every intent is acknowledged, takers fill, makers do not.

Orders are filled by `_fast` `orders.Desk`; splits and merges here.
"""

from pm_data import _fast
from pm_data._fast import ledger, orders, store
from pm_data._fast.orders_py import SimTerms as SimTerms
from pm_data.strategy import CancelIntent, Fill, Intent, MergeIntent, PlaceOrderIntent, SplitIntent

_HALF_E6 = 500_000


class SimExecution:
    """Fill takers against the StateStore's books, and book what fills.

    Args:
        core: the set of twins to use.
        unfilled: how many intents that ask for a fill got none, by reason.
    """

    def __init__(
        self,
        state: store.StateStore,
        account: ledger.Ledger,
        terms: SimTerms,
        core: _fast.Core | None = None,
    ) -> None:
        self._state = state
        self._account = account
        self.desk: orders.Desk = (core or _fast).orders.Desk(state, account, terms, self._fill)
        self.unfilled = self.desk.unfilled

    def _fill(self, strategy_id: str, intent: Intent, seq: int) -> list[Fill] | str:
        """Return the fills of an intent that the desk does not know, or why there are none."""
        if isinstance(intent, PlaceOrderIntent):
            return self.desk.take(strategy_id, intent, seq)
        if isinstance(intent, CancelIntent):
            return []
        return self._exchange(strategy_id, intent, seq)

    def _exchange(self, strategy_id: str, intent: SplitIntent | MergeIntent, seq: int) -> list[Fill] | str:
        """Return the two fills of a split or merge, or why there are none."""
        pair = self._state.pair(intent.market_id)
        if pair is None:
            return "no_pair"
        size_e6 = intent.size_e6
        if isinstance(intent, SplitIntent):
            states = map(self._state.market, pair)
            if any(state is not None and state.status == "resolved" for state in states):
                return "resolved"
            if not self.desk.affords(size_e6, dict.fromkeys(pair, size_e6)):
                return "cash"
            self._account.split(*pair, size_e6)
            side = "buy"
        else:
            if min(map(self._account.position, pair)) < size_e6:
                return "short"
            self._account.merge(*pair, size_e6)
            side = "sell"
        return [
            Fill(strategy_id, market_id, side, _HALF_E6, size_e6, 0, seq, intent.tag) for market_id in pair
        ]
