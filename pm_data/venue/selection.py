"""Which markets a capture is about: all active binary ones, or those that the user named."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pm_data.errors import ConfigError, UsageError
from pm_data.venue.universe import Market

IDS_PER_QUERY = 50
"""Most ids in one listing query; Gamma takes 100, but a URL of that length is refused by some."""

_TOKEN = re.compile(r"[0-9]{1,78}")
_CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_TAG = re.compile(r"[0-9]{1,12}")

Query = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user named; nothing named means every market.

    Args:
        names: slugs, condition ids and tokens, each of one market.
        tags: Gamma's numbers of tags, each of many markets.
        tokens: tokens from a file; those that are gone are no mistake.
    """

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()

    def queries(self) -> list[Query]:
        """Return the filters of the listing queries that find these markets; one without any for all."""
        tokens = list(dict.fromkeys([*filter(_TOKEN.fullmatch, self.names), *self.tokens]))
        conditions = list(filter(_CONDITION.fullmatch, self.names))
        slugs = [name for name in self.names if name not in tokens and name not in conditions]
        queries = [
            [(key, value) for value in values[start : start + IDS_PER_QUERY]]
            for key, values in (("clob_token_ids", tokens), ("condition_ids", conditions), ("slug", slugs))
            for start in range(0, len(values), IDS_PER_QUERY)
        ]
        queries += [[("tag_id", tag)] for tag in self.tags]
        return queries or [[]]

    def unmatched(self, markets: Iterable[Market]) -> list[str]:
        """Return the names that no market answers to."""
        known: set[str] = set()
        for market in markets:
            known |= {market.slug, market.condition_id, *market.asset_ids}
        return [name for name in self.names if name not in known]

    def missing_tokens(self, markets: Iterable[Market]) -> int:
        """Return how many of the file's tokens belong to none of these markets."""
        known = {asset_id for market in markets for asset_id in market.asset_ids}
        return sum(token not in known for token in self.tokens)


def select(names: Iterable[str], tags: Iterable[str], tokens_file: Path | None) -> Selection:
    """Return the selection of a command line.

    Raises:
        ConfigError: a name or tag cannot be one.
        UsageError: the file cannot be read, or a line of it is no token.
    """
    names, tags = tuple(dict.fromkeys(names)), tuple(dict.fromkeys(tags))
    for name in names:
        if not (_SLUG.fullmatch(name) or _CONDITION.fullmatch(name)):
            raise ConfigError(f"--market: {name!r} is no slug, condition id or token")
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise ConfigError(f"--tag: {tag!r} is no number of a tag")
    return Selection(names, tags, () if tokens_file is None else _read_tokens(tokens_file))


def _read_tokens(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"--tokens-file: {path}: {reason}") from error
    tokens: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        token = line.partition("#")[0].strip()
        if not token:
            continue
        if not _TOKEN.fullmatch(token):
            raise UsageError(f"--tokens-file: {path} line {number}: {token[:80]!r} is no token")
        tokens[token] = None
    if not tokens:
        raise UsageError(f"--tokens-file: {path} names no token")
    return tuple(tokens)
