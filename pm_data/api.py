"""Bundles in a notebook: records, events, books and runs, streamed. docs/api.md shows each.

`import pm_data` is cheap: this module is loaded when `pm_data.open_bundle` is first used.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pm_data import config
from pm_data._fast import events
from pm_data.bundle import opening
from pm_data.bundle.damage import Damage
from pm_data.bundle.replay import ReplayRecords
from pm_data.errors import UsageError
from pm_data.frame import Control, Record
from pm_data.jsonlib import JsonObject
from pm_data.runtime import entrypoint
from pm_data.runtime.eventstream import EventStream
from pm_data.state.universe import Universe
from pm_data.strategy import Parameter, Strategy, loading

StrategyLike: TypeAlias = str | type[Strategy] | Strategy
"""A name as `--strategy` takes it, a class, or an instance (which a run uses up)."""

_SETTINGS = tuple(field.name for field in fields(config.Config) if field.name.startswith(("sim_", "alloc_")))


class Book(NamedTuple):
    """A token's book at one moment; prices and sizes in e6.

    Args:
        market_id: the CLOB asset id.
        status: `new`, `live`, `suspect` or `resolved`; only a live book is to be trusted.
        ts_recv: receive stamp of the last message applied, ns; None before the first.
        bids, asks: levels as (price_e6, size_e6), best first.
    """

    market_id: str
    status: str
    ts_recv: int | None
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class RunBundle:
    """A recorded run, open for reading; memory does not grow with its size.

    Args:
        damage: what was skipped so far, where `open_bundle` was asked to salvage.
    """

    def __init__(self, bundle: opening.Bundle, salvage: bool) -> None:
        self._bundle = bundle
        self._salvage = salvage
        self.damage: list[Damage] = list(bundle.damage) if salvage else []

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._bundle.run.path

    @property
    def status(self) -> str:
        """`running`, `interrupted`, `closed`, `fatal` or `unknown`."""
        return self._bundle.status

    def records(self) -> Iterator[Record]:
        """Yield every record in the order of the run: frames and control records.

        Raises:
            DamageError: at damage, unless salvage was asked for.
        """
        return iter(self._replay())

    def _replay(self) -> ReplayRecords:
        return self._bundle.replay_records(lambda _tail: None, self.damage.append if self._salvage else None)

    def frames(self, *, start_ns: int | None = None, end_ns: int | None = None) -> Iterator[Record]:
        """Yield the received frames, `payload` byte for byte as the venue sent them.

        Args:
            start_ns: first receive stamp (`rx_mono_ns`) to yield.
            end_ns: first receive stamp not to yield.

        Raises:
            DamageError: as `records`.
        """
        for record in self.records():
            if end_ns is not None and record.rx_mono_ns >= end_ns:
                return
            if not record.control and (start_ns is None or record.rx_mono_ns >= start_ns):
                yield record

    def events(
        self, *, market_id: str | None = None, kind: str | None = None, book_checks: str = "off"
    ) -> Iterator[events.Event]:
        """Yield the canonical events.

        Args:
            market_id: only those of this token.
            kind: only `top_of_book`, `trade` or `status`.
            book_checks: `off`, `count` or `suspect`.

        Raises:
            DamageError: as `records`.
            ValueError: book_checks is none of these.
        """
        for event in EventStream(book_checks=book_checks).replay(self.records()):
            if market_id in (None, event.market_id) and kind in (None, event.kind):
                yield event

    def book(self, token: str, *, at: int | None = None) -> Book | None:
        """Return a token's book; None where no record up to then names the token.

        Args:
            at: receive stamp in ns up to which records count, that one included; None for the end.

        Raises:
            DamageError: as `records`.
        """
        stream = EventStream()
        for record in self.records():
            if at is not None and record.rx_mono_ns > at:
                break
            stream.process(record)
        market = stream.store.market(token)
        if market is None:
            return None
        return Book(token, market.status, market.ts_recv, market.bids(), market.asks())

    def markets(self) -> list[JsonObject]:
        """Return the metadata of every market that the stream names, as last stated.

        Raises:
            DamageError: as `records`.
        """
        universe = Universe()
        for record in self.records():
            if record.control == Control.UNIVERSE:
                universe.apply(record)
        return list(universe.markets.values())

    def run(
        self,
        strategies: StrategyLike | Iterable[StrategyLike] = (),
        *,
        params: Mapping[str, Mapping[str, Parameter]] | None = None,
        max_events: int | None = None,
        max_seconds: float | None = None,
        book_checks: str = "off",
        **settings: object,
    ) -> JsonObject:
        """Run strategies over the bundle and return the line that `pm_data run` prints, all keys in it.

        Args:
            strategies: one, or several.
            params: strategy id to parameters, for those given by name or class.
            max_events: canonical events after which the run ends.
            max_seconds: receive time from the first record on after which it ends.
            book_checks: `off`, `count` or `suspect`.
            settings: `sim_…` and `alloc_…` fields of `pm_data.config.Config`, such as `sim_fee_bps=0`.

        Raises:
            TypeError: there is no such setting.
            ValueError: book_checks is none of these.
            ConfigError, UsageError, StrategyError, DamageError: as the command.
        """
        for name in settings:
            if name not in _SETTINGS:
                raise TypeError(f"run() has no setting {name}; there are {', '.join(_SETTINGS)}")
        opened_at = time.perf_counter()
        resolved = config.resolve({name: str(value) for name, value in settings.items()}, {})
        options = entrypoint.RunOptions(
            "replay",
            max_events,
            max_seconds,
            print_hash=True,
            print_pnl=True,
            print_summary=True,
            book_checks=book_checks,
        )
        return entrypoint.run(
            self._replay(),
            _instances(strategies, params or {}),
            resolved.config,
            options,
            opened_at=opened_at,
        )


def open_bundle(path: str | PathLike[str], *, salvage: bool = False) -> RunBundle:
    """Open a run directory for reading; nothing is ever written.

    Args:
        salvage: skip damage, as `pm_data run --salvage` does, and list it under `damage`.

    Raises:
        UsageError: it is no run, or cannot be read.
    """
    return RunBundle(opening.open_bundle(Path(path)), salvage)


def _instances(
    strategies: StrategyLike | Iterable[StrategyLike], params: Mapping[str, Mapping[str, Parameter]]
) -> dict[str, Strategy]:
    """Return strategies by id, in the order of their ids."""
    if isinstance(strategies, str | type | Strategy):
        strategies = [strategies]
    found: dict[str, Strategy] = {}
    for strategy in strategies:
        if isinstance(strategy, str):
            strategy_id, made = loading.strategy_id_of(strategy), loading.find_strategy(strategy)
        else:
            made = strategy if isinstance(strategy, type) else type(strategy)
            strategy_id = made.__name__
            loading.checked_strategy(strategy_id, made)
        if strategy_id in found:
            raise UsageError(f"two strategies are named {strategy_id}")
        if isinstance(strategy, Strategy):
            found[strategy_id] = strategy
            continue
        given = params.get(strategy_id, {})
        if not given.keys() <= made.parameters.keys():
            raise UsageError(f"{strategy_id} has {', '.join(made.parameters) or 'no parameters'}")
        found[strategy_id] = loading.make_strategy(strategy_id, made, {**made.parameters, **given})
    if not params.keys() <= found.keys():
        raise UsageError(f"params: no strategy is named {', '.join(params)}")
    return dict(sorted(found.items()))
