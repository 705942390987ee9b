"""Run commands on input of strangers and measure them: exit code, seconds, memory, output.

Run as a script, it reads lists of argument lists, as lines of JSON, and runs each in a process forked from
one that has everything imported already; `Guard` is the other side.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import namedtuple
from pathlib import Path

Outcome = namedtuple("Outcome", "arguments code cpu_seconds wall_seconds memory_bytes stdout stderr")

CRASHED = 99
"""Exit code for an exception that came out of the command."""

_TIME_LIMIT_SECONDS = 30
_PROCESSOR_LIMIT_SECONDS = 4
_MEMORY_LIMIT_BYTES = 2**31
_OUTPUT_KEPT_BYTES = 2**20


class Guard:
    """A process that runs commands of `pm_data`, for as long as the `with` block."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        self._process.communicate()

    def run(self, *commands):
        """Run each of these argument lists; return an Outcome for each."""
        lists = [[os.fsdecode(argument) for argument in command] for command in commands]
        self._process.stdin.write(json.dumps(lists) + "\n")
        self._process.stdin.flush()
        return [Outcome(*line) for line in json.loads(self._process.stdout.readline())]


def _import_all():
    # What every command imports in its `run`, so that the forked ones share it.
    import ujson  # noqa: F401
    import zstandard  # noqa: F401

    import pm_data.analysis.inspection
    import pm_data.analysis.slice
    import pm_data.analysis.verify
    import pm_data.bundle.repair
    import pm_data.bundle.sealing
    import pm_data.runtime.entrypoint
    import pm_data.runtime.eventstream  # noqa: F401
    from pm_data.cli.parser import build_parser

    build_parser()


def _child(arguments, stdout, stderr):
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_LIMIT_SECONDS, _PROCESSOR_LIMIT_SECONDS))
    signal.alarm(_TIME_LIMIT_SECONDS)  # its default action ends what waits in a call, too
    os.dup2(stdout.fileno(), 1)
    os.dup2(stderr.fileno(), 2)
    from pm_data.cli.main import main

    try:
        code = main(arguments)
        sys.stdout.flush()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = CRASHED
    sys.stderr.flush()
    os._exit(code)


def _run(arguments):
    began = time.monotonic()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        pid = os.fork()
        if pid == 0:
            _child(arguments, stdout, stderr)
        _, status, usage = os.wait4(pid, 0)
        seconds = usage.ru_utime + usage.ru_stime, time.monotonic() - began
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read(_OUTPUT_KEPT_BYTES).decode("utf-8", "backslashreplace"))
    # Kilobytes, on Linux.
    memory = usage.ru_maxrss * 1024
    return arguments, os.waitstatus_to_exitcode(status), *seconds, memory, *texts


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    _import_all()
    for line in sys.stdin:
        print(json.dumps([_run(arguments) for arguments in json.loads(line)]), flush=True)
