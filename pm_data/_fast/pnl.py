"""What a ledger takes and gives; both twins share these types."""

from typing import TypedDict

Mark = tuple[int | None, int | None]
"""Best bid and best ask price in e6; None where that side is empty or unknown."""


class Pnl(TypedDict):
    """The ledger's sums; total = realized + unrealized − fees = cash + position value."""

    cash_e6: int
    realized_pnl_e6: int
    unrealized_pnl_e6: int
    fees_paid_e6: int
    total_pnl_e6: int
    position_value_e6: int
    positions_e6: dict[str, int]
    unmarked: list[str]
