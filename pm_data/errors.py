"""Errors that end a command, each with the exit code it stands for."""


class PmDataError(Exception):
    """Base of every error that a command reports as one line on stderr."""

    exit_code = 1


class DamageError(PmDataError):
    """A bundle holds damage that the command may not step over (exit 1)."""


class StrategyError(PmDataError):
    """A strategy raised, or returned what it may not (exit 1)."""


class UsageError(PmDataError):
    """The command line is wrong, or a named thing cannot be opened (exit 2)."""

    exit_code = 2


class FatalCaptureError(PmDataError):
    """A capture ended fatally; `fatal.json` says why (exit 3)."""

    exit_code = 3


class UnavailableError(PmDataError):
    """A venue cannot be reached (exit 69, EX_UNAVAILABLE)."""

    exit_code = 69


class InputOutputError(PmDataError):
    """A file cannot be read or written (exit 74, EX_IOERR)."""

    exit_code = 74


class ConfigError(PmDataError):
    """A setting has a bad value (exit 78, EX_CONFIG)."""

    exit_code = 78


class BadNumberError(ValueError):
    """A text is not a plain decimal number as SPEC.md section 5 defines it."""


class E6OverflowError(OverflowError):
    """A result does not fit a signed 64-bit integer; nothing has changed (rule M1)."""
