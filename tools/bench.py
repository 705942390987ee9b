#!/usr/bin/env python3
"""Measure pm_data beside the parsers that people know, on the same frames in one run.

Prints Markdown tables on stdout: ns a frame and the ratio to pysimdjson's bare parse; wall time with all
processors, and processor time with one, which other work on the machine disturbs less. Quote the ratios, not
the times. Each figure is the best of several rounds.
Needs the extra `bench`; a parser that is not installed is left out, and said.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from pm_data import _fast
from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.opening import open_bundle
from pm_data.config import Config
from pm_data.frame import Kind
from pm_data.runtime.entrypoint import RunOptions, run
from pm_data.strategy import Context, Portfolio, Strategy
from pm_data.strategy.loading import load_strategies
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions

ANCHOR = "pysimdjson parse"
Work = Callable[[], "Stopwatch | None"]
"""Does it once; returns when that ended what counts, None where all of it counts."""


class Stopwatch(Strategy):
    """Notes when the last callback of a run comes."""

    def on_stop(self, ctx: Context, portfolio: Portfolio) -> None:
        """Look at both clocks."""
        self.stopped = time.perf_counter(), time.process_time()


def refuse(damage: object) -> None:
    """End the benchmark: what it generated must be whole."""
    raise SystemExit(f"bench: the generated bundle is damaged: {damage}")


def best_seconds(work: Work, rounds: int) -> tuple[float, float]:
    """Return the shortest of some rounds: wall time, and processor time of all threads."""
    walls, processor = [], []
    for _ in range(rounds):
        started = time.perf_counter(), time.process_time()
        watch = work()
        ended = (time.perf_counter(), time.process_time()) if watch is None else watch.stopped
        walls.append(ended[0] - started[0])
        processor.append(ended[1] - started[1])
    return min(walls), min(processor)


def msgspec_decode(module: object) -> Callable[[bytes], object]:
    """Return a decoder of typed messages, as a user of msgspec would write it."""
    struct, union = module.Struct, None  # type: ignore[attr-defined]

    def message(tag: str, fields: dict[str, object]) -> type:
        typed = [(name, kind, None) for name, kind in fields.items()]
        return module.defstruct(tag, typed, tag_field="event_type", tag=tag)  # type: ignore[attr-defined,no-any-return]

    level = module.defstruct("Level", [("price", str), ("size", str)])  # type: ignore[attr-defined]
    change = module.defstruct(  # type: ignore[attr-defined]
        "Change", [(name, str) for name in "asset_id price size side hash best_bid best_ask".split()]
    )
    head = {"market": str, "asset_id": str, "timestamp": str}
    kinds = [
        message("book", head | {"bids": list[level], "asks": list[level], "hash": str}),  # type: ignore[valid-type]
        message("price_change", {"market": str, "timestamp": str, "price_changes": list[change]}),  # type: ignore[valid-type]
        message("last_trade_price", head | {"price": str, "size": str, "side": str}),
        message("tick_size_change", head | {"new_tick_size": str}),
        message("new_market", {"market": str, "question": str, "assets_ids": list[str]}),
        message("market_resolved", {"market": str, "winning_asset_id": str, "assets_ids": list[str]}),
        message("best_bid_ask", head | {"best_bid": str, "best_ask": str}),
    ]
    union = kinds[0]
    for kind in kinds[1:]:
        union = union | kind  # type: ignore[assignment,operator]
    assert issubclass(kinds[0], struct)
    return module.json.Decoder(union | list[union]).decode  # type: ignore[attr-defined,no-any-return,operator,valid-type]


def anchors(frames: list[bytes]) -> Iterator[tuple[str, Work]]:
    """Yield what others do with the same bytes."""

    def each(function: Callable[[bytes], object]) -> Work:
        def work() -> None:
            for frame in frames:
                function(frame)

        return work

    yield "a Python loop over the frames that does nothing", each(len)
    yield "memcpy", each(bytearray)
    yield "zlib.crc32", each(zlib.crc32)
    for name, label, find in (
        ("simdjson", ANCHOR, lambda found: found.Parser().parse),
        ("msgspec", "msgspec decode, typed", msgspec_decode),
        ("orjson", "orjson.loads", lambda found: found.loads),
        ("ujson", "ujson.loads", lambda found: found.loads),
        ("json", "json.loads", lambda found: found.loads),
    ):
        try:
            yield label, each(find(importlib.import_module(name)))
        except ImportError:
            print(f"bench: {name} is not installed, {label} is left out", file=sys.stderr)


def stages(run_dir: Path, frames: list[bytes], core: _fast.Core) -> Iterator[tuple[str, Work]]:
    """Yield our own work with one core, from a single step to the whole replay."""

    def scan() -> None:
        decode = core.store.StateStore().decode
        for frame in frames:
            decode(frame)

    def books(book_checks: str) -> Callable[[], object]:
        def work() -> None:
            apply = core.store.StateStore(book_checks).frame
            seq = 0
            for stamp, frame in enumerate(frames):
                seq += len(apply(frame, 1, stamp, seq))

        return work

    def replay(names: list[str], *, print_hash: bool = False, is_whole: bool = False) -> Work:
        def work() -> Stopwatch | None:
            watch = Stopwatch({})
            records = open_bundle(run_dir).replay_records(refuse)
            options = RunOptions("replay", print_hash=print_hash, print_pnl=True)
            loaded = {**load_strategies(names, []), "watch": watch}
            run(records, loaded, Config(), options, opened_at=0.0, core=core)
            return None if is_whole else watch

        return work

    yield f"{core.name}: scan to operations", scan
    yield f"{core.name}: scan, L2 and events (the normalizer)", books("off")
    yield f"{core.name}: the same with book checks counted", books("count")
    yield f"{core.name}: replay from files: + read, CRC, merge", replay([])
    yield f"{core.name}: replay from files: + toy_spread, PnL", replay(["toy_spread"])
    yield (
        f"{core.name}: the same, and the SHA-256 of the seals awaited",
        replay(["toy_spread"], is_whole=True),
    )
    yield f"{core.name}: the same with both hashes", replay(["toy_spread"], print_hash=True, is_whole=True)


def files(run_dir: Path) -> Iterator[tuple[str, Work]]:
    """Yield what reading costs: bare, checked, merged, verified."""

    def bare() -> None:
        buffer = bytearray(1024 * 1024)
        for path in sorted(run_dir.glob("capture/*.frames")):
            with path.open("rb", buffering=0) as file:
                while count := file.readinto(buffer):
                    zlib.crc32(memoryview(buffer)[:count])

    def merged() -> None:
        for _record in open_bundle(run_dir).records(refuse):
            pass

    def verify() -> None:
        verify_bundle(open_bundle(run_dir))

    yield "bare read and CRC of the files", bare
    yield "records in order, in Python", merged
    yield "verify", verify


def measure(run_dir: Path, names: list[str], rounds: int, *, by_processor: bool) -> dict[str, float]:
    """Return ns a frame of everything, in this process: wall time, or processor time."""
    records = open_bundle(run_dir).records(refuse)
    frames = [record.payload for record in records if record.kind != Kind.CONTROL]
    work = [*anchors(frames), *files(run_dir)]
    for name in names:
        work += stages(run_dir, frames, _fast.load(name))
    found = {"frames": float(len(frames)), "bytes": sum(map(len, frames)) / len(frames)}
    for label, one in work:
        found[label] = best_seconds(one, rounds)[by_processor] / len(frames) * 1e9
    return found


def measure_on_one(run_dir: Path, names: list[str], rounds: int) -> dict[str, float]:
    """Return the processor time of all that in a process that may use one processor only."""
    arguments = [str(run_dir), "--one-processor", *names, "--rounds", str(rounds)]
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def process_figures(run_dir: Path, tokens: int) -> Iterator[tuple[str, str]]:
    """Yield what whole processes take: to start, to the first event, and of memory."""
    command = [sys.executable, "-m", "pm_data"]
    replay = [*command, "run", "--mode", "replay", "--run-dir", str(run_dir), "--strategy", "toy_spread"]
    for label, arguments in (
        ("`pm_data --version`", [*command, "--version"]),
        ("a replay's first event (`--max-events 1`), whole process", [*replay, "--max-events", "1"]),
        ("a whole replay with toy_spread, whole process", replay),
    ):

        def work(arguments: list[str] = arguments) -> None:
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)

        yield label, f"{best_seconds(work, 3)[0]:.2f} s"
    own = [sys.executable, __file__, str(run_dir)]
    peak = subprocess.run([*own, "--peak"], check=True, stdout=subprocess.PIPE)
    yield "largest resident size of that replay", f"{int(peak.stdout) / 1024:.0f} MB"
    small = subprocess.run([*own, "--books"], check=True, stdout=subprocess.PIPE)
    yield "memory of a token with its full book", f"{int(small.stdout) / tokens / 1000:.1f} KB"


def book_bytes(run_dir: Path) -> int:
    """Return by how much this process grows when it keeps the books of a whole run."""
    records = open_bundle(run_dir).records(refuse)
    frames = [record.payload for record in records if record.kind != Kind.CONTROL]
    statm = Path("/proc/self/statm")
    stores, pages = [], [0]
    for _ in range(3):  # the first ones fill what reading left behind
        store = _fast.store.StateStore()
        for frame in frames:
            store.frame(frame, 1, 1, 0)
        stores.append(store)
        pages.append(int(statm.read_text().split()[1]))
    return (pages[-1] - pages[-2]) * os.sysconf("SC_PAGE_SIZE")


def peak_kilobytes(run_dir: Path) -> int:
    """Return the largest resident size of this process after a replay."""
    records = open_bundle(run_dir).replay_records(refuse)
    run(records, load_strategies(["toy_spread"], []), Config(), RunOptions("replay"), opened_at=0.0)
    # Not getrusage: a child's begins with what its parent had.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def print_table(all_of: dict[str, float], one: dict[str, float]) -> None:
    """Print both measurements side by side."""
    nan = float("nan")
    print(
        f"| work | ns a frame | × {ANCHOR} | CPU on one processor | × {ANCHOR} |\n|---|---:|---:|---:|---:|"
    )
    for label, spent in all_of.items():
        if label not in ("frames", "bytes"):
            alone = one.get(label, nan)
            ratios = (spent / all_of.get(ANCHOR, nan), alone / one.get(ANCHOR, nan))
            print(f"| {label} | {spent:,.0f} | {ratios[0]:.2f} | {alone:,.0f} | {ratios[1]:.2f} |")


def main() -> int:
    """Generate the bundle, measure, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=500_000, help="frames in all (default: %(default)s)")
    parser.add_argument(
        "--markets", type=int, default=2_000, help="markets, two tokens each (default: %(default)s)"
    )
    parser.add_argument("--shards", type=int, default=8, help="shards to merge (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds, the best counts (default: %(default)s)"
    )
    parser.add_argument("--pure", action="store_true", help="measure the pure core too, which takes long")
    parser.add_argument("run_dir", nargs="?", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one-processor", nargs="+", metavar="CORE", help=argparse.SUPPRESS)
    parser.add_argument("--books", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.books:
        print(book_bytes(args.run_dir))
        return 0
    if args.peak:
        print(peak_kilobytes(args.run_dir))
        return 0
    if args.one_processor:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        print(json.dumps(measure(args.run_dir, args.one_processor, args.rounds, by_processor=True)))
        return 0
    names = ["compiled", "pure"] if args.pure else ["compiled"]
    tokens = 2 * args.markets
    with tempfile.TemporaryDirectory() as directory:
        run_dir = Path(directory, "runs", "bench")
        options = VenueOptions(markets=args.markets, rate=10_000)
        write_bundle(options, args.frames, run_dir, args.shards, tokens)
        found = measure(run_dir, names, args.rounds, by_processor=False)
        alone = measure_on_one(run_dir, names, args.rounds)
        print(f"{found['frames']:.0f} frames of {found['bytes']:.0f} bytes on average, {tokens} tokens\n")
        print_table(found, alone)
        print("\n| process | |\n|---|---:|")
        for label, figure in process_figures(run_dir, tokens):
            print(f"| {label} | {figure} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
