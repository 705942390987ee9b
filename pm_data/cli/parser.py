"""The argument parser of all commands; manual page and completions are made from it."""

import argparse
import dataclasses
import sys
from typing import Any, NoReturn

from pm_data import __version__, config
from pm_data.errors import ConfigError

FIELDS = frozenset(entry.name for entry in dataclasses.fields(config.Config))


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line: exit 2 for the form, 78 for a flag's bad value.

    argparse has one error for both; the two methods overridden here are where it judges a value.
    """

    def print_help(self, file: Any = None) -> None:
        """Print the help without the settings that few need; `--help-all` shows them."""
        hidden = {
            action for action in self._actions if action.dest in FIELDS and action.dest not in config.BASIC
        }
        if not hidden:
            super().print_help(file)
            return
        formatter = self._get_formatter()
        shown = [action for action in self._actions if action not in hidden]
        formatter.add_usage(self.usage, shown, [])
        formatter.add_text(self.description)
        for group in self._action_groups:
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments([action for action in group._group_actions if action not in hidden])
            formatter.end_section()
        noun = "setting" if len(hidden) == 1 else "settings"
        formatter.add_text(f"{len(hidden)} more {noun}: {self.prog} --help-all")
        self._print_message(formatter.format_help(), sys.stdout if file is None else file)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            self._refuse(action, error)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            self._refuse(action, error)

    def _refuse(self, action: argparse.Action, error: argparse.ArgumentError) -> NoReturn:
        if not action.option_strings:
            raise error
        flag = action.option_strings[0]
        self.exit(ConfigError.exit_code, f"{self.prog}: {flag}: {error.message} (see {self.prog} --help)\n")

    def error(self, message: str) -> NoReturn:
        """Print one line that names the fault and where help is; exit 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


class ShowVersion(argparse.Action):
    """Print version, core and Python on one line."""

    def __call__(self, parser: argparse.ArgumentParser, *_unused: object) -> NoReturn:
        import platform

        from pm_data import _fast

        reason = f", {_fast.REASON}" if _fast.REASON else ""
        print(f"pm_data {__version__} ({_fast.CORE}{reason}) Python {platform.python_version()}")
        parser.exit(0)


class ShowEverything(argparse.Action):
    """Print the help with every setting."""

    def __call__(self, parser: argparse.ArgumentParser, *_unused: object) -> NoReturn:
        print(parser.format_help(), end="")
        parser.exit(0)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; the chosen command's module is `args.command`."""
    from pm_data.cli.registry import COMMANDS

    parser = Parser(
        prog="pm_data",
        description="Record Polymarket's order books in bundles that can be believed; replay them exactly.",
        epilog="`pm_data demo` shows the whole story on this machine, without the network.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=ShowVersion, nargs=0, help="print version, core (compiled or pure) and Python"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=command.__doc__,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        if any(action.dest in FIELDS for action in sub._actions):
            sub.add_argument(
                "--help-all", action=ShowEverything, nargs=0, help="show every setting, and exit"
            )
        sub.set_defaults(command=command, parser=sub)
    return parser
