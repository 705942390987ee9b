"""Run the real `capture` command against a venue, and read what it left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict

from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.opening import open_bundle
from pm_data.frame import Kind, control_fields

COMMAND = [sys.executable, "-W", "error", "-m", "pm_data"]
PATIENCE_SECONDS = 30.0


def run_command(*arguments, environment=None, under=()):
    """Run a command to its end; `under` is a command that runs it, such as strace."""
    return subprocess.run(
        [*under, *COMMAND, *map(str, arguments)],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def venue_flags(urls):
    """Return the flags that point a command at a venue."""
    return [
        f"--gamma-base-url={urls.gamma_base_url}",
        f"--clob-base-url={urls.clob_base_url}",
        f"--clob-ws-url={urls.clob_ws_url}",
    ]


class Capture:
    """A running `capture` command; killed at the end of the `with` block if it still runs.

    Args:
        under: command that runs it, such as strace.
    """

    def __init__(self, urls, data_dir, *flags, run_id="run", environment=None, under=()):
        self.run_dir = data_dir / "runs" / run_id
        arguments = ["capture", f"--data-dir={data_dir}", f"--run-id={run_id}", *venue_flags(urls), *flags]
        self.process = subprocess.Popen(
            [*under, *COMMAND, *map(str, arguments)],
            env=os.environ | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.stderr = ""

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_until(self, condition):
        """Wait until `condition(runlog lines)` holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition(lines := runlog(self.run_dir)):
            assert self.process.poll() is None, f"ended: {self.process.communicate()}"
            assert time.monotonic() < deadline, lines[-1:]
            time.sleep(0.05)
        return lines

    def wait_for_frames(self, count):
        """Wait until a heartbeat states so many received frames."""
        return self.wait_until(lambda lines: any(line.get("received", 0) >= count for line in lines))

    def interrupt(self, number=signal.SIGINT):
        """Press Ctrl-C and return what `finish` does; the command must end within 5 s."""
        pressed = time.monotonic()
        self.process.send_signal(number)
        result = self.finish()
        assert time.monotonic() - pressed < 5.0
        return result

    def finish(self):
        """Wait for the end and return exit code and the JSON line."""
        stdout, self.stderr = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert "Traceback" not in self.stderr, self.stderr
        lines = stdout.splitlines()
        assert len(lines) <= 1, lines
        return self.process.returncode, json.loads(lines[0]) if lines else None


def runlog(run_dir):
    """Return the whole lines of the run log, checking the stamps that each must have."""
    path = run_dir / "runlog.ndjson"
    if not path.exists():
        return []
    text = path.read_bytes().rpartition(b"\n")[0]
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert isinstance(line["mono_ns"], int)
        assert isinstance(line["wall_ns_utc"], int)
    return lines


def heartbeats(run_dir):
    """Return the heartbeats, after holding each against rule A1."""
    beats = [line for line in runlog(run_dir) if line["record_type"] == "heartbeat"]
    for beat in beats:
        for account in (beat, *beat["shards"]):
            assert_balanced(account)
        for key in ("received", "written", "dropped", "queued", "durable_frames", "durable_bytes"):
            assert beat[key] == sum(shard[key] for shard in beat["shards"]), key
    return beats


def assert_balanced(account):
    """Hold the accounts against rule A1, frames and bytes."""
    for unit in ("", "_bytes"):
        right = account["written" + unit] + account["dropped" + unit] + account["queued" + unit]
        assert account["received" + unit] == right, account
    assert account["durable_frames"] <= account["written"]
    assert account["durable_bytes"] <= account["written_bytes"]


def verify(run_dir):
    """Return the verdict of `capture-verify`."""
    return verify_bundle(open_bundle(run_dir))


def read_records(run_dir):
    """Return all records that can be read, in order."""
    return list(open_bundle(run_dir).records(lambda damage: None))


def controls(run_dir, control):
    """Return the fields of the run's control records of one type."""
    return [control_fields(record) for record in read_records(run_dir) if record.control == control]


def payloads_by_connection(run_dir):
    """Return connection number to the payloads received on it."""
    received = defaultdict(list)
    for record in read_records(run_dir):
        if record.kind != Kind.CONTROL:
            received[record.conn].append(record.payload)
    return dict(received)


def assert_prefix_of_sent(run_dir, venue, since=0):
    """Hold each connection's payloads against what the venue sent on one of its own: a prefix, byte for byte.

    The two sides number connections by themselves. Returns the number of frames compared.

    Args:
        since: connections that the venue had before this run.
    """
    sent = [venue.sent(number) for number in range(since + 1, venue.connections + 1)]
    received = payloads_by_connection(run_dir)
    for payloads in received.values():
        assert sum(payloads == candidate[: len(payloads)] for candidate in sent) == 1
    return sum(map(len, received.values()))
