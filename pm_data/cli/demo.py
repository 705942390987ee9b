"""Show the whole story on this machine, in under 30 seconds and without the network.

Starts the embedded venue on loopback, then runs the commands that you would
run: discover; prove, which records the feed, runs toy_spread over it live, and
replays; capture-verify, capture-gates, and run on both cores. Every command is
shown. Ends with a line PASS or FAIL for each promise; the bundle stays in
DATA_DIR/runs/demo-*, to be looked at with the other commands.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from pm_data import config
from pm_data.cli import output
from pm_data.config import ENV_PREFIX, NOT_SETTINGS

NAME = "demo"
SUMMARY = "prove on the embedded venue that live equals replay, and verify the bundle"

_MARKETS = 40
_FRAMES_A_SECOND = 500
_RECORD_SECONDS = 5
_STRATEGY = (
    *("--strategy", "toy_spread", "--strategy-params", "toy_spread.urgency=taker"),
    *("--strategy-params", "toy_spread.order_type=market"),
)
"""As a taker, so that there are fills and a PnL to compare."""
_COMMAND_SECONDS = 60
_ROOT = str(Path(__file__).resolve().parents[2])
_MAIN = "import sys; sys.path.append(sys.argv.pop(1)); from pm_data.cli import main; sys.exit(main())"
"""As the script that is installed: `-m` would take a json.py of the working directory for Python's own."""
_RESULTS = ("canonical_events", "intents", "fills", "final_hash", "events_hash", "pnl")
_GATES = {"heartbeat_gaps", "reconnects", "drops", "crc", "fatal"}
"""Those that speak of the recording; lag and pressure speak of what else this machine does meanwhile."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    config.add_arguments(parser, ["data_dir"])


def run(args: argparse.Namespace) -> int:
    """Run the story; 0 when every promise held."""
    from pm_data.bundle.layout import new_run_id
    from pm_data.venue.embedded.in_process import EmbeddedVenue
    from pm_data.venue.embedded.options import VenueOptions

    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    run_id = f"demo-{new_run_id()}"
    run_dir = Path(resolved.config.data_dir, "runs", run_id)
    run_dir.parent.mkdir(parents=True, exist_ok=True)  # else each of its commands would say that it cannot be
    checks: dict[str, bool] = {}
    with EmbeddedVenue(VenueOptions(markets=_MARKETS, rate=_FRAMES_A_SECOND, keep_sent=True)) as venue:
        urls = venue.urls
        output.note(f"the embedded venue plays Polymarket at {urls.gamma_base_url}")
        listing = _command("discover", "--json", "--gamma-base-url", urls.gamma_base_url)
        markets = len(listing.splitlines())  # the venue may have opened more since it started
        checks[f"discover lists {markets} active binary markets"] = markets >= _MARKETS
        proved = json.loads(
            _command(
                *("prove", "--run-id", run_id, "--data-dir", resolved.config.data_dir),
                *("--gamma-base-url", urls.gamma_base_url, "--clob-base-url", urls.clob_base_url),
                *("--clob-ws-url", urls.clob_ws_url, "--duration-seconds", str(_RECORD_SECONDS), *_STRATEGY),
                codes=(0, 1),
            )
            or "{}"
        )
        sent = [venue.sent(number) for number in range(1, venue.connections + 1)]
    counts = ", ".join(f"{proved.get(key, 0)} {key}" for key in ("intents", "fills"))
    checks[f"live equals replay: {proved.get('canonical_events', 0)} events, {counts}, PnL, all the same"] = (
        proved.get("ok") is True and proved["fills"] > 0
    )
    received, written = _totals(run_dir)
    checks[f"every one of the {received} frames that were received was written"] = 0 < written == received
    checks["each connection's frames are, byte for byte, what the venue sent it"] = _all_prefixes(
        _payloads(run_dir), sent
    )
    verified = json.loads(_command("capture-verify", "--run-dir", str(run_dir), "--summary-only") or "{}")
    checks["capture-verify finds no damage"] = verified.get("ok") is True
    judged = json.loads(_command("capture-gates", "--run-dir", str(run_dir), codes=(0, 1)) or "{}")
    passed = {gate["name"] for gate in judged.get("gates", []) if gate["ok"]}
    checks["capture-gates finds no gap, reconnect, drop or damage"] = passed >= _GATES
    replay = (
        *("run", "--mode", "replay", "--execution", "sim", "--run-dir", str(run_dir), "--print-hash"),
        *("--print-pnl", *_STRATEGY, "--stable-json"),
    )
    first, second = _command(*replay), _command(*replay)
    decided = json.loads(first or "{}")
    checks["two more replays give one line, with the hashes and the PnL of the live run"] = (
        first == second and bool(proved) and all(decided.get(key) == proved[key] for key in _RESULTS)
    )
    pure = _command(*replay, core="pure")
    checks["the pure-Python core gives that line too"] = bool(pure) and first == pure
    for promise, held in checks.items():
        output.note(f"{'PASS' if held else 'FAIL'}  {promise}")
    ok = all(checks.values())
    output.print_json({"ok": ok, "run_id": run_id, "run_dir": str(run_dir), "written": written})
    return 0 if ok else 1


def _command(*arguments: str, core: str | None = None, codes: tuple[int, ...] = (0,)) -> str:
    """Run one of our commands as a user would, showing it; return its stdout, empty when it failed.

    Args:
        codes: the exit codes that are no failure.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ENV_PREFIX) or name in NOT_SETTINGS
    }
    if core is not None:
        environment["PM_DATA_CORE"] = core
    prefix = f"PM_DATA_CORE={core} " if core else ""
    output.note(f"$ {prefix}pm_data {shlex.join(arguments)}")
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-c", _MAIN, _ROOT, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    output.note(f"  exit code {done.returncode}, {time.monotonic() - started:.1f} s")
    return done.stdout if done.returncode in codes else ""


def _totals(run_dir: Path) -> tuple[int, int]:
    """Return how many frames were received and written; zeros where the bundle does not say."""
    from pm_data.bundle.opening import open_bundle
    from pm_data.errors import PmDataError

    try:
        manifest = open_bundle(run_dir).manifest
    except PmDataError as error:
        output.note(f"  {error}")
        return 0, 0
    totals = None if manifest is None else manifest.totals
    return (0, 0) if totals is None else (totals.received, totals.written)


def _payloads(run_dir: Path) -> list[list[bytes]]:
    """Return the bundle's frames, one list a connection."""
    from pm_data.bundle.damage import Damage
    from pm_data.bundle.opening import open_bundle
    from pm_data.errors import DamageError, UsageError
    from pm_data.frame import Kind

    def refuse(damage: Damage) -> None:
        raise DamageError(str(damage))

    by_connection: dict[int, list[bytes]] = {}
    try:
        for record in open_bundle(run_dir).records(refuse):
            if record.kind != Kind.CONTROL:
                by_connection.setdefault(record.conn, []).append(record.payload)
    except (DamageError, UsageError) as error:
        output.note(f"  {error}")
        return []
    return list(by_connection.values())


def _all_prefixes(received: list[list[bytes]], sent: list[list[bytes]]) -> bool:
    return bool(received) and all(any(_begins(whole, part) for whole in sent) for part in received)


def _begins(whole: list[bytes], part: list[bytes]) -> bool:
    return whole[: len(part)] == part
