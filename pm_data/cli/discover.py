"""List the active binary markets that Gamma knows, largest volume first.

A table, or with --json one line of metadata per market.
"""

import argparse
import os
import sys

from pm_data import config, jsonlib
from pm_data.cli import output

NAME = "discover"
SUMMARY = "list the markets that a capture would record"

_SLUG_WIDTH = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--json", action="store_true", help="print one JSON line per market")
    parser.add_argument("--limit", type=_count, metavar="N", help="print only the N largest markets")
    config.add_arguments(parser, ["gamma_base_url", "capture_max_markets"])


def run(args: argparse.Namespace) -> int:
    """Print the universe."""
    from pm_data.venue.gamma import GammaClient

    resolved = config.resolve(vars(args), os.environ)
    output.print_notices(resolved)
    cap = resolved.config.capture_max_markets
    limit = cap if args.limit is None else min(args.limit, cap)
    client = GammaClient(resolved.config.gamma_base_url)
    try:
        listing = client.active_markets(limit)
    finally:
        client.close()
    if args.json:
        sys.stdout.writelines(jsonlib.ndjson_line(market.metadata()) for market in listing.markets)
    else:
        rows = [
            (
                output.printable(market.slug)[:_SLUG_WIDTH],
                f"{market.condition_id[:6]}..{market.condition_id[-4:]}",
                f"{market.volume:,.0f}",
                market.tick_size or "?",
            )
            for market in listing.markets
        ]
        sys.stdout.writelines(_table([("slug", "condition", "volume", "tick"), *rows]))
    if listing.capped and limit == cap:
        output.note(
            f"pm_data discover: cut at the {cap} largest markets; --capture-max-markets raises the cap"
        )
    return 0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    slug_width, condition_width, volume_width, _ = (
        max(map(len, column)) for column in zip(*rows, strict=True)
    )
    return [
        f"{slug:<{slug_width}}  {condition:<{condition_width}}  {volume:>{volume_width}}  {tick}\n"
        for slug, condition, volume, tick in rows
    ]
