"""Read one shard's records, checking each, and stepping over what is damaged.

A record is believed when its magic, form, number, shard, stamp and checksum are
right. Anything else is damage: it is reported, and reading goes on at the next
valid record (`resync.py`). Nothing from the file is used as a length or an
offset before it was held against the file's size.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

from pm_data import osdep
from pm_data._fast.scanned import Scanned
from pm_data.bundle.damage import Damage, DamageClass
from pm_data.bundle.digest import Digest, Hashing
from pm_data.bundle.format import FORMAT_VERSION, HEADER_SIZE, IDX_ENTRY_SIZE, MAX_SEQ, SCANNER
from pm_data.bundle.manifest import ShardSeal
from pm_data.bundle.resync import Resync, is_intact, parse_header
from pm_data.bundle.source import Source, open_source
from pm_data.bundle.window import BUFFER_BYTES, Window
from pm_data.errors import UsageError
from pm_data.frame import Record

_Taken = TypeVar("_Taken")


class Entries(NamedTuple):
    """The index entries of records that follow each other without damage.

    Args:
        first: number of the first record.
        data: one entry for each, in the form of the `.idx` file.
    """

    first: int
    data: bytes


class ShardReader:
    """Reads a `.frames` file, or the same out of a sealed one, once, from its start.

    Args:
        shard: its shard number; None to take that of its first record.
        records: valid records read so far.
        bytes: their bytes.
        next_seq: number that the next record should have.
        damaged: whether anything was reported.
    """

    def __init__(
        self,
        path: Path,
        shard: int | None,
        on_damage: Callable[[Damage], None],
        *,
        size: int | None = None,
        seal: ShardSeal | None = None,
        growing: bool = False,
        hashing: Hashing | None = None,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        """Read `path`.

        Args:
            on_damage: is told of each damage as it is met; may raise, which ends the reading.
            size: bytes to read; None for all that the file has when it is opened.
            seal: what a manifest says of the shard, to be held against it.
            growing: somebody is writing the file, so that an unfinished record at its end is no damage.
            hashing: how the file's SHA-256 is taken, where there is a seal; None for at once.
            buffer_bytes: how many bytes of it are in memory at a time.
        """
        self.path = path
        self.shard = shard
        self.records = 0
        self.bytes = 0
        self.next_seq = 0
        self.last_mono_ns = -(2**63)
        self.last_wall_ns_utc = 0
        self.damaged = False
        self.is_done = False
        """Whether the file was read to its end."""
        self.seal = seal
        self._on_damage = on_damage
        self._size = size
        self._growing = growing
        self._hashing = hashing or Hashing()
        self._buffer_bytes = buffer_bytes
        self._source: Source | None = None

    def batches(self) -> Iterator[list[Record]]:
        """Yield the valid records in order, some at a time.

        Raises:
            UsageError: the file cannot be opened, or is of a format version unknown here.
            OSError: reading failed.
        """
        return self._walk(self._take_records)

    def entries(self) -> Iterator[Entries]:
        """Check as `batches` does, and yield the records' index entries; other threads run meanwhile.

        Raises:
            As `batches`.
        """
        # As many as records without payload fit into the window.
        buffer = bytearray(self._buffer_bytes // HEADER_SIZE * IDX_ENTRY_SIZE)
        return self._walk(lambda window: self._take_entries(window, buffer))

    def open(self) -> int:
        """Open the file, which is no sealed one, for another reader; return its descriptor.

        Raises:
            UsageError: it cannot be opened.
        """
        try:
            return osdep.open_regular(self.path)
        except OSError as error:
            raise UsageError(f"cannot open {self.path}: {error.strerror}") from None

    def begin_behind(self, last: Record, position: int) -> None:
        """Begin at `position`, behind this record; all before was read and checked elsewhere.

        A digest is not taken then: `hold_against_seal` is for whoever takes it.
        """
        self.records = self.next_seq = last.seq + 1
        self.bytes = position
        self.last_mono_ns, self.last_wall_ns_utc = last.rx_mono_ns, last.rx_wall_ns_utc

    def _walk(self, take: Callable[[Window], tuple[_Taken, int]]) -> Iterator[_Taken]:
        """Yield what `take` takes off the window, along the file.

        Args:
            take: returns it, and how many bytes the next record needs; 0 where there is no next one.
        """
        try:
            source = open_source(self.path)
        except OSError as error:
            raise UsageError(f"cannot open {self.path}: {error.strerror}") from None
        with closing(source):
            size = source.size if self._size is None else min(source.size, self._size)
            digest = None if self.seal is None or self.bytes else Digest(self._hashing)
            window = Window(source, size, digest, self._buffer_bytes)
            if self.bytes:
                window.jump(self.bytes)
            resync = Resync(window)
            self._source = source
            if not source.is_table_whole:
                self._report(DamageClass.SEAL_MISMATCH, 0, 0, "the seek table is damaged")
            while True:
                seq = self.next_seq
                taken, need = take(window)
                if self.next_seq > seq:
                    yield taken
                if need and window.hold(need):
                    continue
                if window.position >= window.limit:
                    break
                self._step_over(window, resync)
            self._report_bad_blocks(window.limit)
            self.is_done = True
            if digest is not None:
                self.hold_against_seal(digest.hexdigest)

    def _take_records(self, window: Window) -> tuple[list[Record], int]:
        shard = -1 if self.shard is None else self.shard
        records, found = SCANNER.scan(
            window.data, window.start, window.end, shard, self.next_seq, self.last_mono_ns
        )
        self._advance(window, found)
        return records, found.need

    def _take_entries(self, window: Window, buffer: bytearray) -> tuple[Entries, int]:
        shard = -1 if self.shard is None else self.shard
        first = self.next_seq
        found = SCANNER.index(
            window.data, window.start, window.end, shard, first, self.last_mono_ns, window.position, buffer
        )
        self._advance(window, found)
        size = (self.next_seq - first) * IDX_ENTRY_SIZE
        return Entries(first, bytes(memoryview(buffer)[:size])), found.need

    def _advance(self, window: Window, found: Scanned) -> None:
        """Take note of what was scanned."""
        if found.seq > self.next_seq:
            self.records += found.seq - self.next_seq
            self.bytes += found.start - window.start
            self.next_seq = found.seq
            self.last_mono_ns, self.last_wall_ns_utc = found.last_mono_ns, found.last_wall_ns_utc
            window.start = found.start

    def _step_over(self, window: Window, resync: Resync) -> None:
        """Report what stands at the window's start, and move to the next valid record or the end."""
        origin, expected = window.position, self.next_seq
        window.hold(min(HEADER_SIZE, window.limit - origin))
        if window.start == window.end:
            return
        if is_intact(window):
            header = parse_header(window.data, window.start)
            if self.shard is None:
                self.shard = header.shard
                return
            if header.version != FORMAT_VERSION:
                raise UsageError(
                    f"cannot open {self.path}: record {expected} has format version {header.version}; "
                    f"this program reads {FORMAT_VERSION}"
                )
            if SCANNER.is_known_form(header.kind, header.control, header.flags):
                self._misplaced(window, header.seq, header.shard, header.rx_mono_ns, header.length)
                return
        head = bytes(window.view[window.start : min(window.end, window.start + HEADER_SIZE)])
        found = resync.find(self.shard, expected, self.last_mono_ns)
        if found is not None:
            detail = f"next valid record is {found.seq}"
            self._report(DamageClass.CRC_MISMATCH, origin, window.position, detail)
            self.next_seq, self.shard = found.seq, found.shard
            return
        tail, detail = resync.classify_tail(head, origin, self.shard, expected)
        if not (self._growing and tail is DamageClass.TORN_TAIL):
            self._report(tail, origin, window.limit, detail)

    def _misplaced(self, window: Window, seq: int, shard: int, mono_ns: int, length: int) -> None:
        """Deal with a record that is valid, but not the next one."""
        origin = window.position
        if shard == self.shard and mono_ns >= self.last_mono_ns and self.next_seq < seq <= MAX_SEQ:
            self._report(DamageClass.SEQ_GAP, origin, origin, f"next record is {seq}")
            self.next_seq = seq
            return
        window.start += HEADER_SIZE + length
        self._report(
            DamageClass.SEQ_GAP,
            origin,
            window.position,
            f"record {seq} of shard {shard}, rx_mono_ns {mono_ns}, does not belong here",
        )

    def hold_against_seal(self, hexdigest: Callable[[], str]) -> None:
        """Report what disagrees between what was read, to its end and without damage, and its seal.

        Args:
            hexdigest: returns the file's SHA-256; called where it matters.
        """
        seal = self.seal
        if seal is None or self.damaged:
            return
        found = ShardSeal(seal.shard, self.records, self.bytes, hexdigest())
        for name, told, read in zip(seal._fields, seal, found, strict=True):
            if told != read:
                self._report(
                    DamageClass.MANIFEST_MISMATCH,
                    self.bytes,
                    max(self.bytes, seal.bytes),
                    f"{name} is {read}, the manifest says {told}",
                )
                return

    def _report_bad_blocks(self, end: int) -> None:
        """Report blocks of a sealed shard that cannot be decoded and begin before `end` in the records."""
        assert self._source is not None
        bad = self._source.bad_blocks
        while bad and bad[0].plain_start < end:
            first, after, start, stop = bad.pop(0)
            which = f"block {first}" if after - first == 1 else f"blocks {first} to {after - 1}"
            self.damaged = True
            detail = f"{which} cannot be decoded"
            self._on_damage(Damage(DamageClass.SEAL_MISMATCH, self.shard, self.next_seq, start, stop, detail))

    def _report(self, damage_class: DamageClass, start: int, end: int, detail: str) -> None:
        self._report_bad_blocks(end)
        self.damaged = True
        self._on_damage(Damage(damage_class, self.shard, self.next_seq, start, end, detail))
