"""The hot code, compiled or pure: one switch for the whole set.

`<stem>_py.py` is the definition and `<stem>_c.pyx` its compiled twin. When this package is
imported, `PM_DATA_CORE` (auto, compiled or pure) picks one set, never a mixture; its modules
are attributes here, as in `from pm_data._fast import store`.
"""

import os
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from pm_data._fast.digest import source_digest
from pm_data.errors import ConfigError

VARIABLE = "PM_DATA_CORE"
STEMS = (
    "e6",
    "events",
    "intents",
    "decode",
    "checks",
    "store",
    "ledger",
    "limits",
    "lines",
    "orders",
    "records",
    "loop",
    "histogram",
    "intake",
)
_HERE = Path(__file__).parent


class CoreUnavailableError(ConfigError):
    """The compiled core was asked for and cannot be had.

    Args:
        reason: what is the matter, for people; it stands in `--version` too.
    """

    def __init__(self, reason: str) -> None:
        remedy = "with a C compiler and the Python headers installed, install pm_data again"
        super().__init__(f"{VARIABLE}: 'compiled' cannot be had: {reason}; {remedy}")
        self.reason = reason


class Core(NamedTuple):
    """One whole set of modules; `name` is `compiled` or `pure`."""

    name: str
    e6: ModuleType
    events: ModuleType
    intents: ModuleType
    decode: ModuleType
    checks: ModuleType
    store: ModuleType
    ledger: ModuleType
    limits: ModuleType
    lines: ModuleType
    orders: ModuleType
    records: ModuleType
    loop: ModuleType
    histogram: ModuleType
    intake: ModuleType


def load(name: str) -> Core:
    """Return the `compiled` or the `pure` set; a process may hold both, for comparison.

    Raises:
        CoreUnavailableError: the compiled set is missing, incomplete or stale; `reason` says which.
    """
    if name == "pure":
        return Core(name, *(import_module(f"{__name__}.{stem}_py") for stem in STEMS))
    if name != "compiled":
        raise ValueError(f"core {name!r} is not compiled or pure")
    _check_files()
    digest = source_digest(_HERE)
    return Core(name, *(_compiled_module(stem, digest) for stem in STEMS))


def _check_files() -> None:
    """Refuse a set of which files are missing, before any of it is imported."""
    missing = [
        f"{stem}_c"
        for stem in STEMS
        if not any((_HERE / f"{stem}_c{suffix}").exists() for suffix in EXTENSION_SUFFIXES)
    ]
    if not missing:
        return
    if len(missing) < len(STEMS):
        raise CoreUnavailableError(f"compiled core half built ({', '.join(missing)} missing)")
    if any(path.suffix in (".so", ".pyd") for path in _HERE.glob("*_c.*")):
        raise CoreUnavailableError("compiled core built for another Python")
    raise CoreUnavailableError("compiled core not built")


def _compiled_module(stem: str, digest: str | None) -> ModuleType:
    # Extensions of different builds refuse each other with any of these errors when one imports another.
    try:
        module = import_module(f"{__name__}.{stem}_c")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise CoreUnavailableError(f"compiled core does not load ({stem}_c: {error})") from error
    if digest is not None and getattr(module, "SOURCE_DIGEST", None) != digest:
        raise CoreUnavailableError(f"compiled core stale ({stem}_c was built from other sources)")
    return module


def _choose(wanted: str) -> tuple[Core, str]:
    if wanted == "auto":
        try:
            return load("compiled"), ""
        except CoreUnavailableError as error:
            return load("pure"), error.reason
    if wanted not in ("compiled", "pure"):
        raise ConfigError(f"{VARIABLE}: {wanted!r} is not one of auto, compiled, pure")
    return load(wanted), ""


_in_force, REASON = _choose(os.environ.get(VARIABLE, "auto"))
CORE = _in_force.name
"""The core in force, `compiled` or `pure`; `REASON` says why it is pure where nobody asked for that."""

if TYPE_CHECKING:
    from pm_data._fast import checks_py as checks
    from pm_data._fast import decode_py as decode
    from pm_data._fast import e6_py as e6
    from pm_data._fast import events_py as events
    from pm_data._fast import histogram_py as histogram
    from pm_data._fast import intake_py as intake
    from pm_data._fast import intents_py as intents
    from pm_data._fast import ledger_py as ledger
    from pm_data._fast import limits_py as limits
    from pm_data._fast import lines_py as lines
    from pm_data._fast import loop_py as loop
    from pm_data._fast import orders_py as orders
    from pm_data._fast import records_py as records
    from pm_data._fast import store_py as store
else:
    (
        _,
        e6,
        events,
        intents,
        decode,
        checks,
        store,
        ledger,
        limits,
        lines,
        orders,
        records,
        loop,
        histogram,
        intake,
    ) = _in_force


def fallback_notice() -> str | None:
    """Return the line that `capture` and `run` print on stderr when the pure core is a fallback."""
    return f"pm_data: running the pure core: {REASON}" if REASON else None


__all__ = [
    "CORE",
    "REASON",
    "STEMS",
    "Core",
    "CoreUnavailableError",
    "checks",
    "decode",
    "e6",
    "events",
    "fallback_notice",
    "histogram",
    "intake",
    "intents",
    "ledger",
    "limits",
    "lines",
    "load",
    "loop",
    "orders",
    "records",
    "store",
]
