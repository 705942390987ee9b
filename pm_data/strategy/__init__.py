"""Everything a strategy sees. A strategy imports this package and nothing else of ours."""

from pm_data.strategy.base import (
    Context,
    MarketState,
    MarketStatus,
    Portfolio,
    Strategy,
    TopOfBookUpdate,
    Trade,
)
from pm_data.strategy.intents import CancelIntent, Fill, Intent, Intents, PlaceOrderIntent

__all__ = [
    "CancelIntent",
    "Context",
    "Fill",
    "Intent",
    "Intents",
    "MarketState",
    "MarketStatus",
    "PlaceOrderIntent",
    "Portfolio",
    "Strategy",
    "TopOfBookUpdate",
    "Trade",
]
