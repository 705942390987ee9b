"""How often each callback of each strategy was called."""

from collections import Counter
from collections.abc import Callable
from typing import Any


class CallbackStats:
    """Counts calls; wrap the function that makes them with `counted`."""

    def __init__(self) -> None:
        self._calls: dict[str, Counter[str]] = {}

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call` counted; its first arguments are a strategy's id and the callback."""

        def counting(name: str, callback: Callable[..., Any], *rest: Any) -> Any:
            self._calls.setdefault(name, Counter())[callback.__name__] += 1
            return call(name, callback, *rest)

        return counting

    def report(self) -> dict[str, dict[str, int]]:
        """Return strategy id to callback to calls."""
        return {name: dict(calls) for name, calls in self._calls.items()}
