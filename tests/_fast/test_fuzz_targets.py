"""The fuzzer's targets: no difference over what it begins with, and a planted one is seen."""

import random
from types import SimpleNamespace

import pytest
from support.fuzz_targets import TARGETS, random_shard, records_difference
from support.mutants import mutated
from support.samples import sample_frames

SEED = 20261125


@pytest.mark.parametrize("name", TARGETS)
def test_no_difference_over_the_seeds(both_cores, name):
    differ, seeds = TARGETS[name]
    for data in seeds():
        assert differ(both_cores, data) is None


def test_records_with_changed_bytes(both_cores):
    print("seed", SEED)
    generator = random.Random(SEED)
    for _ in range(2_000):
        data = random_shard(generator)
        assert records_difference(both_cores, data) is None, (SEED, data)


def test_a_planted_difference_is_seen(both_cores):
    pure = both_cores[0]

    class Lenient(pure.decode.Decoder):
        def decode(self, payload):
            return super().decode(payload.replace(b"\t", b" "))

    class Hasty(pure.records.RecordScanner):
        def scan(self, data, start, end, *more):
            return super().scan(data, start, max(start, end - 1), *more)

    lenient = pure._replace(decode=SimpleNamespace(Decoder=Lenient))
    differ, seeds = TARGETS["frames"]
    frames = sample_frames()
    generator = random.Random(SEED)
    mutants = (mutated(generator.choice(frames), frames, generator) for _ in range(5_000))
    assert any(differ((pure, lenient), data) for data in mutants)
    names = {name: getattr(pure.records, name) for name in ("Sha256", "crc32")}
    hasty = pure._replace(records=SimpleNamespace(RecordScanner=Hasty, **names))
    differ, seeds = TARGETS["records"]
    assert any(differ((pure, hasty), data) for data in seeds())
