"""Run the embedded venue on this machine's loopback.

It speaks the venue's own protocol: the Gamma listing, the CLOB's REST books and
the market WebSocket, all on one port of 127.0.0.1, with seeded markets and
order flow and with book hashes that verify. It prints one JSON line with its
URLs once it listens, and runs until Ctrl-C.

With --frames it opens no port: it writes that many frames of the same order
flow to a file or a bundle, at full speed.
"""

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pm_data import config, osdep
from pm_data.cli import output
from pm_data.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pm_data.venue.embedded.options import VenueOptions

NAME = "venue"
SUMMARY = "serve a local venue with seeded markets"

_LONGEST_SECONDS = 10 * 365 * 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    for flag, default, text in (
        ("--seed", "1", "decides markets, books and order flow"),
        ("--markets", "50", "active binary markets at the start"),
        ("--rate", "200", "frames a second over all markets, 0 for none"),
        ("--port", "0", "port on 127.0.0.1, 0 for a free one"),
    ):
        parser.add_argument(flag, metavar="N", default=default, help=f"{text} (default: {default})")
    parser.add_argument("--duration-seconds", metavar="SECONDS", help="end after this long")
    parser.add_argument(
        "--sent-log",
        metavar="DIR",
        type=Path,
        help="write every payload sent to the n-th WebSocket connection to DIR/conn_<n>.ndjson",
    )
    parser.add_argument(
        "--fault",
        metavar="NAME[:ARGUMENT=VALUE,...]",
        action="append",
        default=[],
        help="misbehave, may be given several times; docs/venue-faults.md has the names, `--fault list` too",
    )
    parser.add_argument(
        "--replay",
        metavar="RUN_DIR",
        type=Path,
        help="serve a recorded run, in the venue's protocol, in the place of seeded markets",
    )
    parser.add_argument(
        "--speed", metavar="X", default="1", help="how many times as fast as recorded (default: 1)"
    )
    group = parser.add_argument_group("writing instead of serving")
    group.add_argument("--frames", metavar="N", help="how many frames to write")
    target = group.add_mutually_exclusive_group()
    target.add_argument("--out-ndjson", metavar="FILE", type=Path, help='write lines {"t": ms, "raw": text}')
    target.add_argument(
        "--out-bundle", metavar="RUN_DIR", type=Path, help="write a bundle; RUN_DIR is DATA_DIR/runs/RUN_ID"
    )
    config.add_arguments(parser, ["ws_shards", "ws_tokens_per_shard_max"])


def run(args: argparse.Namespace) -> int:
    """Serve until stopped, or write what was asked for."""
    from pm_data.venue.embedded.faults import parse_fault
    from pm_data.venue.embedded.options import VenueOptions

    if args.fault == ["list"]:
        return _list_faults()
    options = VenueOptions(
        seed=_whole("seed", args.seed),
        markets=_whole("markets", args.markets),
        rate=_whole("rate", args.rate),
        port=_whole("port", args.port),
        sent_log=args.sent_log,
        faults=tuple(map(parse_fault, args.fault)),
    )
    if args.replay is not None and (args.frames is not None or args.fault):
        raise UsageError("--replay goes with neither --fault nor --frames")
    if args.frames is not None:
        return _write(args, options, _whole("frames", args.frames))
    if args.out_ndjson or args.out_bundle:
        raise UsageError("--out-ndjson and --out-bundle need --frames")
    return _serve(options, _seconds(args.duration_seconds), args.replay, _speed(args.speed))


def _list_faults() -> int:
    from pm_data.venue.embedded.faults import KINDS

    for name, arguments in KINDS.items():
        shown = ",".join(f"{key}={argument.default}" for key, argument in arguments.items())
        print(f"{name}:{shown}" if shown else name)
    return 0


def _serve(
    options: "VenueOptions", duration_seconds: float | None, run_dir: Path | None, speed: float
) -> int:
    import asyncio

    from pm_data.bundle.opening import open_bundle
    from pm_data.venue.embedded.replay import Replay
    from pm_data.venue.embedded.server import VenueServer

    async def serve() -> None:
        replay = None if run_dir is None else Replay(open_bundle(run_dir), speed)
        server = VenueServer(options, replay)
        urls = await server.start()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        if duration_seconds is not None:
            loop.call_later(duration_seconds, stop.set)

        def request_stop() -> None:
            loop.call_soon_threadsafe(stop.set)

        with osdep.stop_signals(request_stop):
            output.print_json(
                {
                    "gamma_base_url": urls.gamma_base_url,
                    "clob_base_url": urls.clob_base_url,
                    "clob_ws_url": urls.clob_ws_url,
                    "seed": options.seed,
                }
            )
            await server.run_until(stop)

    asyncio.run(serve())
    return 0


def _write(args: argparse.Namespace, options: "VenueOptions", frames: int) -> int:
    from pm_data.venue.embedded.generate import write_ndjson
    from pm_data.venue.embedded.generate_bundle import write_bundle

    if not options.rate:
        raise ConfigError("--rate: 0 gives no frames to write")
    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    started = time.monotonic()
    if args.out_ndjson:
        path = args.out_ndjson
        payload_bytes = write_ndjson(options, frames, path)
    elif args.out_bundle:
        path = args.out_bundle
        payload_bytes = write_bundle(
            options, frames, path, resolved.config.ws_shards, resolved.config.ws_tokens_per_shard_max
        )
    else:
        raise UsageError("--frames needs --out-ndjson or --out-bundle")
    output.note(f"pm_data venue: {frames} frames in {time.monotonic() - started:.1f} s")
    answer = {"ok": True, "path": str(path), "frames": frames, "payload_bytes": payload_bytes}
    output.print_json(answer | {"seed": options.seed})
    return 0


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ConfigError(f"--{name}: {text!r} is not a whole number")
    return int(text)


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.001 <= value <= 100_000:
        raise ConfigError(f"--speed: {text!r} is not a number from 0.001 to 100000")
    return value


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= _LONGEST_SECONDS:
        raise ConfigError(f"--duration-seconds: {text!r} is not a number of seconds above 0")
    return value
