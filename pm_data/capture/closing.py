"""The last files of a run: the manifest that seals it, or those that say why it ended fatally."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import CLOSED, FATAL, Manifest, ShardSeal, Totals, write_manifest
from pm_data.capture.accounts import Balance
from pm_data.capture.fatal import Cause, Fatal, FatalLatch, Reserve, write_last_frames, write_missing_tokens
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Args:
        markets: metadata of the universe as it was last.
        seals: what each shard holds; None where the disk hung.
        missing: shard to the tokens that were asked for and have no book.
        last_records: shard to the last records that came to the writer.
    """

    markets: list[JsonObject]
    seals: list[ShardSeal] | None
    balance: Balance
    missing: dict[int, list[str]]
    last_records: dict[int, list[Record]]


def close_bundle(
    run: RunDir,
    manifest: Manifest,
    reserve: Reserve,
    latch: FatalLatch,
    ending: Ending,
    say: Callable[[str], None],
) -> Manifest:
    """Write the last manifest and, after a fatal cause, the fatal files; return that manifest.

    What cannot be written is said on stderr: the run ends in any case.
    """
    closed = _final(manifest, CLOSED, ending)
    if latch.fatal is None:
        try:
            write_manifest(run, closed)
            reserve.release()
            return closed
        except OSError as error:
            latch.set(Cause.WRITE_ERROR, f"{run.manifest.name}: {error}")
    fatal = latch.fatal
    assert fatal is not None
    failed = _final(manifest, FATAL, ending)
    _write_fatal_files(run, failed, reserve, fatal, ending, say)
    return failed


def _final(manifest: Manifest, status: str, ending: Ending) -> Manifest:
    balance = ending.balance
    totals = None
    if not balance.queued.frames:  # else they do not add up: some frames never came to the disk
        totals = Totals(balance.received.frames, balance.written.frames, balance.dropped.frames)
    return dataclasses.replace(
        manifest, status=status, markets=ending.markets, shards=ending.seals, totals=totals
    )


def _write_fatal_files(
    run: RunDir,
    manifest: Manifest,
    reserve: Reserve,
    fatal: Fatal,
    ending: Ending,
    say: Callable[[str], None],
) -> None:
    where = "" if fatal.shard is None else f" (shard {fatal.shard})"
    say(f"fatal: {fatal.cause.value}{where}: {fatal.message}")
    # In the order of their worth: on a full disk the first gives back what the second needs.
    steps: list[tuple[str, Callable[[], object]]] = [
        ("fatal.json", lambda: reserve.become_fatal_json(fatal)),
        (run.manifest.name, lambda: write_manifest(run, manifest)),
        ("missing_tokens.json", lambda: write_missing_tokens(run.path, ending.missing)),
        ("last_frames_shard_NN.bin", lambda: write_last_frames(run.path, ending.last_records)),
    ]
    for name, write in steps:
        try:
            write()
        except OSError as error:
            say(f"cannot write {name}: {error}")
