"""The allocator: which intents pass, in which order. What is refused is counted with its reason."""

from collections import Counter
from collections.abc import Iterable, Set
from typing import NamedTuple

from pm_data.errors import StrategyError
from pm_data.runtime.order_limits import LimitCheck
from pm_data.strategy import CancelIntent, Intent, Intents, MergeIntent, SplitIntent

_LINE_BREAKERS = frozenset("|\r\n")


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
        self.refused: Counter[str] = Counter()

    def check(self, strategy_id: str, intents: Intents) -> list[Passed]:
        """Return the intents that pass.

        Raises:
            StrategyError: something returned is no intent.
        """
        if intents is None:
            return []
        if not isinstance(intents, Iterable) or isinstance(intents, Set):
            raise StrategyError(
                f"strategy {strategy_id} returned {type(intents).__name__}, not intents in an order"
            )
        passed = []
        for intent in intents:
            if not isinstance(intent, Intent):
                raise StrategyError(f"strategy {strategy_id} returned {type(intent).__name__}, not an intent")
            reason = _fault(intent)
            if reason is None and self.limits is not None:
                reason = self.limits.refusal(strategy_id, intent)
            if reason:
                self.refused[reason] += 1
            else:
                passed.append(Passed(strategy_id, intent))
        return passed


def _fault(intent: Intent) -> str | None:
    """Return why an intent cannot be taken, None when it can."""
    if not _is_line_text(intent.market_id) or not _is_line_text(intent.tag):
        return "bad_text"
    if isinstance(intent, SplitIntent | MergeIntent):
        return None if _is_size(intent.size_e6) else "bad_size"
    if intent.side not in ("buy", "sell"):
        return "bad_side"
    if isinstance(intent, CancelIntent):
        return None
    if not _is_size(intent.size_e6):
        return "bad_size"
    if intent.price_e6 is None:
        if intent.order_type != "market":
            return "bad_price"
    elif type(intent.price_e6) is not int or not 0 < intent.price_e6 <= 1_000_000:
        return "bad_price"
    if (
        intent.order_type not in ("limit", "market")
        or intent.tif not in ("gtc", "ioc")
        or intent.urgency not in ("maker", "taker")
    ):
        return "bad_terms"
    return None


def _is_line_text(text: object) -> bool:
    """Return whether a text can stand in an intent line without making it another (rule H2)."""
    if type(text) is not str or not _LINE_BREAKERS.isdisjoint(text):
        return False
    # A lone surrogate has no UTF-8.
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_size(size_e6: object) -> bool:
    return type(size_e6) is int and 0 < size_e6 <= 9 * 10**15
