"""The allocator: which intents pass, in which order. What is refused is counted with its reason."""

from collections import Counter
from collections.abc import Iterable, Set
from typing import NamedTuple

from pm_data.errors import StrategyError
from pm_data.runtime.order_limits import LimitCheck
from pm_data.strategy import CancelIntent, Intent, Intents, PlaceOrderIntent

_SIDES = ("buy", "sell")
_ORDER_TYPES = ("limit", "market")
_TIFS = ("gtc", "ioc")
_URGENCIES = ("maker", "taker")
_MAX_SIZE_E6 = 9 * 10**15
_LINE_BREAKERS = frozenset("|\r\n")
_LINE_TEXTS_MAX = 65_536


class Passed(NamedTuple):
    """An intent that the allocator let pass, with its strategy."""

    strategy_id: str
    intent: Intent


class Allocator:
    """Check intents one strategy after another, in the order in which they were given.

    Args:
        limits: None for no limits.
    """

    def __init__(self, limits: LimitCheck | None = None) -> None:
        self.limits = limits
        self._line_texts: set[str] = set()
        """Texts that were found fit for an intent line; to look at each letter takes a microsecond."""
        self.refused: Counter[str] = Counter()

    def check(self, strategy_id: str, intents: Intents) -> list[Intent]:
        """Return the intents that pass.

        Raises:
            StrategyError: something returned is no intent.
        """
        if intents is None:
            return []
        if type(intents) is list:
            if self.limits is None and self._are_sound_orders(intents):
                return intents
        elif not isinstance(intents, Iterable) or isinstance(intents, Set):
            raise StrategyError(
                f"strategy {strategy_id} returned {type(intents).__name__}, not intents in an order"
            )
        return [intent for intent in intents if self._passes(strategy_id, intent)]

    def _are_sound_orders(self, intents: list[Intent]) -> bool:
        """Return whether these are orders that pass, as nearly all do; `_fault` has the rules."""
        known = self._line_texts
        for intent in intents:
            if type(intent) is not PlaceOrderIntent:
                return False
            market_id, side, price_e6, size_e6, order_type, tif, urgency, tag = intent
            if not (
                type(market_id) is type(tag) is str
                and market_id in known
                and tag in known
                and type(size_e6) is type(price_e6) is int
                and 0 < size_e6 <= _MAX_SIZE_E6
                and 0 < price_e6 <= 1_000_000
                and side in _SIDES
                and order_type in _ORDER_TYPES
                and tif in _TIFS
                and urgency in _URGENCIES
            ):
                return False
        return True

    def _passes(self, strategy_id: str, intent: object) -> bool:
        if not isinstance(intent, Intent):
            raise StrategyError(f"strategy {strategy_id} returned {type(intent).__name__}, not an intent")
        reason = self._fault(intent)
        if reason is None and self.limits is not None:
            reason = self.limits.refusal(strategy_id, intent)
        if reason is not None:
            self.refused[reason] += 1
        return reason is None

    def _fault(self, intent: Intent) -> str | None:
        """Return why an intent cannot be taken, None when it can."""
        known = self._line_texts
        for text in (intent.market_id, intent.tag):
            if type(text) is not str:
                return "bad_text"
            if text not in known:
                if not _is_line_text(text):
                    return "bad_text"
                if len(known) >= _LINE_TEXTS_MAX:
                    known.clear()
                known.add(text)
        if isinstance(intent, PlaceOrderIntent):
            return _order_fault(intent)
        if isinstance(intent, CancelIntent):
            return None if intent.side in _SIDES else "bad_side"
        return None if _is_size(intent.size_e6) else "bad_size"


def _order_fault(order: PlaceOrderIntent) -> str | None:
    _market_id, side, price_e6, size_e6, order_type, tif, urgency, _tag = order
    if side not in _SIDES:
        return "bad_side"
    if not _is_size(size_e6):
        return "bad_size"
    if price_e6 is None:
        if order_type != "market":
            return "bad_price"
    elif type(price_e6) is not int or not 0 < price_e6 <= 1_000_000:
        return "bad_price"
    if order_type not in _ORDER_TYPES or tif not in _TIFS or urgency not in _URGENCIES:
        return "bad_terms"
    return None


def _is_line_text(text: object) -> bool:
    """Return whether a text can stand in an intent line without making it another (rule H2)."""
    if type(text) is not str or not _LINE_BREAKERS.isdisjoint(text):
        return False
    # A lone surrogate has no UTF-8.
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_size(size_e6: object) -> bool:
    return type(size_e6) is int and 0 < size_e6 <= _MAX_SIZE_E6
