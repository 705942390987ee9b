"""Put the records of several shards in the one order of a run: (rx_mono_ns, shard, seq)."""

from collections.abc import Iterator, Sequence

from pm_data._fast import records
from pm_data.frame import Record


def merged(streams: Sequence[Iterator[list[Record]]]) -> Iterator[list[Record]]:
    """Yield the records of all streams in order, some at a time; memory holds one list of each stream.

    Args:
        streams: of one shard each, by shard; lists are not empty, stamps never fall.
    """
    begun = [(stream, batch) for stream in streams if (batch := next(stream, None))]
    sources = [stream for stream, _batch in begun]
    batches = [batch for _stream, batch in begun]
    begins = [0] * len(begun)
    while len(batches) > 1:
        yield records.merge(batches, begins)
        used_up = next(place for place, begin in enumerate(begins) if begin == len(batches[place]))
        following = next(sources[used_up], None)
        if following is None:
            del sources[used_up], batches[used_up], begins[used_up]
        else:
            batches[used_up], begins[used_up] = following, 0
    for source, batch, begin in zip(sources, batches, begins, strict=True):
        yield batch[begin:]
        yield from source
