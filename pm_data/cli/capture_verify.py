"""Check a run, or one shard's files, byte by byte: checksums, sequence, index, manifest.

Damage is named on stderr; the exit code is 0 for a clean run, 1 when anything is
damaged, 2 when it cannot be opened. A run that is still being written is checked up
to its size at opening; its unfinished last record is no damage.

Nothing is written, except with --repair: then the torn or zero tail of a shard is moved
to shard_NN.frames.torn beside it, and a wrong or missing index is made again, before
the run is checked. Nothing is thrown away; damage with records behind it stays where
it is, and the manifest stays as it is, so that a replay still meets the gap at the end.

With --books every book of the run is rebuilt too, and held against the venue's own
hashes, best prices and mirror legs. What fails there, the venue or the way from it lost:
it is reported (`books` in the JSON line), and is no damage of the run and no exit code.
"""

import argparse
from pathlib import Path

from pm_data.cli import output
from pm_data.cli.progress import ProgressBar
from pm_data.errors import UsageError
from pm_data.jsonlib import JsonObject

NAME = "capture-verify"
SUMMARY = "check a run for damage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run-dir", type=Path, metavar="DIR", help="the run to check")
    what.add_argument("--frames", type=Path, metavar="FILE", help="one .frames file to check by itself")
    parser.add_argument("--idx", type=Path, metavar="FILE", help="the .idx file to hold against --frames")
    parser.add_argument(
        "--repair", action="store_true", help="first move torn tails away and make bad indices again"
    )
    parser.add_argument(
        "--books", action="store_true", help="check every book against the venue's word and report each token"
    )
    parser.add_argument("--summary-only", action="store_true", help="leave `summaries` out of the JSON line")


def run(args: argparse.Namespace) -> int:
    """Print the verdict; 1 when there is damage."""
    from pm_data.analysis.books import check_books
    from pm_data.analysis.verify import DAMAGE_KEPT_MAX, verify_bundle, verify_files
    from pm_data.bundle.opening import open_bundle
    from pm_data.bundle.repair import repair_run

    line: JsonObject = {"ok": False}
    if args.frames is not None:
        if args.repair or args.books:
            raise UsageError(f"{'--repair' if args.repair else '--books'} goes with --run-dir")
        with _progress(_size(args.frames)) as bar:
            verdict = verify_files(args.frames, args.idx, bar.add)
    elif args.idx is not None:
        raise UsageError("--idx goes with --frames")
    else:
        if args.repair:
            repaired = repair_run(args.run_dir)
            for repair in repaired:
                output.note(f"pm_data capture-verify: repaired {repair}")
            line["repaired"] = [repair.fields() for repair in repaired]
        bundle = open_bundle(args.run_dir)
        with _progress(sum(bundle.sizes.values())) as bar:
            verdict = verify_bundle(bundle, bar.add)
        line["status"] = bundle.status
        line["digest"] = bundle.manifest.digest if bundle.manifest is not None else None
    for damage in verdict.damage:
        output.note(f"pm_data capture-verify: {damage}")
    for summary in verdict.summaries:
        for damage in summary.damage:
            output.note(f"pm_data capture-verify: {damage}")
        if summary.errors > DAMAGE_KEPT_MAX:
            output.note(f"pm_data capture-verify: shard {summary.shard}: {summary.errors} places in all")
    if args.repair and not verdict.ok:
        output.note("pm_data capture-verify: what is left cannot be repaired; run --salvage steps over it")
    line |= {"ok": verdict.ok, "totals": verdict.totals()}
    if not args.summary_only:
        line["summaries"] = [summary.fields() for summary in verdict.summaries]
    if args.books:
        # What cannot be read has been named above.
        line["books"] = check_books(bundle.replay_records(_nobody, _nobody))
        for incident in line["books"]["incidents"]:
            output.note(f"pm_data capture-verify: {_incident_text(incident)}")
    output.print_json(line)
    return 0 if verdict.ok else 1


def _nobody(_damage: object) -> None:
    pass


def _incident_text(incident: JsonObject) -> str:
    market, tokens = output.printable(incident["market"]), len(incident["asset_ids"])
    ended = "recovered" if incident["recovered"] else "not recovered"
    return (
        f"incident: market {market}, {tokens} tokens, {incident['bursts']} bursts, "
        f"{incident['leg_hashes']} hashes failed, {ended}"
    )


def _progress(total: int) -> ProgressBar:
    return ProgressBar("pm_data capture-verify", total)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
