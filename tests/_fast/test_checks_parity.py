"""Both cores check the same books alike: events, outcomes, incidents, whatever befalls the frames."""

import random

import pytest
from support.mutants import mutated
from support.parity import asset_ids_of, compare, difference, smallest
from support.samples import sample_frames

from pm_data.venue.embedded.generate import generate
from pm_data.venue.embedded.options import VenueOptions

SEED = 20261125


def feed_steps(generator, count):
    """Return the steps of a generated feed of which some frames are lost, swapped, damaged or repeated."""
    options = VenueOptions(seed=generator.randrange(10**6), markets=3, rate=1000)
    frames = [frame.payload for frame in generate(options, count)]
    asset_ids = asset_ids_of(frames)
    steps = [("frame", frames[0], 1)]
    for at, frame in enumerate(frames[1:-1], 1):
        chance = generator.random()
        if chance < 0.01:
            continue
        if chance < 0.02:
            frames[at + 1], frame = frame, frames[at + 1]
        elif chance < 0.03:
            frame = mutated(frame, frames, generator)
        elif chance < 0.04:
            frame = frames[generator.randrange(max(at - 3, 0), at)]
        elif chance < 0.042:
            steps.append(("gap", generator.sample(asset_ids, 2), generator.choice(["gap", "salvage"])))
        steps.append(("frame", frame, 1))
    return steps


@pytest.mark.parametrize("mode", ["count", "suspect"])
@pytest.mark.parametrize("count", [100, pytest.param(2_000, marks=pytest.mark.long)])
def test_parity_of_checks_over_a_damaged_feed(both_cores, mode, count):
    print("seed", SEED)
    generator = random.Random(SEED)
    for _ in range(4):
        steps = feed_steps(generator, count)
        if difference(both_cores, steps, mode) is not None:
            steps = smallest(both_cores, steps, mode)
            assert difference(both_cores, steps, mode) is None, steps


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_parity_mutation_with_checks(both_cores, count):
    print("seed", SEED)
    assert compare(both_cores, sample_frames(), count, random.Random(SEED), "suspect") is None
