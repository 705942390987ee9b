"""The loop: what the compiled one reads ahead and delivers by itself is what the plain one delivers."""

import random

import pytest
from support.records import write_run

from pm_data import _fast
from pm_data.bundle.format import encode_record
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.replay import ReplayRecords
from pm_data.config import Config
from pm_data.errors import PmDataError
from pm_data.frame import Control, Kind
from pm_data.runtime import checkpoints, entrypoint
from pm_data.runtime.entrypoint import RunOptions, run
from pm_data.strategy import PlaceOrderIntent, Strategy
from pm_data.strategy.loading import load_strategies
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions

SEED = 20261125
SETTINGS = ["toy_spread.urgency=taker", "toy_spread.order_type=market", "toy_spread.min_spread_e6=20000"]


class Watcher(Strategy):
    """Notes all that a strategy can see, and has a timer."""

    timer_period_ns = 7_000_000

    def __init__(self, parameters=()):
        super().__init__(dict(parameters))
        self.seen = []

    def _note(self, ctx, event, market, portfolio):
        levels = (market.bids()[:3], market.asks()[:3], market.status, market.sequence)
        self.seen.append(
            (ctx.seq, ctx.ts_recv, event.kind, *event, levels, portfolio.position(event.market_id))
        )

    on_trade = on_status = _note

    def on_top_of_book(self, ctx, event, market_state, portfolio):
        self._note(ctx, event, market_state, portfolio)
        if event.seq % 50 == 0:
            yield PlaceOrderIntent(event.market_id, "buy", None, 1_000_000, "market", "ioc", "taker", "w")

    def on_fill(self, ctx, fill, market_state, portfolio):
        self.seen.append((ctx.seq, ctx.ts_recv, fill))

    def on_timer(self, ctx, due_ns, portfolio):
        self.seen.append((ctx.seq, ctx.ts_recv, due_ns))

    def on_stop(self, ctx, portfolio):
        self.seen.append((ctx.seq, ctx.ts_recv, portfolio.pnl()))


def outcome(run_dir, core, **options):
    """Return all that comes of a replay: the line, or what ended it, what was told, what was seen."""
    told = []
    strategies = load_strategies(["toy_spread"], SETTINGS) | {"watcher": Watcher()}
    try:
        records = open_bundle(run_dir).replay_records(told.append)
        line = run(
            records,
            strategies,
            Config(),
            RunOptions("replay", print_pnl=True, **options),
            opened_at=0.0,
            core=core,
        )
    except PmDataError as error:
        return type(error), str(error), told
    del line["elapsed_ms"]
    return line, told, strategies["watcher"].seen


def same(run_dir, cores, **options):
    """Hold the cores against each other; return the outcome."""
    pure, compiled = (outcome(run_dir, core, **options) for core in cores)
    assert pure == compiled
    return compiled


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("generated") / "runs" / "made"
    write_bundle(VenueOptions(markets=60, rate=2000), 3000, run_dir, 3, 40)
    return run_dir


@pytest.fixture(scope="module")
def shards(generated):
    bundle = open_bundle(generated)
    return [list(bundle.records(pytest.fail, [number])) for number in bundle.sizes]


def test_a_generated_bundle(generated, both_cores):
    line, told, seen = same(generated, both_cores)
    assert line["canonical_events"] > 1000
    assert line["fills"] > 10
    assert told == []
    assert len(seen) > 1000
    assert outcome(generated, both_cores[1], print_hash=True) == outcome(
        generated, both_cores[0], print_hash=True
    )
    same(generated, both_cores, print_summary=True)


def test_the_compiled_loop_reads_ahead(generated, both_cores, monkeypatch):
    if _fast.CORE == "pure":
        pytest.skip("with the pure core chosen, bundles are opened for the pure loop")
    monkeypatch.setattr(ReplayRecords, "__iter__", lambda _records: pytest.fail("read in the plain way"))
    assert outcome(generated, both_cores[1])[0]["frames"] == 3000


def test_usual_lines_are_written_by_the_compiled_core(generated, both_cores, monkeypatch):
    if _fast.CORE == "pure":
        pytest.skip("with the pure core chosen, strategies make the intents of the pure core")
    plain = outcome(generated, both_cores[0], print_hash=True)
    for name in ("event_line", "fill_line"):
        monkeypatch.setattr(checkpoints, name, lambda *_what: pytest.fail("a line made in Python"))
    monkeypatch.setattr(entrypoint, "intent_line", lambda *_what: pytest.fail("a line made in Python"))
    assert outcome(generated, both_cores[1], print_hash=True) == plain


def test_every_way_to_end_early(generated, both_cores):
    total = same(generated, both_cores)[0]["canonical_events"]
    for max_events in (0, 1, 2, 3, 100, 101, 102, 103, total - 1, total, total + 1):
        line, _told, _seen = same(generated, both_cores, max_events=max_events)
        assert line["canonical_events"] == min(max_events, total)
    for max_seconds in (0, 0.000001, 0.3, 0.31, 0.5, 1000):
        same(generated, both_cores, max_seconds=max_seconds)


def test_payloads_longer_than_the_window(tmp_path, both_cores, shards):
    """Records of a window's size and more, alone and among others."""
    long = [list(shard) for shard in shards]
    for shard, size in zip(long, (262_096, 262_097, 700_000), strict=True):
        for at in (5, 40, len(shard) - 2):
            shard[at] = shard[at]._replace(payload=shard[at].payload + b" " * size)
    run_made = write_run(tmp_path, long, "closed")
    assert isinstance(same(run_made.path, both_cores)[0], dict)


def test_controls_binary_frames_and_unusual_payloads_among_the_frames(tmp_path, both_cores, shards):
    print("seed", SEED)
    generator = random.Random(SEED)
    changed = []
    for shard in shards:
        tokens = [
            token for record in shard if record.control == Control.SUBSCRIBED for token in [record.payload]
        ]
        made = []
        for record in shard:
            if not record.control and generator.random() < 0.1:
                payload = generator.choice(
                    [b"", b"PONG", b"[]", b"\xff", b"{", record.payload + b"x", b"[1]"]
                )
                kind = generator.choice([Kind.TEXT, Kind.BINARY])
                record = record._replace(payload=payload, kind=int(kind))
            elif not record.control and generator.random() < 0.03:
                record = record._replace(
                    kind=int(Kind.CONTROL),
                    control=int(generator.choice([Control.GAP, Control.UNSUBSCRIBED, Control.HANDOVER])),
                    flags=1,
                    payload=generator.choice(tokens),
                )
            made.append(record)
        changed.append(made)
    run_made = write_run(tmp_path, changed, "closed")
    line, _told, _seen = same(run_made.path, both_cores)
    assert line["counters"]["status_events"] > 50


@pytest.mark.parametrize("status", ["closed", "running"])
def test_damage_at_random_places(tmp_path, both_cores, shards, status):
    """What ends the run, what is told and what is seen before are those of the plain loop."""
    print("seed", SEED)
    generator = random.Random(SEED)
    some = [shard[:300] for shard in shards]
    run_made = write_run(tmp_path, some, status)
    path = run_made.path / "capture" / "shard_01.frames"
    whole = path.read_bytes()
    ends = [0]
    for record in some[1]:
        ends.append(ends[-1] + len(encode_record(record)))
    lines = 0
    for number in range(24):
        data = bytearray(whole)
        cut = generator.choice(ends) if number % 4 == 0 else generator.randrange(len(whole))
        if number % 4 < 2:
            del data[cut:]
        elif number % 4 == 2:
            data[cut] ^= 1 << generator.randrange(8)
        else:
            data[cut:] = bytes(len(data) - cut)
        path.write_bytes(data)
        lines += isinstance(same(run_made.path, both_cores)[0], dict)
    assert (lines > 9) == (status == "running")


def test_a_seal_that_disagrees_ends_the_run(tmp_path, both_cores, shards):
    """A whole record replaced by another valid one: only the SHA-256 of the closed manifest tells."""
    run_made = write_run(tmp_path, shards, "closed")
    path = run_made.path / "capture" / "shard_02.frames"
    last = shards[2][-2]
    other = encode_record(last._replace(rx_wall_ns_utc=last.rx_wall_ns_utc + 1))
    path.write_bytes(path.read_bytes().replace(encode_record(last), other))
    kind, text, _told = same(run_made.path, both_cores)
    assert kind.__name__ == "DamageError"
    assert "sha256" in text
    line, _told, _seen = same(run_made.path, both_cores, max_events=100)
    assert line["canonical_events"] == 100


class Failing(Strategy):
    """Raises at an event."""

    def on_top_of_book(self, ctx, event, market_state, portfolio):
        if event.seq == 500:
            raise KeyError("here")


def test_a_strategy_that_raises_is_named(generated, both_cores):
    for core in both_cores:
        records = open_bundle(generated).replay_records(pytest.fail)
        told = (
            r"strategy f raised KeyError in on_top_of_book at event 500: 'here' \(test_loop\.py, line \d+\)$"
        )
        with pytest.raises(PmDataError, match=told):
            run(records, {"f": Failing({})}, Config(), RunOptions("replay"), opened_at=0.0, core=core)
