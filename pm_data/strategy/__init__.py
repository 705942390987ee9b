"""Everything a strategy sees. A strategy imports this package and nothing else of ours."""

from pm_data.strategy.base import (
    Context,
    GlobalState,
    MarketState,
    MarketStatus,
    Parameter,
    Portfolio,
    Strategy,
    TopOfBookUpdate,
    Trade,
)
from pm_data.strategy.intents import (
    CancelIntent,
    Fill,
    Intent,
    Intents,
    MergeIntent,
    PlaceOrderIntent,
    SplitIntent,
)

__all__ = [
    "CancelIntent",
    "Context",
    "Fill",
    "GlobalState",
    "Intent",
    "Intents",
    "MarketState",
    "MarketStatus",
    "MergeIntent",
    "Parameter",
    "PlaceOrderIntent",
    "Portfolio",
    "SplitIntent",
    "Strategy",
    "TopOfBookUpdate",
    "Trade",
]
