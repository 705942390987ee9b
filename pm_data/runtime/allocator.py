"""The allocator: which intents pass, in which order. What is refused is counted with its reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Set

from pm_data import _fast
from pm_data._fast import orders
from pm_data._fast.limits_py import LimitCheck
from pm_data._fast.orders_py import MAX_SIZE_E6, ORDER_TYPES, SIDES, TIFS, URGENCIES
from pm_data.errors import StrategyError
from pm_data.strategy import CancelIntent, Intent, Intents, PlaceOrderIntent, SplitIntent

_LINE_BREAKERS = frozenset("|\r\n")
_LINE_TEXTS_MAX = 65_536


class Allocator:
    """Check intents one strategy after another, in the order in which they were given.

    Args:
        limits: None for no limits.
        pair: the two tokens of a token's market.
        core: the set of twins to use.
    """

    def __init__(
        self,
        limits: LimitCheck | None,
        pair: Callable[[str], tuple[str, str] | None],
        core: _fast.Core | None = None,
    ) -> None:
        self._limits = limits
        self._pair = pair
        self._line_texts: set[str] = set()
        """Texts that were found fit for an intent line; to look at each letter takes a microsecond."""
        self.refused: Counter[str] = Counter()
        self.gate: orders.Gate = (core or _fast).orders.Gate(self._line_texts, limits, self._passes)
        """Lets the usual intents pass at a glance, and asks for the others here."""

    def check(self, strategy_id: str, intents: Intents) -> list[Intent]:
        """Return the intents that pass.

        Raises:
            StrategyError: something returned is no intent.
        """
        if intents is None:
            return []
        if type(intents) is list:
            return self.gate.check(strategy_id, intents)
        if not isinstance(intents, Iterable) or isinstance(intents, Set):
            raise StrategyError(
                f"strategy {strategy_id} returned {type(intents).__name__}, not intents in an order"
            )
        return [intent for intent in intents if self._passes(strategy_id, intent)]

    def _passes(self, strategy_id: str, intent: object) -> bool:
        if not isinstance(intent, Intent):
            raise StrategyError(f"strategy {strategy_id} returned {type(intent).__name__}, not an intent")
        reason = self._fault(intent)
        if reason is None and self._limits is not None:
            reason = self._passed_limit(self._limits, strategy_id, intent)
        if reason is not None:
            self.refused[reason] += 1
        return reason is None

    def _passed_limit(self, limits: LimitCheck, strategy_id: str, intent: Intent) -> str | None:
        """Return which limit a sound intent would pass. Cancels always pass."""
        if isinstance(intent, CancelIntent):
            return None
        market_id = intent.market_id
        if isinstance(intent, PlaceOrderIntent):
            changes = [(market_id, intent.side == "buy")]
            return limits.refusal(strategy_id, market_id, intent.price_e6, intent.size_e6, changes)
        pair = self._pair(market_id) or (market_id,)
        changes = [(token, isinstance(intent, SplitIntent)) for token in pair]
        return limits.refusal(strategy_id, market_id, None, intent.size_e6, changes)

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
            return None if _is_one_of(intent.side, SIDES) else "bad_side"
        return None if _is_size(intent.size_e6) else "bad_size"


def _order_fault(order: PlaceOrderIntent) -> str | None:
    _market_id, side, price_e6, size_e6, order_type, tif, urgency, _tag = order
    if not _is_one_of(side, SIDES):
        return "bad_side"
    if not _is_size(size_e6):
        return "bad_size"
    if price_e6 is None:
        if order_type != "market":
            return "bad_price"
    elif type(price_e6) is not int or not 0 < price_e6 <= 1_000_000:
        return "bad_price"
    terms = ((order_type, ORDER_TYPES), (tif, TIFS), (urgency, URGENCIES))
    return None if all(_is_one_of(word, words) for word, words in terms) else "bad_terms"


def _is_one_of(word: object, words: tuple[str, ...]) -> bool:
    """Return whether this is one of the words; what derives from a text may print as another."""
    return type(word) is str and word in words


def _is_line_text(text: object) -> bool:
    """Return whether a text can stand in an intent line without making it another (rule H2)."""
    if type(text) is not str or not _LINE_BREAKERS.isdisjoint(text):
        return False
    # A lone surrogate has no UTF-8.
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_size(size_e6: object) -> bool:
    return type(size_e6) is int and 0 < size_e6 <= MAX_SIZE_E6
