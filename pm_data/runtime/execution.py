"""The simulated execution: every intent is acknowledged, takers fill, makers do not.

A taker fills at once against the top of book as last delivered: at most what is
shown there, less what was already taken since that side's price or size last
changed, at a price made worse by the slippage.
"""

from dataclasses import dataclass

from pm_data._fast import e6, events, store
from pm_data.runtime.allocator import Passed
from pm_data.runtime.fees import FeeModel
from pm_data.strategy import Fill, PlaceOrderIntent


@dataclass
class _Taken:
    """How much of one shown level this run has taken."""

    price_e6: int
    shown_e6: int
    taken_e6: int = 0


class SimExecution:
    """Fill takers against the StateStore's books.

    Args:
        slippage_bps: how much worse than shown a fill is, in basis points of the price.
        max_fill_size_e6: most that one intent fills; 0 means no cap.
    """

    def __init__(
        self, state: store.StateStore, fee: FeeModel, slippage_bps: int, max_fill_size_e6: int
    ) -> None:
        self._state = state
        self._fee = fee
        self._slippage_bps = slippage_bps
        self._max_fill_size_e6 = max_fill_size_e6
        self._taken: dict[tuple[str, bool], _Taken] = {}
        self.acks = 0

    def top_changed(self, event: events.TopOfBookUpdate) -> None:
        """Forget what was taken from a side whose price or size has changed."""
        if self._taken:
            self._forget(event.market_id, True, event.ask_px_e6, event.ask_sz_e6)
            self._forget(event.market_id, False, event.bid_px_e6, event.bid_sz_e6)

    def _forget(self, market_id: str, is_buy: bool, price_e6: int | None, size_e6: int | None) -> None:
        taken = self._taken.get((market_id, is_buy))
        if taken and (taken.price_e6, taken.shown_e6) != (price_e6, size_e6):
            del self._taken[(market_id, is_buy)]

    def execute(self, passed: Passed, seq: int) -> Fill | None:
        """Acknowledge an intent; return its fill, None where it does not fill.

        Raises:
            E6OverflowError: an amount does not fit 64 bits.
        """
        self.acks += 1
        intent = passed.intent
        if not isinstance(intent, PlaceOrderIntent) or intent.urgency != "taker":
            return None
        market = self._state.market(intent.market_id)
        if market is None or market.status != "live":
            return None
        is_buy = intent.side == "buy"
        shown_price, shown_size = (
            (market.ask_px_e6, market.ask_sz_e6) if is_buy else (market.bid_px_e6, market.bid_sz_e6)
        )
        if shown_price is None or shown_size is None:
            return None
        price_e6 = self._worsened(shown_price, is_buy)
        if intent.order_type == "limit" and intent.price_e6 is not None:
            passes_limit = price_e6 > intent.price_e6 if is_buy else price_e6 < intent.price_e6
            if passes_limit:
                return None
        taken = self._taken.setdefault((intent.market_id, is_buy), _Taken(shown_price, shown_size))
        size_e6 = min(intent.size_e6, shown_size - taken.taken_e6)
        if self._max_fill_size_e6:
            size_e6 = min(size_e6, self._max_fill_size_e6)
        if size_e6 <= 0:
            return None
        fee_e6 = self._fee(price_e6, size_e6)
        taken.taken_e6 += size_e6
        return Fill(
            passed.strategy_id, intent.market_id, intent.side, price_e6, size_e6, fee_e6, seq, intent.tag
        )

    def _worsened(self, price_e6: int, is_buy: bool) -> int:
        """Return the price after slippage, rounded against the trader and kept within 0 to 1."""
        if is_buy:
            worse = -e6.multiply_divide(-price_e6, 10_000 + self._slippage_bps, 10_000)
            return min(worse, e6.ONE_E6)
        return e6.multiply_divide(price_e6, 10_000 - self._slippage_bps, 10_000)
