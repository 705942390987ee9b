#!/usr/bin/env python3
"""Feed both cores the same mutants of frames and count what differs (parity_mutation).

The frames are those of tests/support/samples.py, every type in every form, and with --frames those of a
file of recorded frames, one a line. Of a difference the smallest run is printed that shows it; exit 1 then.

    python3 tools/soak_parity.py --mutants 1000000 --seed 1
"""

import argparse
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.parity import compare  # noqa: E402
from support.samples import sample_frames  # noqa: E402

from pm_data import _fast  # noqa: E402

ROUND = 10_000


def main() -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=1_000_000, help="steps in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same mutants")
    parser.add_argument("--frames", type=Path, help="recorded frames to mutate too, one a line")
    args = parser.parse_args()
    frames = sample_frames()
    if args.frames is not None:
        frames += filter(None, args.frames.read_bytes().splitlines())
    try:
        cores = _fast.load("pure"), _fast.load("compiled")
    except _fast.CoreUnavailableError as error:
        print(f"skipped: {error.reason}")
        return 0
    print(f"seed {args.seed}, {len(frames)} frames to mutate", flush=True)
    generator = random.Random(args.seed)
    started = time.monotonic()
    for done in range(0, args.mutants, ROUND):
        found = compare(cores, frames, min(ROUND, args.mutants - done), generator)
        if found is not None:
            steps, words = found
            print(f"they differ after {done} mutants; the smallest run that shows it:")
            print(*steps, words, sep="\n")
            return 1
    print(f"{args.mutants} mutants, 0 differences, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
