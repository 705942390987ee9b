"""The file that a new strategy starts from."""

import keyword
import re

from pm_data.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

_TEMPLATE = '''\
"""{name}: say here what it does, in one line."""

from pm_data.strategy import (
    Context,
    Fill,
    Intents,
    MarketState,
    PlaceOrderIntent,
    Portfolio,
    Strategy,
    TopOfBookUpdate,
)


class {class_name}(Strategy):
    """Buy the best ask of a token once, when it is cheap enough."""

    # --strategy-params {class_name}.max_price_e6=300000; prices, sizes and cash are integers in millionths
    parameters = {{"max_price_e6": 200_000, "size_e6": 1_000_000}}

    def on_top_of_book(
        self, ctx: Context, event: TopOfBookUpdate, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Return the intents that this event calls for; None for nothing."""
        ask = event.ask_px_e6  # None where that side is empty
        if ask is None or ask > self.params["max_price_e6"] or portfolio.position(event.market_id):
            return None
        return [
            PlaceOrderIntent(
                event.market_id,
                "buy",
                None,  # a limit price, for order_type="limit"
                self.params["size_e6"],
                order_type="market",
                tif="ioc",
                urgency="taker",  # a maker does not fill in the simulation
                tag="cheap",
            )
        ]

    def on_fill(self, ctx: Context, fill: Fill, market_state: MarketState, portfolio: Portfolio) -> Intents:
        """Answer a fill of your own; delete what you do not need."""
        return None
'''


def class_name(name: str) -> str:
    """Return the class that a strategy's file holds: `my_idea` is `MyIdea`."""
    return "".join(word.capitalize() for word in name.split("_"))


def strategy_source(name: str) -> str:
    """Return the source of a new strategy.

    Args:
        name: the module's name.

    Raises:
        UsageError: it is no lower-case Python name, or its class would be none.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or not class_name(name).isidentifier():
        raise UsageError(f"strategy name {name!r}: expected a-z, 0-9 and _, beginning with a letter")
    return _TEMPLATE.format(name=name, class_name=class_name(name))
