import itertools
import random

from hypothesis import given
from hypothesis import strategies as st
from support.records import run_order, text

from pm_data.bundle.merge import merged


def cut(records, sizes):
    """Yield a shard's records in lists of these sizes."""
    records = iter(records)
    for size in sizes:
        batch = list(itertools.islice(records, size))
        if not batch:
            return
        yield batch


def stamped(shard, stamps):
    """Return a shard's records with these stamps, sorted."""
    return [text(shard, seq, stamp) for seq, stamp in enumerate(sorted(stamps))]


def flat(streams):
    return [record for batch in merged(streams) for record in batch]


def test_nothing():
    assert flat([]) == []
    assert flat([iter([]), iter([])]) == []


def test_ties_go_by_shard_and_then_by_number():
    shards = [[text(shard, seq, 5) for seq in range(4)] for shard in range(3)]
    assert flat([cut(records, itertools.repeat(2)) for records in shards]) == run_order(*shards)


def test_a_tie_with_a_later_record_of_a_lower_shard_waits():
    first = [text(0, 0, 5), text(0, 1, 5), text(0, 2, 9)]
    second = [text(1, 0, 5), text(1, 1, 6)]
    assert flat([cut(first, [1, 1, 1]), cut(second, [2])]) == run_order(first, second)


@given(
    stamps=st.lists(st.lists(st.integers(0, 12)), max_size=5),
    sizes=st.lists(st.integers(1, 4), min_size=1),
)
def test_any_shards_in_any_parts_come_in_order(stamps, sizes):
    shards = [stamped(shard, each) for shard, each in enumerate(stamps)]
    assert flat([cut(records, itertools.cycle(sizes)) for records in shards]) == run_order(*shards)


def test_memory_holds_one_list_of_each_stream():
    taken = [0] * 4

    def stream(shard):
        for number in range(100):
            taken[shard] += 1
            yield [text(shard, number, number * 10 + shard)]

    seen = 0
    for batch in merged([stream(shard) for shard in range(4)]):
        seen += len(batch)
        assert sum(taken) <= seen + 4
    assert seen == 400


def test_shards_of_very_different_rates():
    generator = random.Random(5)
    counts = [5000, 3, 0, 700]
    shards = [stamped(shard, generator.choices(range(10**6), k=count)) for shard, count in enumerate(counts)]
    streams = [cut(records, itertools.repeat(64)) for records in shards]
    assert flat(streams) == run_order(*shards)
