"""A page as a real browser shows it; without one the test skips and says so."""

import re
import shutil
import subprocess

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --enable-logging=stderr --v=0 --virtual-time-budget=3000
""".split()
CONSOLE = re.compile(r"CONSOLE[^\]]*\] (.*)")


def show(path, profile, *flags, width=1240):
    """Return the page's elements after its scripts ran, as HTML, and what the console said.

    Args:
        profile: directory for the browser's own files.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    place = (f"--user-data-dir={profile}", f"--window-size={width},2400", "--dump-dom", path.as_uri())
    done = subprocess.run(
        [browser, *FLAGS, *flags, *place], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout, CONSOLE.findall(done.stderr)
