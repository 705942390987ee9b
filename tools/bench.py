#!/usr/bin/env python3
"""Measure pm_data beside the parsers that people know, on the same frames in one run.

Prints a Markdown table on stdout: ns a frame and the ratio to pysimdjson's bare parse. Machines differ and
are noisy: quote the ratios. Each figure is the best of several rounds over all frames, on one core.
Needs the extra `bench`; a parser that is not installed is left out, and said.
"""

import argparse
import importlib
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
from pm_data.strategy.loading import load_strategies
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions

ANCHOR = "pysimdjson parse"


def refuse(damage: object) -> None:
    """End the benchmark: what it generated must be whole."""
    raise SystemExit(f"bench: the generated bundle is damaged: {damage}")


def best_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the shortest of some rounds."""
    shortest = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest


def anchors(frames: list[bytes]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what others do with the same bytes."""

    def each(function: Callable[[bytes], object]) -> Callable[[], object]:
        def work() -> None:
            for frame in frames:
                function(frame)

        return work

    yield "memcpy", each(bytearray)
    yield "zlib.crc32", each(zlib.crc32)
    for module, label, find in (
        ("simdjson", ANCHOR, lambda found: found.Parser().parse),
        ("msgspec", "msgspec decode", lambda found: found.json.Decoder().decode),
        ("orjson", "orjson.loads", lambda found: found.loads),
        ("ujson", "ujson.loads", lambda found: found.loads),
        ("json", "json.loads", lambda found: found.loads),
    ):
        try:
            yield label, each(find(importlib.import_module(module)))
        except ImportError:
            print(f"bench: {module} is not installed, {label} is left out", file=sys.stderr)


def stages(
    run_dir: Path, frames: list[bytes], core: _fast.Core
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield our own work with one core, from a single step to the whole replay."""

    def decode() -> None:
        read = core.decode.Decoder().decode
        for frame in frames:
            read(frame)

    def books(book_checks: str) -> Callable[[], object]:
        def work() -> None:
            apply = core.store.StateStore(book_checks).frame
            seq = 0
            for stamp, frame in enumerate(frames):
                seq += len(apply(frame, 1, stamp, seq))

        return work

    def replay(strategies: list[str], print_hash: bool) -> Callable[[], object]:
        def work() -> object:
            options = RunOptions("replay", print_hash=print_hash, print_pnl=True)
            records = open_bundle(run_dir).records(refuse)
            loaded = load_strategies(strategies, [])
            return run(records, loaded, Config(), options, opened_at=time.perf_counter(), core=core)

        return work

    yield f"{core.name}: decode to Python operations", decode
    yield f"{core.name}: normalizer with L2 and events", books("off")
    yield f"{core.name}: the same with book checks counted", books("count")
    yield f"{core.name}: replay from files, no strategy", replay([], False)
    yield f"{core.name}: replay from files, toy_spread, PnL", replay(["toy_spread"], False)
    yield f"{core.name}: the same with both hashes", replay(["toy_spread"], True)


def files(run_dir: Path) -> Iterator[tuple[str, Callable[[], object]]]:
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

    yield "bare read and CRC of the files", bare
    yield "read, check and merge of all shards", merged
    yield "verify", lambda: verify_bundle(open_bundle(run_dir))


def main() -> int:
    """Generate the bundle, measure, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=100_000, help="frames in all (default: %(default)s)")
    parser.add_argument(
        "--markets", type=int, default=2_000, help="markets, two tokens each (default: %(default)s)"
    )
    parser.add_argument("--shards", type=int, default=8, help="shards to merge (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds, the best counts (default: %(default)s)"
    )
    parser.add_argument("--pure", action="store_true", help="measure the pure core too, which takes long")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        run_dir = Path(directory, "runs", "bench")
        write_bundle(
            VenueOptions(markets=args.markets, rate=10_000),
            args.frames,
            run_dir,
            args.shards,
            2 * args.markets,
        )
        records = open_bundle(run_dir).records(refuse)
        frames = [record.payload for record in records if record.kind != Kind.CONTROL]
        work = [*anchors(frames), *files(run_dir)]
        names = ["compiled", "pure"] if args.pure else ["compiled"]
        for name in names:
            work += stages(run_dir, frames, _fast.load(name))
        seconds = {label: best_seconds(one, args.rounds) for label, one in work}
    per_frame = {label: spent / len(frames) * 1e9 for label, spent in seconds.items()}
    size = sum(map(len, frames)) / len(frames)
    print(f"{len(frames)} frames of {size:.0f} bytes on average, {2 * args.markets} tokens\n")
    print(f"| work, one core | ns a frame | × {ANCHOR} |\n|---|---:|---:|")
    anchor = per_frame.get(ANCHOR, float("nan"))
    for label, spent in per_frame.items():
        print(f"| {label} | {spent:,.0f} | {spent / anchor:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
