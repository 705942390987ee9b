#!/usr/bin/env python3
"""Measure how long a live run takes from a frame's receipt to an intent, with the venue in another process.

Each round starts `pm_data venue` and runs toy_spread over it live, in this process, as `pm_data run` does.
A line a round: frames a second, what one costs this process, and p50, p99 and the longest of receipt to
intent, in ms, from the socket's read to the intent's line. The first two seconds, in which connections are
opened and full books come, are left out.

    tools/live_latency.py --rate 10000 --rounds 5
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pm_data import _fast, clock
from pm_data._fast import histogram
from pm_data.config import Config
from pm_data.runtime import entrypoint
from pm_data.runtime.checkpoints import Trail
from pm_data.runtime.live import LiveSource
from pm_data.strategy.loading import load_strategies

OPENING_NS = 2_000_000_000
SETTINGS = ["toy_spread.min_spread_e6=10000"]


class IntentClock:
    """Takes the time of each intent's line since its frame's receive stamp."""

    def __init__(self) -> None:
        self.intents = histogram.Histogram()
        self.first_ns = self.received_ns = 0

    def take(self, _seq: int, stream: str, line: str) -> None:
        """Take a line of the run; an event's ends with its receive stamp."""
        if stream == "events":
            self.received_ns = int(line.rpartition("|")[2])
            self.first_ns = self.first_ns or self.received_ns
        elif stream == "intents" and self.received_ns >= self.first_ns + OPENING_NS:
            self.intents.add(clock.mono_ns() - self.received_ns)


@contextmanager
def venue(rate: int, markets: int, seed: int) -> Iterator[dict[str, str]]:
    """Run the embedded venue as a process of its own; give its line."""
    command = [sys.executable, "-m", "pm_data", "venue"]
    flags = ["--rate", str(rate), "--markets", str(markets), "--seed", str(seed)]
    with subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def measure(urls: dict[str, str], seconds: float) -> str:
    """Run live for so long; return the round's line."""
    names = ("gamma_base_url", "clob_base_url", "clob_ws_url")
    config = replace(Config(), **{name: urls[name] for name in names})
    timed, used_seconds = IntentClock(), time.process_time()
    with LiveSource(config, seconds) as source:
        line = entrypoint.run(
            source.records(),
            load_strategies(["toy_spread"], SETTINGS),
            config,
            entrypoint.RunOptions("live"),
            opened_at=time.perf_counter(),
            trail=Trail(on_line=timed.take),
        )
    used_us = (time.process_time() - used_seconds) * 1e6 / line["frames"]
    found = timed.intents
    figures = {"p50": found.quantile(500), "p99": found.quantile(990), "longest": found.max_ns}
    shown = ", ".join(f"{name} {ns / 1e6:.2f}" for name, ns in figures.items())
    span_seconds = (timed.received_ns - timed.first_ns) / 1e9
    rate = f"{line['frames'] / span_seconds:,.0f} frames/s at {used_us:.0f} µs of processor each"
    return f"{rate}; {found.count:,} intents: {shown} ms"


def main() -> int:
    """Measure round after round."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=10_000, help="frames a second (default: %(default)s)")
    parser.add_argument("--markets", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for seed in range(1, args.rounds + 1):
        with venue(args.rate, args.markets, seed) as urls:
            told = measure(urls, args.seconds)
        load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
        print(f"{_fast.CORE} core, load {load}: {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
