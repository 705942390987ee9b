"""The allocator: which intents pass, in which order. What is refused is counted with its reason."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pm_data.errors import StrategyError
from pm_data.strategy import CancelIntent, Intent, Intents, PlaceOrderIntent

_LINE_BREAKERS = frozenset("|\r\n")


class Passed(NamedTuple):
    """An intent that the allocator let pass, with its strategy."""

    strategy_id: str
    intent: Intent


class Allocator:
    """Check intents one strategy after another, in the order in which they were given."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()

    def check(self, strategy_id: str, intents: Intents) -> list[Passed]:
        """Return the intents that pass.

        Raises:
            StrategyError: something returned is no intent.
        """
        if intents is None:
            return []
        if not isinstance(intents, Iterable):
            raise StrategyError(f"strategy {strategy_id} returned {type(intents).__name__}, not intents")
        passed = []
        for intent in intents:
            if not isinstance(intent, PlaceOrderIntent | CancelIntent):
                raise StrategyError(f"strategy {strategy_id} returned {type(intent).__name__}, not an intent")
            reason = _fault(intent)
            if reason:
                self.refused[reason] += 1
            else:
                passed.append(Passed(strategy_id, intent))
        return passed


def _fault(intent: Intent) -> str | None:
    """Return why an intent cannot be taken, None when it can."""
    texts = (intent.market_id, intent.tag)
    if not all(type(text) is str for text in texts) or not _LINE_BREAKERS.isdisjoint("".join(texts)):
        return "bad_text"
    if intent.side not in ("buy", "sell"):
        return "bad_side"
    if isinstance(intent, CancelIntent):
        return None
    if type(intent.size_e6) is not int or not 0 < intent.size_e6 <= 9 * 10**15:
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
