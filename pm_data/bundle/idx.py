"""The index of a shard: made from its records, and held against them; never the truth (rule D4)."""

import io
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Self

from pm_data import osdep
from pm_data.bundle.damage import Damage, DamageClass
from pm_data.bundle.format import IDX_ENTRY_SIZE
from pm_data.bundle.reader import Entries


class IdxCheck:
    """Holds an index against the records of its shard; the first disagreement is reported.

    The entry of record n is the n-th. Those of records that cannot be read are not judged.
    """

    def __init__(
        self, path: Path, shard: int | None, on_damage: Callable[[Damage], None], *, growing: bool = False
    ) -> None:
        """Open the index.

        Args:
            growing: somebody is writing it, so that it may end sooner or later than the records read.
        """
        self._shard = shard
        self._on_damage = on_damage
        self._growing = growing
        self._good = True
        self._next_seq = 0
        self._file: io.FileIO | None = None
        try:
            self._file = io.FileIO(osdep.open_regular(path))
        except OSError as error:
            self._report(0, 0, 0, f"cannot be opened: {error.strerror}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        if self._file is not None:
            self._file.close()

    def check(self, entries: Entries) -> None:
        """Compare the entries that stand in the index with those of its records."""
        expected = entries.data
        self._next_seq = entries.first + len(expected) // IDX_ENTRY_SIZE
        if self._file is None or not self._good:
            return
        start = entries.first * IDX_ENTRY_SIZE
        found = b""
        if start < self._file.seek(0, io.SEEK_END):  # else too far to seek to, perhaps
            self._file.seek(start)
            found = _read(self._file, len(expected))
        if found == expected or (self._growing and expected.startswith(found)):
            return
        number = next(number for number in count() if _entry(found, number) != _entry(expected, number))
        start += number * IDX_ENTRY_SIZE
        length = len(_entry(found, number))
        detail = "the entry is not that of the record" if length == IDX_ENTRY_SIZE else "the index ends here"
        self._report(entries.first + number, start, start + length, detail)

    def finish(self) -> None:
        """Compare the length, after the last block."""
        if self._file is None:
            return
        size = self._file.seek(0, io.SEEK_END)
        expected = self._next_seq * IDX_ENTRY_SIZE
        if self._good and size > expected and not self._growing:
            self._report(self._next_seq, expected, size, "entries beyond the last record")

    def _report(self, record: int, start: int, end: int, detail: str) -> None:
        self._good = False
        self._on_damage(Damage(DamageClass.IDX_MISMATCH, self._shard, record, start, end, detail))


def _entry(data: bytes, number: int) -> bytes:
    return data[number * IDX_ENTRY_SIZE : (number + 1) * IDX_ENTRY_SIZE]


def _read(file: io.FileIO, size: int) -> bytes:
    """Read up to `size` bytes; fewer only at the end of the file."""
    data = b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data
