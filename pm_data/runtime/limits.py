"""Cut a stream of records at a time."""

from collections.abc import Iterable, Iterator

from pm_data.frame import Record


def first_seconds(records: Iterable[Record], seconds: float) -> Iterator[Record]:
    """Yield the records whose stamp is less than `seconds` after the first one's."""
    end_ns = None
    for record in records:
        if end_ns is None:
            end_ns = record.rx_mono_ns + round(seconds * 1_000_000_000)
        if record.rx_mono_ns >= end_ns:
            return
        yield record
