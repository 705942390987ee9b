"""What a manifest says of the program and the settings that made a run."""

import platform

from pm_data import __version__, _fast, clock
from pm_data.bundle.manifest import RUNNING, Manifest
from pm_data.config import Resolved
from pm_data.jsonlib import JsonObject
from pm_data.venue.urls import without_credentials


def begin_manifest(
    run_id: str,
    source: str,
    resolved: Resolved,
    markets: list[JsonObject],
    previous: str | None = None,
) -> Manifest:
    """Return the manifest of a run that begins now.

    Args:
        source: `online` or `offline`.
        markets: metadata of each market.
        previous: as in `Manifest`.
    """
    return Manifest(
        run_id=run_id,
        created_wall_ns_utc=clock.wall_ns(),
        status=RUNNING,
        source=source,
        package_version=__version__,
        core=_fast.CORE,
        python=platform.python_version(),
        platform=platform.platform(),
        config=config_snapshot(resolved),
        markets=markets,
        previous=previous,
    )


def config_snapshot(resolved: Resolved) -> JsonObject:
    """Return every setting with its value and where it came from; URLs without credentials (rule X3)."""
    snapshot: JsonObject = {}
    for name, origin in resolved.origins.items():
        value = getattr(resolved.config, name)
        if name.endswith("_url"):
            value = without_credentials(value)
        snapshot[name] = {"value": value, "origin": origin}
    return snapshot
