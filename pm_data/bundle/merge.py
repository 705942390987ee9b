"""Put the records of several shards in the one order of a run.

The order is (rx_mono_ns, shard, seq). Each shard is in that order already, so a
round takes from each what can no longer be preceded by anything unread, and
sorts it: a stable sort by stamp alone, of parts laid out by shard, which finds
the runs it is given and mostly copies.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from pm_data.frame import Record

_stamp = itemgetter(Record._fields.index("rx_mono_ns"))


@dataclass(slots=True)
class _Head:
    """The next records of one stream: `batch` from `begin` on, never none."""

    stream: Iterator[list[Record]]
    batch: list[Record]
    begin: int = 0

    @property
    def last_stamp(self) -> int:
        return self.batch[-1].rx_mono_ns


def merged(streams: Sequence[Iterator[list[Record]]]) -> Iterator[list[Record]]:
    """Yield the records of all streams in order, some at a time; memory holds one list of each stream.

    Args:
        streams: of one shard each, by shard; lists are not empty, stamps never fall.
    """
    heads = [_Head(stream, batch) for stream in streams if (batch := next(stream, None))]
    while len(heads) > 1:
        # Nothing unread can come before the least of the last stamps that are known; what bears the
        # very same stamp may, from a shard up to the one that has it.
        least = min(range(len(heads)), key=lambda place: heads[place].last_stamp)
        stamp = heads[least].last_stamp
        ready: list[Record] = []
        left = []
        for place, head in enumerate(heads):
            cut = bisect_right if place <= least else bisect_left
            end = cut(head.batch, stamp, head.begin, key=_stamp)
            ready += head.batch[head.begin : end]
            head.begin = end
            if end == len(head.batch):
                head.batch, head.begin = next(head.stream, []), 0
            if head.batch:
                left.append(head)
        ready.sort(key=_stamp)
        heads = left
        yield ready
    for head in heads:
        yield head.batch[head.begin :]
        yield from head.stream
