"""Parse, run one command, and turn what it raises into one line and an exit code."""

import os
import sys
from collections.abc import Sequence

from pm_data import osdep
from pm_data.errors import E6OverflowError, InputOutputError, PmDataError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code (SPEC: 0, 1, 2, 3, 69, 74, 78)."""
    from pm_data.cli.parser import build_parser

    name = "pm_data"
    osdep.print_exactly(sys.stdout)
    try:
        args, unknown = build_parser().parse_known_args(argv)
        if unknown:
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        name = f"pm_data {args.command.NAME}"
        code: int = args.command.run(args)
        sys.stdout.flush()
        return code
    except PmDataError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except E6OverflowError as error:
        print(f"{name}: a sum of money left the range of 64 bits: {error}", file=sys.stderr)
        return PmDataError.exit_code
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe (head, jq) left; it has what it wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        text = error if error.filename is None else f"{error.filename}: {error.strerror}"
        print(f"{name}: {text}", file=sys.stderr)
        return InputOutputError.exit_code
