"""Seeded draws that are the same on every platform and Python.

Only `getrandbits` is used: it is the Mersenne Twister's own output, while the
algorithms of `randrange`, `choice` and `shuffle` have changed between versions.
"""

import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Draw:
    """One stream of draws; streams with different parts of a seed do not depend on each other."""

    __slots__ = ("bits",)

    def __init__(self, *seed_parts: int) -> None:
        # Text seeds go through SHA-512, so near seeds give unrelated streams.
        self.bits = random.Random("/".join(map(str, seed_parts))).getrandbits

    def below(self, bound: int) -> int:
        """Return 0 to bound - 1, evenly to one part in 2**62 / bound."""
        return self.bits(62) * bound >> 62

    def between(self, low: int, high: int) -> int:
        """Return low to high, both included."""
        return low + (self.bits(62) * (high - low + 1) >> 62)

    def one_in(self, count: int) -> bool:
        """Return True once in `count` draws on average."""
        return self.bits(62) * count >> 62 == 0

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.bits(62) * len(items) >> 62]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in a drawn order."""
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result

    def hex_digits(self, count: int) -> str:
        """Return `count` lower-case hexadecimal digits."""
        return f"{self.bits(4 * count):0{count}x}"
