"""Markets from a file, for a capture that asks no venue: as `discover --json` prints them, or Gamma's own."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pm_data import jsonlib
from pm_data.errors import UsageError
from pm_data.jsonlib import JsonObject
from pm_data.venue.universe import Market

_GAMMA_NAMES = {
    "condition_id": "conditionId",
    "slug": "slug",
    "question": "question",
    "asset_ids": "clobTokenIds",
    "outcomes": "outcomes",
    "tick_size": "orderPriceMinTickSize",
    "order_min_size": "orderMinSize",
    "neg_risk": "negRisk",
    "fees_enabled": "feesEnabled",
    "fee_schedule": "feeSchedule",
}
"""The keys of metadata, and where Gamma has each."""


def read_universe(path: Path) -> list[JsonObject]:
    """Return the metadata of each binary market in a file, the first where one is listed twice.

    The file holds JSON: an array of markets, a page of them (`{"markets": [...]}`), or one market a line.
    `.gz` of these is read too. A market may be closed by now; one that is not binary is left out.

    Raises:
        UsageError: the file cannot be read, is no JSON, or lists no binary market.
    """
    try:
        data = (gzip.decompress if path.suffix == ".gz" else bytes)(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    markets: dict[str, JsonObject] = {}
    for listed in _listed(path, data):
        metadata = _metadata(listed)
        if metadata is not None:
            markets.setdefault(metadata["condition_id"], metadata)
    if not markets:
        raise UsageError(f"{path} lists no binary market")
    return list(markets.values())


def _listed(path: Path, data: bytes) -> Iterator[Any]:
    try:
        whole = jsonlib.loads(data)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("markets"), list):
        yield from whole["markets"]
    elif isinstance(whole, list):
        yield from whole
    elif whole is not None:
        yield whole
    else:
        for number, line in enumerate(data.splitlines(), 1):
            if line.strip():
                try:
                    yield jsonlib.loads(line)
                except ValueError as error:
                    raise UsageError(f"{path} line {number}: {error}") from None


def _metadata(listed: Any) -> JsonObject | None:
    """Return what universe records hold of a market; None where it is no binary market."""
    if not isinstance(listed, dict):
        return None
    market = Market.described(_as_gamma(listed) if "condition_id" in listed else listed)
    return None if market is None else market.metadata()


def _as_gamma(metadata: JsonObject) -> JsonObject:
    return {gamma: metadata.get(ours) for ours, gamma in _GAMMA_NAMES.items()}
