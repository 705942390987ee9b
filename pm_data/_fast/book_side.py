"""One side of a book: keys that ascend towards the best level, which is last, and their sizes.

A bid's key is its price, an ask's the negative.
"""

from array import array
from bisect import bisect_left
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Int64s: TypeAlias = "array[int]"
Levels = list[tuple[int, int]]

SAMPLES = 8
"""Steps of the sampled check that a list of levels is sorted (SEED.md section 3)."""


class ReadSide(NamedTuple):
    """A side, and whether it came sorted; a miss is one that only looked so where it was sampled."""

    keys: Int64s
    sizes: Int64s
    was_sorted: bool
    is_sample_miss: bool


def read_side(levels: Levels, sign: int) -> ReadSide:
    """Return wire levels as a side; of a price named twice the last counts, and size 0 is no level."""
    keys = [sign * price for price, _size in levels]
    sizes = [size for _price, size in levels]
    ascending = sorted(keys)
    was_sorted = keys == ascending
    if was_sorted and 0 not in sizes and len(set(keys)) == len(keys):
        return ReadSide(array("q", keys), array("q", sizes), True, False)
    size_of = dict(zip(keys, sizes, strict=True))
    kept = [key for key in dict.fromkeys(ascending) if size_of[key]]
    found = array("q", kept), array("q", [size_of[key] for key in kept])
    return ReadSide(*found, was_sorted, not was_sorted and _looks_sorted(keys))


def _looks_sorted(keys: list[int]) -> bool:
    """Check SAMPLES + 1 evenly spaced positions, the first and the last among them."""
    last = len(keys) - 1
    sampled = [keys[last * step // SAMPLES] for step in range(SAMPLES + 1)] if keys else []
    return all(first <= second for first, second in pairwise(sampled))


def set_level(keys: Int64s, sizes: Int64s, key: int, size: int) -> bool:
    """Set a level, size 0 for none; return whether that touched the best one."""
    position, count = bisect_left(keys, key), len(keys)
    if position < count and keys[position] == key:
        if size:
            sizes[position] = size
        else:
            del keys[position]
            del sizes[position]
        return position == count - 1
    if size:
        keys.insert(position, key)
        sizes.insert(position, size)
        return position == count
    return False
