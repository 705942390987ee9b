"""Read one shard's records, checking each, and stepping over what is damaged.

A record is believed when its magic, form, number, shard, stamp and checksum are
right. Anything else is damage: it is reported, and reading goes on at the next
valid record (`resync.py`). Nothing from the file is used as a length or an
offset before it was held against the file's size.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pm_data import osdep
from pm_data.bundle.damage import Damage, DamageClass
from pm_data.bundle.format import FORMAT_VERSION, HEADER_SIZE, SCANNER
from pm_data.bundle.manifest import ShardSeal
from pm_data.bundle.resync import Resync, is_intact, parse_header
from pm_data.bundle.window import Window
from pm_data.errors import UsageError
from pm_data.frame import Record


class Block(NamedTuple):
    """Records that follow each other in a file without damage.

    Args:
        offset: where in the file the first one is.
        checksums: of each record.
    """

    offset: int
    records: list[Record]
    checksums: list[int]


class ShardReader:
    """Reads a `.frames` file once, from its start.

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
    ) -> None:
        """Read `path`.

        Args:
            on_damage: is told of each damage as it is met; may raise, which ends the reading.
            size: bytes to read; None for all that the file has when it is opened.
            seal: what a manifest says of the shard, to be held against it.
            growing: somebody is writing the file, so that an unfinished record at its end is no damage.
        """
        self.path = path
        self.shard = shard
        self.records = 0
        self.bytes = 0
        self.next_seq = 0
        self.last_mono_ns = -(2**63)
        self.last_wall_ns_utc = 0
        self.damaged = False
        self._on_damage = on_damage
        self._size = size
        self._seal = seal
        self._growing = growing

    def blocks(self) -> Iterator[Block]:
        """Yield the valid records in order, some at a time.

        Raises:
            UsageError: the file cannot be opened, or is of a format version unknown here.
            OSError: reading failed.
        """
        try:
            fd = osdep.open_regular(self.path)
        except OSError as error:
            raise UsageError(f"cannot open {self.path}: {error.strerror}") from None
        with io.FileIO(fd) as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            window = Window(file, size if self._size is None else min(size, self._size))
            resync = Resync(window)
            while True:
                block, need = self._scan(window)
                if block.records:
                    yield block
                if need and window.slide(need):
                    continue
                if window.position >= window.limit:
                    break
                self._step_over(window, resync)
            if self._seal is not None and not self.damaged:
                self._hold_against_seal(self._seal, window)

    def _scan(self, window: Window) -> tuple[Block, int]:
        """Take valid records off the window.

        Returns:
            They, and how many bytes the next one needs; 0 where the next bytes are no next record.
        """
        position, start = window.position, window.start
        shard = -1 if self.shard is None else self.shard
        found = SCANNER.scan(window.data, start, window.end, shard, self.next_seq, self.last_mono_ns)
        if found.records:
            self.records += len(found.records)
            self.bytes += found.start - start
            self.next_seq = found.seq
            self.last_mono_ns, self.last_wall_ns_utc = found.last_mono_ns, found.last_wall_ns_utc
        window.start = found.start
        return Block(position, found.records, found.checksums), found.need

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
        if shard == self.shard and mono_ns >= self.last_mono_ns and seq > self.next_seq:
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

    def _hold_against_seal(self, seal: ShardSeal, window: Window) -> None:
        found = ShardSeal(seal.shard, self.records, self.bytes, window.hexdigest())
        for name, told, read in zip(seal._fields, seal, found, strict=True):
            if told != read:
                self._report(
                    DamageClass.MANIFEST_MISMATCH,
                    self.bytes,
                    max(self.bytes, seal.bytes),
                    f"{name} is {read}, the manifest says {told}",
                )
                return

    def _report(self, damage_class: DamageClass, start: int, end: int, detail: str) -> None:
        self.damaged = True
        self._on_damage(Damage(damage_class, self.shard, self.next_seq, start, end, detail))
