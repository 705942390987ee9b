"""What a strategy may ask for, and what comes of it. No order ever leaves this process."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pm_data._fast.intents_py import (
        CancelIntent,
        Fill,
        Intent,
        MergeIntent,
        PlaceOrderIntent,
        SplitIntent,
    )
else:
    from pm_data._fast import intents

    PlaceOrderIntent = intents.PlaceOrderIntent
    CancelIntent = intents.CancelIntent
    SplitIntent = intents.SplitIntent
    MergeIntent = intents.MergeIntent
    Intent = intents.Intent
    Fill = intents.Fill

Intents = Iterable[Intent] | None
"""What a callback returns: any number of intents, or nothing."""

__all__ = [
    "CancelIntent",
    "Fill",
    "Intent",
    "Intents",
    "MergeIntent",
    "PlaceOrderIntent",
    "SplitIntent",
]
