"""What a strategy may ask for, and what comes of it. No order ever leaves this process.

The types of the fields are what an intent should hold; what it does hold, the allocator looks at.
"""

from typing import NamedTuple


class PlaceOrderIntent(NamedTuple):
    """Ask for an order.

    Args:
        market_id: the token, by its asset id.
        side: `buy` or `sell`.
        price_e6: limit price, above 0 and at most 1,000,000; None only for a market order.
        size_e6: shares in e6, above 0.
        order_type: `limit` or `market`; a market order fills at any price.
        tif: `gtc` or `ioc`.
        urgency: `maker` rests and does not fill in the simulation, `taker` takes what is shown.
        tag: the strategy's own word, repeated in the intent line.
    """

    market_id: str
    side: str
    price_e6: int | None
    size_e6: int
    order_type: str = "limit"
    tif: str = "gtc"
    urgency: str = "maker"
    tag: str = ""


class CancelIntent(NamedTuple):
    """Ask to cancel the strategy's resting orders on one side of a token."""

    market_id: str
    side: str
    tag: str = ""


class SplitIntent(NamedTuple):
    """Ask to pay 1 a pair for `size_e6` shares of each of the two tokens of a market.

    `market_id` is either of the two. It brings two fills at 0.5, without fee or slippage.
    """

    market_id: str
    size_e6: int
    tag: str = ""


class MergeIntent(NamedTuple):
    """Ask to give back `size_e6` shares of each of the two tokens of a market, for 1 a pair.

    Both must be held. It brings two fills at 0.5, as a split does.
    """

    market_id: str
    size_e6: int
    tag: str = ""


Intent = PlaceOrderIntent | CancelIntent | SplitIntent | MergeIntent


class Fill(NamedTuple):
    """A simulated fill; `seq` is the event's at which it happened."""

    strategy_id: str
    market_id: str
    side: str
    price_e6: int
    size_e6: int
    fee_e6: int
    seq: int
    tag: str
