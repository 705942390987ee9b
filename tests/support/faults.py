"""Make system calls of the real command fail, through strace, and read what it did afterwards."""

import re
import shutil
import subprocess
import time
from collections import namedtuple
from functools import cache

import pytest

Fault = namedtuple("Fault", "file call error when")
"""A failure of one call on one file of the run directory; `when` is "3" for the third time, "3+" for good.

The error is that of the call, or SIGKILL: then the process is killed as the call begins.
"""

_CALLS = "openat,write,ftruncate,fsync,fdatasync,rename,unlink,mkdir"
_LINE = re.compile(r"\d+ +(\d+\.\d+) (?:<\.\.\. )?(\w+)(?:\(| resumed)")


@cache
def _can_trace():
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=none", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def need_strace():
    """Skip the test where strace is not there, or may not be used."""
    if not _can_trace():
        pytest.skip("needs strace, and the right to trace")


class Faults:
    """Faults for one process, and the calls that it made on the files they are about.

    Args:
        run_dir: of the run to come.
        trace: where strace may write.
    """

    def __init__(self, run_dir, trace, *faults):
        self._trace = trace
        names = sorted({fault.file for fault in faults})
        # -D: the process that is started is the command itself, and strace its grandchild.
        self.command = ["strace", "-D", "-f", "-qq", "-ttt", "-y", "-o", str(trace)]
        if all(fault.error != "SIGKILL" for fault in faults):
            # The process stops at these calls only, and is three times as fast; signals get lost that way.
            self.command.append("--seccomp-bpf")
        for name in names:
            self.command += ["-P", str((run_dir / name).resolve())]
        self.command += ["-e", f"trace={_CALLS}", "-e", "signal=none"]
        for fault in faults:
            what = "signal" if fault.error == "SIGKILL" else "error"
            self.command += ["-e", f"inject={fault.call}:{what}={fault.error}:when={fault.when}"]

    def calls(self):
        """Return (seconds since 1970, call, the line) of every call on these files that ended."""
        lines = [(_LINE.match(line), line) for line in self._trace.read_text().splitlines()]
        return [(float(m[1]), m[2], line) for m, line in lines if m and "<unfinished" not in line]

    def first(self):
        """Return the moment (seconds since 1970) of the first failure; None where there was none."""
        return next((at for at, _, line in self.calls() if "(INJECTED)" in line), None)

    def seconds_since(self):
        """Return how long ago the first failure was."""
        return time.time() - self.first()

    def failed(self, call):
        """Return how often this call failed, and how often it was made after its first failure."""
        lines = [line for _, name, line in self.calls() if name == call]
        injected = ["(INJECTED)" in line for line in lines]
        return sum(injected), len(lines) - injected.index(True) - 1 if True in injected else 0
