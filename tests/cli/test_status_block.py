"""The live view of `capture` on a terminal, and what a pipe gets instead."""

import os
import pty
import re
import subprocess
import sys
import time

import pytest
from support.captures import COMMAND, Capture, venue_flags

from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

UP = re.compile(r"\x1b\[(\d+)A\r\x1b\[J")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_block_is_drawn_in_one_place_on_a_terminal(tmp_path):
    with EmbeddedVenue(VenueOptions(markets=4, rate=300)) as venue:
        ours, theirs = pty.openpty()
        flags = [f"--data-dir={tmp_path}", "--run-id=run", "--ws-shards=2", "--duration-seconds=3.2"]
        with subprocess.Popen(
            [*COMMAND, "capture", *flags, *venue_flags(venue.urls)],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm"},
        ) as process:
            os.close(theirs)
            shown = b""
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
                if not data:
                    break
                shown += data
            process.wait(10)
        os.close(ours)
    text = shown.decode()
    assert process.returncode == 0, text
    assert set(UP.findall(text)) == {"6"}
    assert re.search(r"shards  2/2 connected, 0 reconnects", text)
    assert re.search(r"books   (\d+)/\1 confirmed, 0 missing, 0 gaps", text)
    assert text.index("recording ") < text.index("  time ")
    assert "\x1b[3" not in text  # no colour


def test_pipe_gets_no_control_sequences(tmp_path):
    with (
        EmbeddedVenue(VenueOptions(markets=4, rate=300)) as venue,
        Capture(venue.urls, tmp_path, "--duration-seconds=1.5") as capture,
    ):
        assert capture.finish()[0] == 0
    assert "\x1b" not in capture.stderr
    assert len(capture.stderr.splitlines()) <= 3
