"""Record Polymarket's order books in bundles that can be believed, and replay them exactly."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pm_data.api import open_bundle

__version__ = "0.1.0"
__all__ = ["__version__", "open_bundle"]


def __getattr__(name: str) -> Any:
    """Load what notebooks use only when it is used: `import pm_data` stays cheap."""
    if name == "open_bundle":
        from pm_data.api import open_bundle

        return open_bundle
    raise AttributeError(f"module 'pm_data' has no attribute {name!r}")
