#!/usr/bin/env python3
"""Run the capture plant against a venue that misbehaves, for an hour or a minute, and report how it held.

The venue and the capture are the real commands, each a process of its own. Every five seconds the
capture's memory and descriptors are read; at the end every heartbeat is held against rule A1, every
record is verified, and the coverage is read. One JSON line; exit 1 where a check fails.

    tools/soak_plant.py --seconds 3600 --shards 8 --rate 400
    tools/soak_plant.py --seconds 60 --markets 200 --rate 500
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PM_DATA = [sys.executable, "-m", "pm_data"]
SAMPLE_SECONDS = 5.0
WARM_UP_SECONDS = 120.0
SLOPE_FROM_SECONDS = 600.0
"""A shorter time after the warm-up says too little of an hour for the slope to be judged."""
MAX_SLOPE_MB_PER_HOUR = 4.0

FAULTS = (
    "close:code=1013,after=20,conns=2",
    "close:code=1006,after=35,conns=4",
    "freeze_token:token=7,after=25,cure=resubscribe",
    "freeze_token:token=30,after=25,cure=connection",
    "no_first_book:token=51,cure=none",
    "malformed:kind=utf8,every=5000",
    "duplicate:every=1000",
    "pong_delay:seconds=0.5",
    "gamma_status:status=500,times=2,skip=30",
)


def main() -> int:
    """Run the soak and print its report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--markets", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=2000, help="frames a second over all markets")
    parser.add_argument("--shards", type=int, default=16, help="connections, whatever each then carries")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connection-max-seconds", type=float, default=600.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak_plant_") as directory:
        report = soak(args, Path(directory))
    print(json.dumps(report))
    return 0 if report["ok"] else 1


def soak(args: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """Run venue and capture side by side and judge what they left."""
    flags = ["--seed", args.seed, "--markets", args.markets, "--rate", args.rate]
    venue = start("venue", *flags, *(word for fault in FAULTS for word in ("--fault", fault)))
    try:
        assert venue.stdout is not None
        urls = json.loads(venue.stdout.readline())
        places = [f"--{name.replace('_', '-')}={urls[name]}" for name in urls if name.endswith("_url")]
        places += [f"--data-dir={directory}", "--run-id=soak", f"--duration-seconds={args.seconds}"]
        tokens = -(-args.markets // args.shards) * 2
        connections = [f"--ws-shards={args.shards}", f"--ws-tokens-per-shard-max={tokens}"]
        rotation = f"--ws-connection-max-seconds={args.connection_max_seconds}"
        capture = start("capture", *places, *connections, rotation)
        samples = watch(capture, args.seconds + 60)
        out, _ = capture.communicate(timeout=60)
    finally:
        venue.send_signal(signal.SIGINT)
        venue.communicate(timeout=10)
    run_dir = directory / "runs" / "soak"
    return judge(args, json.loads(out), run_dir, samples)


def start(command: str, *flags: object) -> "subprocess.Popen[str]":
    """Start one of our commands."""
    return subprocess.Popen(
        [*PM_DATA, command, *map(str, flags)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def watch(process: "subprocess.Popen[str]", patience_seconds: float) -> list[tuple[float, int, int]]:
    """Return time, resident bytes and open descriptors of a process, until it ends."""
    samples = []
    started = time.monotonic()
    place = Path("/proc") / str(process.pid)
    while process.poll() is None:
        if time.monotonic() - started > patience_seconds:
            process.kill()
            raise SystemExit("soak_plant: the capture did not end")
        try:
            status = (place / "status").read_text()
            descriptors = len(os.listdir(place / "fd"))
        except OSError:
            break
        resident = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS: 0")
        samples.append((time.monotonic() - started, int(resident.split()[1]) * 1024, descriptors))
        time.sleep(SAMPLE_SECONDS)
    return samples


def judge(
    args: argparse.Namespace, line: dict[str, Any], run_dir: Path, samples: list[tuple[float, int, int]]
) -> dict[str, Any]:
    """Return the report: what was measured, and which checks failed."""
    beats = [
        entry
        for entry in map(json.loads, (run_dir / "runlog.ndjson").read_text().splitlines())
        if entry["record_type"] == "heartbeat"
    ]
    unbalanced = sum(not balanced(account) for beat in beats for account in (beat, *beat["shards"]))
    verify = answer_of("capture-verify", "--run-dir", run_dir, "--summary-only")
    coverage = answer_of("capture-coverage", "--run-dir", run_dir)
    gates = {gate["name"]: gate["ok"] for gate in answer_of("capture-gates", "--run-dir", run_dir)["gates"]}
    # The second half, and no part of the start, when books and buffers are still growing.
    since = max(args.seconds / 2, WARM_UP_SECONDS)
    settled = [(seconds, resident / 1e6) for seconds, resident, _ in samples if seconds >= since]
    judged = bool(settled) and settled[-1][0] - since >= SLOPE_FROM_SECONDS
    slope = slope_per_hour(settled) if judged else None
    lag = [beat["loop_lag_ms"]["p99"] for beat in beats if beat["loop_lag_ms"]["p99"] is not None]
    gaps = [gap["cause"] for token in coverage["tokens"] for gap in token["gaps"]]
    report = {
        "seconds": args.seconds,
        "received": line["received"],
        "frames_per_second": round(line["received"] / args.seconds, 1),
        "heartbeats": len(beats),
        "unbalanced_heartbeats": unbalanced,
        "resident_max_mb": round(max(resident for _, resident, _ in samples) / 1e6, 1),
        "resident_settled_min_mb": round(min((mb for _, mb in settled), default=0.0), 1),
        "resident_settled_max_mb": round(max((mb for _, mb in settled), default=0.0), 1),
        "settled_from_seconds": since,
        "settled_slope_mb_per_hour": None if slope is None else round(slope, 2),
        "descriptors_max": max(descriptors for *_, descriptors in samples),
        "descriptors_last": samples[-1][2],
        "loop_lag_p99_ms_worst": max(lag, default=None),
        "gaps": {cause: gaps.count(cause) for cause in sorted(set(gaps))},
        "missing": len(coverage["missing"]),
        "gates": gates,
    }
    checks = {
        "closed": line["status"] == "closed",
        "balance": unbalanced == 0 and beats[-1]["queued"] == 0,
        "heartbeats": len(beats) > 0.9 * args.seconds,
        "verify": verify["ok"],
        "drops": gates["drops"],
        "missing": len(coverage["missing"]) <= 1,
        "memory": slope is None or slope <= MAX_SLOPE_MB_PER_HOUR,
    }
    return {"ok": all(checks.values()), "checks": checks, **report}


def balanced(account: dict[str, int]) -> bool:
    """Hold one account against rule A1, frames and bytes."""
    return all(
        account["received" + unit]
        == account["written" + unit] + account["dropped" + unit] + account["queued" + unit]
        for unit in ("", "_bytes")
    )


def answer_of(command: str, *flags: object) -> dict[str, Any]:
    """Return the JSON line of a command, whatever its exit code."""
    done = subprocess.run(
        [*PM_DATA, command, *map(str, flags)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    return dict(json.loads(done.stdout))


def slope_per_hour(points: list[tuple[float, float]]) -> float:
    """Return the slope of a line through these points, by least squares."""
    count = len(points)
    middle_x = sum(x for x, _ in points) / count
    middle_y = sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return 3600 * sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


if __name__ == "__main__":
    sys.exit(main())
