"""Make a closed run small: its shards become blocks of Zstandard, a fifth of the size or so.

Every command reads a sealed run as if it were plain. The manifest stays as it is, and so does its
digest: it names the records, sealed or not. A shard's .frames file is taken away only when the sealed
one is on the disk and was read back as the same bytes; a kill at any point loses nothing, and sealing
again goes on. `zstd -d --rm capture/*.zst` makes a run plain again.

Needs the extra zstd: pip install 'pm_data[zstd]'.
"""

import argparse
from pathlib import Path

from pm_data.cli import output
from pm_data.cli.progress import ProgressBar

NAME = "capture-seal"
SUMMARY = "compress the shards of a closed run; every command still reads them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to seal")


def run(args: argparse.Namespace) -> int:
    """Seal the shards and print the JSON line."""
    from pm_data.bundle.opening import open_bundle
    from pm_data.bundle.sealing import Outcome, seal_run

    bundle = open_bundle(args.run_dir)
    to_read = sum(size for shard, size in bundle.sizes.items() if shard not in bundle.sealed)
    with ProgressBar("pm_data capture-seal", 2 * to_read) as bar:
        shards = seal_run(args.run_dir, bar.add)
    for shard in shards:
        if shard.outcome is Outcome.LEFT:
            output.note(f"pm_data capture-seal: shard {shard.shard} is left as it is: it shrinks too much")
    # Closed, or it could not have been sealed.
    assert bundle.manifest is not None
    output.print_json(
        {
            "ok": True,
            "run_dir": str(args.run_dir),
            "digest": bundle.manifest.digest,
            "bytes": sum(shard.bytes for shard in shards),
            "stored_bytes": sum(shard.stored_bytes for shard in shards),
            "shards": [shard._asdict() for shard in shards],
        }
    )
    return 0
