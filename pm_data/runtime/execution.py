"""The simulated execution: every intent is acknowledged, takers fill, makers do not.

A taker fills at once against the top of book as last delivered: at most what is
shown there, less what was already taken since that side's price or size last
changed, at a price made worse by the slippage. Fills are booked here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pm_data._fast import e6, events, ledger, store
from pm_data.runtime.fees import FeeModel
from pm_data.strategy import CancelIntent, Fill, Intent, MergeIntent, PlaceOrderIntent, SplitIntent

_HALF_E6 = 500_000


class SimTerms(NamedTuple):
    """How the simulation fills.

    Args:
        fee: what each fill pays.
        slippage_bps: how much worse than shown a fill is, in basis points of the price.
        max_fill_size_e6: most that one intent fills; 0 means no cap.
        allow_shorts: whether a sale may exceed what is held.
        cash_e6: what may be spent beyond what came in, a short paid for at 1 a share; 0 means no limit.
    """

    fee: FeeModel
    slippage_bps: int = 0
    max_fill_size_e6: int = 0
    allow_shorts: bool = True
    cash_e6: int = 0


@dataclass
class _Taken:
    """How much of one shown level this run has taken."""

    price_e6: int | None
    shown_e6: int | None
    taken_e6: int = 0


class SimExecution:
    """Fill takers against the StateStore's books, and book what fills.

    Args:
        unfilled: how many intents that ask for a fill got none, by reason.
        taken: what was taken of shown levels, by token and whether it was bought.
    """

    def __init__(self, state: store.StateStore, account: ledger.Ledger, terms: SimTerms) -> None:
        self._state = state
        self._account = account
        self._terms = terms
        self.taken: dict[tuple[str, bool], _Taken] = {}
        self.acks = 0
        self.unfilled: Counter[str] = Counter()

    def top_changed(self, event: events.TopOfBookUpdate) -> None:
        """Forget what was taken from a side whose price or size has changed."""
        if self.taken:
            self._taken_of(event.market_id, True, event.ask_px_e6, event.ask_sz_e6)
            self._taken_of(event.market_id, False, event.bid_px_e6, event.bid_sz_e6)

    def _taken_of(
        self, market_id: str, is_buy: bool, price_e6: int | None, shown_e6: int | None
    ) -> _Taken | None:
        """Return what was taken of this level, None for nothing; what was taken of another is forgotten."""
        taken = self.taken.get((market_id, is_buy))
        if taken and (taken.price_e6, taken.shown_e6) != (price_e6, shown_e6):
            del self.taken[(market_id, is_buy)]
            return None
        return taken

    def execute(self, strategy_id: str, intents: Sequence[Intent], seq: int) -> list[Fill]:
        """Acknowledge a strategy's intents one after another; return their fills, which are booked.

        An order has one fill or none, a split or merge two or none.

        Raises:
            E6OverflowError: an amount does not fit 64 bits.
            UsageError: the fee model does not know the token's fees.
        """
        fills: list[Fill] = []
        makers = 0
        for intent in intents:
            found: list[Fill] | str
            if type(intent) is PlaceOrderIntent and intent.urgency == "maker":
                makers += 1
                continue
            if isinstance(intent, PlaceOrderIntent):
                found = self._take(strategy_id, intent, seq)
            elif isinstance(intent, CancelIntent):
                continue
            else:
                found = self._exchange(strategy_id, intent, seq)
            if isinstance(found, str):
                self.unfilled[found] += 1
            else:
                fills += found
        self.acks += len(intents)
        if makers:
            self.unfilled["maker"] += makers
        return fills

    def _take(self, strategy_id: str, intent: PlaceOrderIntent, seq: int) -> list[Fill] | str:
        """Return the fill of an order, or why there is none."""
        if intent.urgency != "taker":
            return "maker"
        market_id = intent.market_id
        market = self._state.market(market_id)
        if market is None or market.status != "live":
            return "not_live"
        is_buy = intent.side == "buy"
        shown_price, shown_size = (
            (market.ask_px_e6, market.ask_sz_e6) if is_buy else (market.bid_px_e6, market.bid_sz_e6)
        )
        if shown_price is None or shown_size is None:
            return "empty_side"
        price_e6 = self._worsened(shown_price, is_buy)
        if intent.order_type == "limit" and intent.price_e6 is not None:
            passes_limit = price_e6 > intent.price_e6 if is_buy else price_e6 < intent.price_e6
            if passes_limit:
                return "past_limit"
        # The book may be ahead of its events: all of a frame is applied before its first event leaves.
        taken = self._taken_of(market_id, is_buy, shown_price, shown_size)
        size_e6 = min(intent.size_e6, shown_size - (taken.taken_e6 if taken else 0))
        if size_e6 <= 0:
            return "used_up"
        if self._terms.max_fill_size_e6:
            size_e6 = min(size_e6, self._terms.max_fill_size_e6)
        if not (is_buy or self._terms.allow_shorts) and size_e6 > self._account.position(market_id):
            return "short"
        notional_e6 = (e6.notional_up if is_buy else e6.notional)(price_e6, size_e6)
        fee_e6 = self._terms.fee(market_id, notional_e6, size_e6)
        if self._terms.cash_e6:
            outlay = fee_e6 + (notional_e6 if is_buy else -notional_e6)
            if not self._affords(outlay, {market_id: size_e6 if is_buy else -size_e6}):
                return "cash"
        self._account.fill(market_id, is_buy, price_e6, size_e6, fee_e6)
        if taken is None:
            taken = self.taken[(market_id, is_buy)] = _Taken(shown_price, shown_size)
        taken.taken_e6 += size_e6
        return [Fill(strategy_id, market_id, intent.side, price_e6, size_e6, fee_e6, seq, intent.tag)]

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
            if self._terms.cash_e6 and not self._affords(size_e6, dict.fromkeys(pair, size_e6)):
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

    def _worsened(self, price_e6: int, is_buy: bool) -> int:
        """Return the price after slippage, rounded against the trader and kept within 0 to 1."""
        if is_buy:
            worse = -e6.multiply_divide(-price_e6, 10_000 + self._terms.slippage_bps, 10_000)
            return min(worse, e6.ONE_E6)
        return e6.multiply_divide(price_e6, 10_000 - self._terms.slippage_bps, 10_000)

    def _affords(self, outlay_e6: int, changes: dict[str, int]) -> bool:
        """Return whether the cash still covers every short at 1 a share afterwards."""
        account = self._account
        shorts = -sum(min(account.position(market_id), 0) for market_id in account.open_markets())
        for market_id, change in changes.items():
            held = account.position(market_id)
            shorts += min(held, 0) - min(held + change, 0)
        return self._terms.cash_e6 + account.cash_e6 - outlay_e6 >= shorts
