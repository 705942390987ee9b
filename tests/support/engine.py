"""An orchestrator and the records to feed it, in one process."""

import itertools

from pm_data._fast.limits_py import NO_LIMITS
from pm_data.frame import Control, Kind, Record, control_flags, control_payload
from pm_data.runtime import fees
from pm_data.runtime.entrypoint import intent_line
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.strategy import PlaceOrderIntent, Strategy

from .frames import A, B

ONE = 1_000_000
PAIR = {"condition_id": "0xabc", "asset_ids": [A, B], "fees_enabled": False, "fee_schedule": None}

_stamps = itertools.count(1)


def frame(payload, conn=1, stamp=None):
    """Return a text frame, a nanosecond after the last unless a stamp is given."""
    return Record(0, 0, Kind.TEXT, 0, 0, conn, next(_stamps) if stamp is None else stamp, 0, payload)


def control(kind, conn=1, **fields):
    """Return a control record."""
    flags = control_flags(kind)
    return Record(0, 0, Kind.CONTROL, kind, flags, conn, next(_stamps), 0, control_payload(fields))


def universe(*markets):
    """Return a universe record of these metadata."""
    return control(Control.UNIVERSE, 0, markets=list(markets), removed=[])


def taker(market_id=A, side="buy", size=ONE, price=None):
    """Return a taker: a market order, or a limit order where a price is given."""
    order_type = "market" if price is None else "limit"
    return PlaceOrderIntent(market_id, side, price, size, order_type, "ioc", "taker")


class Script(Strategy):
    """Answers its n-th top of book with the n-th list, then with nothing; keeps its fills."""

    def __init__(self, *answers):
        super().__init__({})
        self.answers = list(answers)
        self.fills = []

    def on_top_of_book(self, ctx, event, market_state, portfolio):
        """Give the next answer."""
        return self.answers.pop(0) if self.answers else None

    def on_fill(self, ctx, fill, market_state, portfolio):
        """Keep the fill."""
        self.fills.append((fill.market_id, fill.side, fill.price_e6, fill.size_e6, fill.fee_e6))


def engine(core, *, limits=NO_LIMITS, fee_bps=0, watchers=None, **settings):
    """Return a function that makes an orchestrator of strategies given by name.

    Args:
        watchers: functions by the name of the orchestrator's argument that takes them, as `on_event`.
    """

    def make(**strategies):
        return Orchestrator(
            dict(sorted(strategies.items())),
            lambda _markets: SimTerms(fees.flat(fee_bps), **settings),
            limits=limits,
            core=core,
            **(watchers or {}),
        )

    return make


def watchers_of(trail, core):
    """Return what brings a run's lines to a trail, for `engine`."""
    return {"lines": trail.start(intent_line, core)}
