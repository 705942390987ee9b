#!/usr/bin/env python3
"""Measure a capture beside bare receive loops on the same connections, over real sockets.

A process of its own sends frames of the embedded venue, framed before the clock starts, as fast as
the sockets take them. Three receivers take turns, and the best round of each counts:
websockets, its Sans-I/O protocol on asyncio, which counts frames; the client, our connection, whose
listener counts; the capture, session and plant, whose clock stops when the last frame is written.
Then frames come at a rate, for the time from the socket read to the file. One JSON line.

    tools/bench_capture.py
    tools/bench_capture.py --frames 200000 --rounds 5 --rate 10000 --rate-seconds 20
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, cast

from flood import Script, make_script, serve
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri

from pm_data import _fast
from pm_data.bundle.format import MAX_PAYLOAD
from pm_data.bundle.layout import create_run_dir
from pm_data.capture.fatal import FatalLatch
from pm_data.capture.loop_monitor import LoopMonitor
from pm_data.capture.plant import Plant
from pm_data.config import Config
from pm_data.venue import messages
from pm_data.venue.connection import Connection, Ended
from pm_data.venue.dial import Dialer
from pm_data.venue.embedded.generate import listed_markets, new_exchange
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.session import Session
from pm_data.venue.universe import Market, plan_shards

POLL_SECONDS = 0.005
PATIENCE_SECONDS = 300.0


class WebSockets(asyncio.Protocol):
    """The plain loop of a user of websockets: subscribes and counts."""

    def __init__(self, url: str, asset_ids: Sequence[str]) -> None:
        self.frames = 0
        self._asset_ids = asset_ids
        self._protocol = ClientProtocol(parse_uri(url), max_size=MAX_PAYLOAD)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self.transport = cast(asyncio.Transport, transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Count the frames of one read."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self.frames += 1
            else:
                for message in messages.subscription(self._asset_ids):
                    self._protocol.send_text(message)
        self._flush()

    def _flush(self) -> None:
        assert self.transport is not None
        for data in self._protocol.data_to_send():
            self.transport.write(data)


class Counter:
    """The listener of our own connection: subscribes and counts."""

    def __init__(self, asset_ids: Sequence[str]) -> None:
        self.frames = 0
        self._asset_ids = asset_ids
        self.connection: Connection | None = None

    def opened(self, connection: Connection) -> None:
        """Subscribe."""
        self.connection = connection
        for message in messages.subscription(self._asset_ids):
            connection.send_text(message)

    def received(self, payloads: Sequence[bytes], binary: bool, mono_ns: int, wall_ns: int) -> None:
        """Count what came."""
        self.frames += len(payloads)

    def ended(self, ended: Ended) -> None:
        """Hear nothing more."""


@dataclass
class Timed:
    """What a round took from the first frame of the traffic to the last."""

    seconds: float
    processor_seconds: float
    latency_ms: dict[str, float | None] | None = None


Receiver = Callable[[Config, list[list[Market]], Script, int, Event], Coroutine[Any, Any, Timed]]


async def clocked(count: Callable[[], int], script: Script, frames: int, go: Event) -> Timed:
    """Wait for the openings, let the traffic come, and time it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while count() < script.count(0):
            await asyncio.sleep(POLL_SECONDS)
        begun = time.perf_counter(), time.process_time()
        go.set()
        while count() < script.count(frames):
            await asyncio.sleep(POLL_SECONDS)
    return Timed(time.perf_counter() - begun[0], time.process_time() - begun[1])


async def websockets(
    config: Config, plan: list[list[Market]], script: Script, frames: int, go: Event
) -> Timed:
    """Receive by websockets alone."""
    loop = asyncio.get_running_loop()
    address = parse_uri(config.clob_ws_url)
    loops = [WebSockets(config.clob_ws_url, asset_ids(part)) for part in plan]
    for one in loops:
        await loop.create_connection(lambda one=one: one, address.host, address.port)  # type: ignore[misc]
    timed = await clocked(lambda: sum(one.frames for one in loops), script, frames, go)
    for one in loops:
        assert one.transport is not None
        one.transport.abort()
    return timed


async def client(config: Config, plan: list[list[Market]], script: Script, frames: int, go: Event) -> Timed:
    """Receive by our connections, whose listeners count."""
    dialer = Dialer(config.clob_ws_url)
    counters = [Counter(asset_ids(part)) for part in plan]
    for counter in counters:
        await dialer.dial(counter)
    timed = await clocked(lambda: sum(counter.frames for counter in counters), script, frames, go)
    for counter in counters:
        assert counter.connection is not None
        counter.connection.abort()
    return timed


def asset_ids(markets: Iterable[Market]) -> list[str]:
    """Return the tokens of some markets."""
    return [asset_id for market in markets for asset_id in market.asset_ids]


async def capture(config: Config, plan: list[list[Market]], script: Script, frames: int, go: Event) -> Timed:
    """Receive and write as `pm_data capture` does."""
    with tempfile.TemporaryDirectory(dir=config.data_dir) as name, create_run_dir(Path(name), "bench") as run:
        latch = FatalLatch()
        session: list[Session] = []

        def coverage() -> dict[int, tuple[int, int]]:
            return {shard.shard: (shard.tokens, shard.tokens_with_book) for shard in session[0].status()}

        monitor = LoopMonitor(
            config.capture_metrics_max_samples, coverage, config.capture_coverage_metrics_interval_seconds
        )
        log = RecordLog(config.capture_queue_max_frames, config.capture_queue_max_bytes)
        plant = Plant(config, run, latch, monitor, log, log.part, None, None)
        session.append(Session(config, plan, log, plant.tally.note, None))
        plant.begin({}, ())
        running = [asyncio.create_task(session[0].run()), asyncio.create_task(monitor.run())]
        try:
            timed = await clocked(lambda: plant.balance().written.frames, script, frames, go)
        finally:
            session[0].stop("stop")
            await running[0]
            running[1].cancel()
            log.close()
            plant.stop()
            plant.close_journal()
        if latch.fatal is not None or plant.balance().dropped.frames:
            raise SystemExit(f"bench_capture: the capture failed: {latch.fatal or plant.balance()}")
        timed.latency_ms = plant.latencies()["received_to_written_ms"]
        return timed


def measure(
    work: Receiver, plan: list[list[Market]], script: Script, frames: int, rate: int, data_dir: str
) -> Timed:
    """Run one round against a sender of its own."""
    go = multiprocessing.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sender = multiprocessing.Process(target=serve, args=(listener, script, frames, rate, go), daemon=True)
        sender.start()
        url = f"127.0.0.1:{port}"
        config = Config(data_dir=data_dir, clob_ws_url=f"ws://{url}", clob_base_url=f"http://{url}")
        try:
            return asyncio.run(work(config, plan, script, frames, go))
        finally:
            sender.terminate()
            sender.join()


def main() -> int:
    """Run the rounds and print what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=200_000, help="frames of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markets", type=int, default=400)
    parser.add_argument(
        "--rate", type=int, default=10_000, help="frames a second at last, 0 for no such part"
    )
    parser.add_argument("--rate-seconds", type=float, default=10.0)
    args = parser.parse_args()
    options = VenueOptions(markets=args.markets)
    config = Config()
    plan = plan_shards(
        listed_markets(new_exchange(options)), config.ws_shards, config.ws_tokens_per_shard_max
    )
    script = make_script(plan, options)
    with tempfile.TemporaryDirectory(prefix="bench_capture_") as data_dir:
        receivers = {"websockets": websockets, "client": client, "capture": capture}
        rounds: dict[str, list[Timed]] = {name: [] for name in receivers}
        for _ in range(args.rounds):
            for name, work in receivers.items():
                rounds[name].append(measure(work, plan, script, args.frames, 0, data_dir))
        report: dict[str, Any] = {"core": _fast.CORE, "shards": len(plan), "frames": args.frames}
        wall, processor = {}, {}
        for name, timed in rounds.items():
            wall[name] = min(one.seconds for one in timed)
            processor[name] = min(one.processor_seconds for one in timed)
            report[f"{name}_frames_per_second"] = round(args.frames / wall[name])
            report[f"{name}_processor_ns_per_frame"] = round(processor[name] / args.frames * 1e9)
        for name in ("websockets", "client"):
            report[f"speed_beside_{name}"] = round(wall[name] / wall["capture"], 2)
            report[f"processor_speed_beside_{name}"] = round(processor[name] / processor["capture"], 2)
        if args.rate:
            frames = int(args.rate * args.rate_seconds)
            paced = measure(capture, plan, script, frames, args.rate, data_dir)
            report["paced_frames_per_second"] = round(frames / paced.seconds)
            report["paced_processor_ns_per_frame"] = round(paced.processor_seconds / frames * 1e9)
            report["received_to_written_ms"] = paced.latency_ms
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
