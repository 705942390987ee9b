"""What a run holds: sizes, counts, time span, gaps, connections, universe. Nothing is judged."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from pm_data._fast import store
from pm_data.bundle.damage import Damage
from pm_data.bundle.manifest import Manifest
from pm_data.bundle.opening import Bundle
from pm_data.errors import DamageError
from pm_data.frame import FLAG_MARKED, Control, Kind, Record, control_fields
from pm_data.jsonlib import JsonObject
from pm_data.state.universe import Universe

LISTED_MAX = 100
"""Gaps, damaged places and names that are kept; a file of a stranger may have millions."""

_KIND_NAMES = {int(kind): kind.name.lower() for kind in Kind}
_CONTROL_NAMES = {int(control): control.name.lower() for control in Control}


@dataclass
class Span:
    """The stamps of the first and the last record of some; None where there is none."""

    first_mono_ns: int | None = None
    last_mono_ns: int | None = None
    first_wall_ns_utc: int | None = None
    last_wall_ns_utc: int | None = None

    def add(self, record: Record) -> None:
        """Take a record into account; records come in order."""
        if self.first_mono_ns is None:
            self.first_mono_ns, self.first_wall_ns_utc = record.rx_mono_ns, record.rx_wall_ns_utc
        self.last_mono_ns, self.last_wall_ns_utc = record.rx_mono_ns, record.rx_wall_ns_utc

    @property
    def seconds(self) -> float:
        """How long it is, by the monotonic clock."""
        return ((self.last_mono_ns or 0) - (self.first_mono_ns or 0)) / 1e9


@dataclass
class Shard:
    """What one shard holds; `bytes` are those of its `.frames` file that were looked at."""

    shard: int
    bytes: int
    records: int = 0
    frames: int = 0
    span: Span = field(default_factory=Span)


class Inspection:
    """Counts the records of a run. Marked records, carried over a cut, count by themselves."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.shards = {shard: Shard(shard, size) for shard, size in bundle.sizes.items()}
        self.span = Span()
        self.kinds: Counter[str] = Counter(text=0, binary=0, control=0)
        self.marked = 0
        self.payload_bytes = 0
        self.controls: Counter[str] = Counter()
        self.gap_causes: Counter[str] = Counter()
        self.gaps: list[JsonObject] = []
        self.dropped_frames = 0
        self.dropped_bytes = 0
        self.opened = 0
        self.close_causes: Counter[str] = Counter()
        self.damage_count = 0
        self.damage: list[str] = []
        self._universes = {shard: Universe() for shard in bundle.sizes}
        self._store: store.StateStore = store.StateStore()
        for damage in bundle.damage:
            self.note_damage(damage)

    def read(self) -> None:
        """Read the run, over damage too.

        Raises:
            UsageError: a file cannot be opened, or is of a format version unknown here.
            OSError: reading failed.
        """
        for record in self.bundle.records(self.note_damage):
            self.apply(record)

    def apply(self, record: Record) -> None:
        """Take a record into account."""
        shard = self.shards[record.shard]
        shard.records += 1
        self.kinds[_KIND_NAMES[record.kind]] += 1
        if record.flags & FLAG_MARKED:
            self.marked += 1
        else:
            shard.span.add(record)
            self.span.add(record)
        if record.kind == Kind.CONTROL:
            self._note_control(record)
        elif not record.flags & FLAG_MARKED:
            shard.frames += 1
            self.payload_bytes += len(record.payload)
            self._store.decode(record.payload)

    def note_damage(self, damage: Damage) -> None:
        """Take into account what reading found."""
        self._note_text(str(damage))

    @property
    def messages(self) -> JsonObject:
        """What the frames were: their classes, and the names of messages, unknown types and texts."""
        counters, names = self._store.counters(), self._store.names()
        classes = {name: counters[name] for name in store.FRAME_CLASSES}
        tables = {table: _most_first(names[table]) for table in ("types", "unknown_types", "texts")}
        return {"classes": classes, **tables}

    @property
    def universe(self) -> JsonObject:
        """The markets listed at the end, and the tokens removed."""
        markets = [market for universe in self._universes.values() for market in universe.listed()]
        return {
            "markets": len(markets),
            "tokens": sum(len(market["asset_ids"]) for market in markets),
            "removed_tokens": sum(len(universe.removed) for universe in self._universes.values()),
            "neg_risk": sum(market.get("neg_risk") is True for market in markets),
            "fees_enabled": sum(market.get("fees_enabled") is True for market in markets),
            "tick_sizes": _tally(market.get("tick_size") for market in markets),
        }

    def fields(self) -> JsonObject:
        """Return everything as `capture-inspect` prints it."""
        bundle, manifest = self.bundle, self.bundle.manifest
        return {
            "ok": self.damage_count == 0,
            "run_dir": str(bundle.run.path),
            "status": bundle.status,
            **_provenance(manifest),
            "records": sum(shard.records for shard in self.shards.values()),
            "bytes": sum(shard.bytes for shard in self.shards.values()),
            "payload_bytes": self.payload_bytes,
            "kinds": dict(self.kinds),
            "marked": self.marked,
            "controls": dict(sorted(self.controls.items())),
            "messages": self.messages,
            "span": asdict(self.span) | {"seconds": self.span.seconds},
            "gaps": {
                "count": self.gap_causes.total(),
                "causes": _most_first(self.gap_causes),
                "dropped_frames": self.dropped_frames,
                "dropped_bytes": self.dropped_bytes,
                "listed": self.gaps,
            },
            "connections": {"opened": self.opened, "closed": _most_first(self.close_causes)},
            "universe": self.universe,
            "damage": {"count": self.damage_count, "listed": self.damage},
            "shards": [asdict(shard) for shard in self.shards.values()],
        }

    def _note_text(self, text: str) -> None:
        self.damage_count += 1
        if len(self.damage) < LISTED_MAX:
            self.damage.append(text)

    def _note_control(self, record: Record) -> None:
        control = record.control
        self.controls[_CONTROL_NAMES.get(control, str(control))] += 1
        if record.flags & FLAG_MARKED and control != Control.UNIVERSE:
            return
        try:
            if control == Control.UNIVERSE:
                self._universes[record.shard].apply(record)
            elif control == Control.OPENED:
                self.opened += 1
            elif control == Control.CLOSED:
                _count(self.close_causes, control_fields(record).get("cause"))
            elif control == Control.GAP:
                self._note_gap(record, control_fields(record))
        except (DamageError, ValueError) as error:
            self._note_text(f"shard {record.shard} record {record.seq}: {error}")

    def _note_gap(self, record: Record, fields: JsonObject) -> None:
        cause, tokens = fields.get("cause"), fields.get("tokens")
        frames, size = _whole(fields.get("frames")), _whole(fields.get("bytes"))
        _count(self.gap_causes, cause)
        if cause == "drop":
            self.dropped_frames += frames
            self.dropped_bytes += size
        if len(self.gaps) < LISTED_MAX:
            self.gaps.append(
                {
                    "shard": record.shard,
                    "i": record.seq,
                    "rx_mono_ns": record.rx_mono_ns,
                    "rx_wall_ns_utc": record.rx_wall_ns_utc,
                    "conn": record.conn,
                    "cause": _name(cause),
                    "tokens": len(tokens) if isinstance(tokens, list) else 0,
                    "frames": frames,
                }
            )


def _provenance(manifest: Manifest | None) -> JsonObject:
    """Return what the manifest says of the run's making; nothing where it is damaged."""
    if manifest is None:
        return {}
    names = ("run_id", "created_wall_ns_utc", "source", "package_version", "core", "python", "platform")
    fields: JsonObject = {name: getattr(manifest, name) for name in (*names, "format_version", "digest")}
    changed = {
        name: setting
        for name, setting in manifest.config.items()
        if not (isinstance(setting, dict) and setting.get("origin") == "default")
    }
    return fields | {
        "settings": changed,
        "totals": None if manifest.totals is None else asdict(manifest.totals),
        "parent": None if manifest.parent is None else asdict(manifest.parent),
        "previous": manifest.previous,
        "next": manifest.next,
    }


def _tally(values: Iterable[object]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for value in values:
        _count(counts, value)
    return _most_first(counts)


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(counts).most_common())


def _count(counts: Counter[str], name: object) -> None:
    text = _name(name)
    counts[text if text in counts or len(counts) < LISTED_MAX else "(other)"] += 1


def _name(value: object) -> str:
    """Return a stranger's value as text that can be printed as JSON."""
    return str(value)[:64].encode("utf-8", "replace").decode("utf-8")


def _whole(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0
