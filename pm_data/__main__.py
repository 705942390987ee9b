"""Run the command line as `python -m pm_data`."""

import sys

from pm_data.cli import main

if __name__ == "__main__":
    sys.exit(main())
