"""Print a run's records as NDJSON, in replay order.

Each line has shard, i (number in its shard), kind (text, binary, control),
rx_mono_ns, rx_wall_ns_utc, conn, and payload: text, or base64 under payload_b64
where it is no UTF-8. A control record also has its type under `control`; its
payload is JSON text. What a damaged bundle still holds is printed; what was
skipped is named on stderr, and the exit code is 1.
"""

import argparse
import base64
import sys
from pathlib import Path

from pm_data import jsonlib
from pm_data.cli import arguments, output
from pm_data.errors import UsageError
from pm_data.frame import Control, Kind, Record

NAME = "capture-frames"
SUMMARY = "print a run's records as NDJSON"

_CONTROL_NAMES = {int(control): control.name.lower() for control in Control}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to read")
    parser.add_argument(
        "--shard", type=arguments.index, action="append", metavar="N", help="only this shard; may be repeated"
    )
    parser.add_argument("--from-ns", type=arguments.stamp, metavar="NS", help="from this rx_mono_ns on")
    parser.add_argument("--to-ns", type=arguments.stamp, metavar="NS", help="before this rx_mono_ns")
    parser.add_argument("--first", type=arguments.index, metavar="I", help="of each shard, from this i on")
    parser.add_argument("--last", type=arguments.index, metavar="I", help="of each shard, up to this i")


def run(args: argparse.Namespace) -> int:
    """Print the records; 1 when the bundle is damaged."""
    from pm_data.bundle.damage import Damage
    from pm_data.bundle.opening import open_bundle

    bundle = open_bundle(args.run_dir)
    for shard in args.shard or ():
        if shard not in bundle.sizes:
            raise UsageError(f"--shard: {args.run_dir} has no shard {shard}")
    damaged = 0

    def report(damage: Damage) -> None:
        nonlocal damaged
        damaged = 1
        output.note(f"pm_data capture-frames: {damage}")

    for damage in bundle.damage:
        report(damage)
    for record in bundle.records(report, args.shard):
        if args.to_ns is not None and record.rx_mono_ns >= args.to_ns:
            break
        if (
            (args.from_ns is not None and record.rx_mono_ns < args.from_ns)
            or (args.first is not None and record.seq < args.first)
            or (args.last is not None and record.seq > args.last)
        ):
            continue
        # Bytes, so that the line is the same whatever the terminal's encoding.
        sys.stdout.buffer.write(jsonlib.ndjson_line(_fields(record)).encode("utf-8"))
    return damaged


def _fields(record: Record) -> jsonlib.JsonObject:
    fields: jsonlib.JsonObject = {
        "shard": record.shard,
        "i": record.seq,
        "kind": Kind(record.kind).name.lower(),
        "rx_mono_ns": record.rx_mono_ns,
        "rx_wall_ns_utc": record.rx_wall_ns_utc,
        "conn": record.conn,
    }
    if record.kind == Kind.CONTROL:
        fields["control"] = _CONTROL_NAMES.get(record.control, str(record.control))
    try:
        fields["payload"] = record.payload.decode("utf-8")
    except UnicodeDecodeError:
        fields["payload_b64"] = base64.b64encode(record.payload).decode("ascii")
    return fields
