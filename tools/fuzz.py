#!/usr/bin/env python3
"""Feed the same bytes to both cores, guided by the coverage of the pure one, until they differ or time is up.

The targets are those of tests/support/fuzz_targets.py: `frames` go through the decoders and the StateStore,
`records` through the record scanner. Needs atheris (`tools/bootstrap.py install fuzz`); says so and ends
with 0 where it is not there. A difference is printed with its input, which libFuzzer also leaves in the
working directory as crash-…; exit 1 then.

    python3 tools/fuzz.py frames --seconds 300 --seed 1
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def main() -> int:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=("frames", "records"))
    parser.add_argument("--seconds", type=int, default=300, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of libFuzzer, not 0 (default: %(default)s)")
    parser.add_argument("--frames", type=Path, help="recorded frames to begin with too, one a line")
    args = parser.parse_args()
    try:
        import atheris
    except ImportError as error:
        print(f"skipped: {error}; `tools/bootstrap.py install fuzz` installs it")
        return 0
    with atheris.instrument_imports(include=["pm_data._fast"]):
        from support.fuzz_targets import TARGETS
        from support.mutants import PIECES

        from pm_data import _fast
    try:
        cores = _fast.load("pure"), _fast.load("compiled")
    except _fast.CoreUnavailableError as error:
        print(f"skipped: {error.reason}")
        return 0
    differ, seeds = TARGETS[args.target]

    def one_input(data: bytes) -> None:
        found = differ(cores, data)
        if found is not None:
            print(f"they differ over {data!r}: {found}", flush=True)
            raise AssertionError("the cores differ")

    recorded = args.frames.read_bytes().splitlines() if args.frames is not None else []
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory, "corpus")
        corpus.mkdir()
        for number, data in enumerate([*seeds(), *recorded]):
            (corpus / f"{number:04d}").write_bytes(data)
        words = Path(directory, "words")
        words.write_text("".join(f'"{_escaped(piece)}"\n' for piece in PIECES), encoding="ascii")
        options = [f"-max_total_time={args.seconds}", f"-seed={args.seed}", "-max_len=8192", "-timeout=60"]
        options += [f"-dict={words}", "-print_final_stats=1", str(corpus)]
        print(f"{args.target}: {args.seconds} s, seed {args.seed}", flush=True)
        atheris.Setup([sys.argv[0], *options], one_input)
        atheris.Fuzz()
    return 0


def _escaped(piece: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in piece)


if __name__ == "__main__":
    sys.exit(main())
