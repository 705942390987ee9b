"""tob_oracle: random books, displaced, with duplicates and zeros, one-sided, against brute force."""

import random
from itertools import pairwise

import pytest
from support.frames import A, book

from pm_data._fast.book_side import SAMPLES

SEED = 20261123


@pytest.mark.parametrize("count", [3_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_tob_oracle(both_cores, count):
    print("seed", SEED)
    generator = random.Random(SEED)
    stores = [core.store.StateStore() for core in both_cores]
    scans = {"bid_scan_count": 0, "ask_scan_count": 0, "tob_sample_misses": 0, "crossed": 0}
    last = None
    for number in range(count):
        bids, asks = random_side(generator), random_side(generator)[::-1]
        frame = book(bids=bids, asks=asks)
        for counter, keys in (
            ("bid_scan_count", [float(price) for price, _size in bids]),
            ("ask_scan_count", [-float(price) for price, _size in asks]),
        ):
            scans[counter] += keys != sorted(keys)
            scans["tob_sample_misses"] += keys != sorted(keys) and looks_sorted(keys)
        best_bids, best_asks = brute_force(bids)[::-1], brute_force(asks)
        top = (*(best_bids or [(None, None)])[0], *(best_asks or [(None, None)])[0])
        scans["crossed"] += top != last and None not in top and top[0] >= top[2]
        for store in stores:
            events = store.frame(frame, 1, number, 0)
            market = store.market(A)
            assert (market.bids(), market.asks()) == (best_bids, best_asks), (SEED, number)
            assert (market.bid_px_e6, market.bid_sz_e6, market.ask_px_e6, market.ask_sz_e6) == top
            # A first book with nothing in it has the top that a new token has.
            assert len(events) == (top != (last or (None,) * 4))
            assert all(tuple(event)[1:5] == top for event in events)
        last = top
    for store in stores:
        assert {name: store.counters()[name] for name in scans} == scans
    assert min(scans.values()) > 0


def random_side(generator):
    """Return a side, most often ascending, sometimes displaced or shuffled, with duplicates and zeros."""
    levels = [
        (f"0.{generator.randrange(1, 1000):03d}", str(generator.choice([0, 1, 2.5, 100, 21006452.23])))
        for _ in range(generator.choice([0, 1, 2, 9, 40]))
    ]
    if generator.random() < 0.8:
        levels.sort()
        if levels and generator.random() < 0.4:
            levels.insert(generator.randrange(len(levels)), levels.pop(generator.randrange(len(levels))))
    return levels


def brute_force(levels):
    """Return the levels of a side by price, ascending: of a price named twice the last, of size 0 none."""
    sizes = {}
    for price, size in levels:
        sizes[round(float(price) * 10**6)] = round(float(size) * 10**6)
    return sorted((price, size) for price, size in sizes.items() if size)


def looks_sorted(keys):
    """Look at the places that SEED.md section 3 samples."""
    last = len(keys) - 1
    return all(a <= b for a, b in pairwise(keys[last * step // SAMPLES] for step in range(SAMPLES + 1)))
