"""The command line. `main` is what the `pm_data` script calls."""

from pm_data.cli.main import main

__all__ = ["main"]
