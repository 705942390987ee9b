"""What the venue lists about a market: ids, words, tick, fees, volume."""

from dataclasses import dataclass
from math import isqrt

from pm_data.jsonlib import JsonObject
from pm_data.venue.embedded.draw import Draw

ORDER_MIN_SIZE = "5"

_COLOURS = ("Amber", "Blue", "Crimson", "Grey", "Indigo", "Ivory", "Jade", "Scarlet", "Silver", "Violet")
_TEAMS = ("Atlético", "Badgers", "Cranes", "Dragões", "Falcons", "Harriers", "København", "Otters", "Rovers")
_FEES = (
    ("crypto_fees", 0.07, 0.2),
    ("sports_fees", 0.05, 0.15),
    ("finance_fees", 0.04, 0.25),
    ("culture_fees", 0.05, 0.25),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """The fixed facts of one market.

    Args:
        number: position in the venue's history, from 0.
        tick: smallest price step at the start, in thousandths: 10 or 1.
        weight: share of the traffic, relative to the other markets.
        fee_type: None where the market has no fees, else the name of `fee_schedule`.
    """

    number: int
    gamma_id: str
    condition_id: str
    slug: str
    question: str
    asset_ids: tuple[str, str]
    outcomes: tuple[str, str]
    tick: int
    neg_risk: bool
    fee_type: str | None
    fee_schedule: JsonObject | None
    weight: int

    @property
    def volume_cents(self) -> int:
        """Volume of the last day in cents, heavy-tailed like the traffic."""
        return self.weight // 4 + self.number % 97


def traffic_weight(rank: int) -> int:
    """Return the traffic of the market with this rank by volume, from 0.

    Falls as (rank + 20) to the power -1.5: of 2,000 markets the top 100 have
    about 65 %, the top 500 about 88 %.
    """
    place = rank + 20
    return 10**12 // (place * isqrt(place * 10**6))


def make_listing(seed: int, number: int, rank: int) -> Listing:
    """Return the market with this number; it depends on nothing but the arguments."""
    draw = Draw(seed, 1, number)
    first = draw.pick(_COLOURS) + " " + draw.pick(_TEAMS)
    second = draw.pick(_COLOURS) + " " + draw.pick(_TEAMS)
    if draw.below(100) < 62:
        question, outcomes = f"Will {first} beat {second} in round {number + 1}?", ("Yes", "No")
    else:
        question, outcomes = f"{first} vs {second}, round {number + 1}", (first, second + " (away)")
    fee_type, schedule = None, None
    if draw.below(100) < 30:
        fee_type, rate, rebate = draw.pick(_FEES)
        schedule = {"exponent": 1, "rate": rate, "takerOnly": True, "rebateRate": rebate}
    return Listing(
        number=number,
        gamma_id=str(500_000 + number),
        condition_id="0x" + draw.hex_digits(64),
        slug=f"round-{number + 1}-{draw.hex_digits(6)}",
        question=question,
        asset_ids=(_asset_id(draw), _asset_id(draw)),
        outcomes=outcomes,
        tick=10 if draw.below(100) < 72 else 1,
        neg_risk=draw.below(100) < 41,
        fee_type=fee_type,
        fee_schedule=schedule,
        weight=traffic_weight(rank),
    )


def _asset_id(draw: Draw) -> str:
    # 77 or 78 digits, as most 256-bit numbers have.
    return str(draw.between(10**76, 2**256 - 1))
