#!/usr/bin/env python3
"""Prove live = replay over many frames: `pm_data prove` against the embedded venue with its faults.

Seed after seed, the cores in turn, one line a proof, until --frames frames were recorded in all. Exits 1 at
the first proof that fails, whose bundle stays; the others are deleted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import count, cycle
from pathlib import Path

from pm_data.bundle.opening import open_bundle
from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

FAULTS = (
    "close:after=3,conns=3",
    "torn:after=5,conns=2",
    "violation:after=7,conns=1",
    "malformed:every=400",
    "duplicate:every=300",
    "reorder:every=300",
    "lost:every=400",
    "burst:seconds=0.2",
)
CORES = ("compiled", "pure")
STRATEGIES = (
    *("--strategy", "toy_spread", "--strategy-params", "toy_spread.urgency=taker"),
    *("--strategy-params", "toy_spread.order_type=market", "--strategy", "pair_taker"),
    *("--strategy", "momentum_taker", "--strategy", "counting_maker", "--fee-model", "polymarket"),
)


def prove(seed: int, core: str, rate: int, seconds: float, data_dir: Path) -> dict[str, object]:
    """Run one proof; return its JSON line, empty where there was none."""
    faults = tuple(parse_fault(text) for text in FAULTS)
    with EmbeddedVenue(VenueOptions(seed=seed, markets=300, rate=rate, faults=faults)) as venue:
        urls = venue.urls
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pm_data", "prove", *STRATEGIES, "--duration-seconds", str(seconds)),
                *("--gamma-base-url", urls.gamma_base_url, "--clob-base-url", urls.clob_base_url),
                *("--clob-ws-url", urls.clob_ws_url, "--data-dir", str(data_dir)),
            ],
            env=os.environ | {"PM_DATA_CORE": core},
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    line: dict[str, object] = json.loads(done.stdout or "{}")
    return line


def main() -> int:
    """Prove until enough was recorded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1_000_000, help="frames in all (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=2_000, help="frames a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of one proof (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (default: %(default)s)")
    parser.add_argument("--core", choices=CORES, help="only this core (default: both in turn)")
    args = parser.parse_args()
    frames = 0
    data_dir = Path(tempfile.mkdtemp(prefix="soak-prove-"))
    for seed, core in zip(count(args.seed), cycle([args.core] if args.core else CORES)):
        line = prove(seed, core, args.rate, args.seconds, data_dir)
        if not line.get("ok"):
            print(f"seed {seed}, {core} core: FAILED, see {data_dir}: {line}")
            return 1
        run_dir = Path(str(line["run_dir"]))
        manifest = open_bundle(run_dir).manifest
        assert manifest is not None
        assert manifest.totals is not None
        frames += manifest.totals.written
        counts = ", ".join(f"{line[key]} {key}" for key in ("canonical_events", "intents", "fills"))
        print(f"seed {seed}, {core} core: equal, {counts}; {frames} frames so far", flush=True)
        shutil.rmtree(run_dir)
        if frames >= args.frames:
            data_dir.joinpath("runs").rmdir()
            data_dir.rmdir()
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
