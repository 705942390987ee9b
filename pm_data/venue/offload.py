"""Run one blocking call (DNS, HTTP) in a thread of its own.

Not an executor: its threads are shared, so that a dead resolver would hold up
others (rule W5), and they are joined at exit, so that it would hold up the end.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def in_own_thread(call: Callable[[], _Result], name: str) -> _Result:
    """Return what `call` returns, or raise what it raises. A cancelled call runs on unheard."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def deliver(set_outcome: Callable[[], None]) -> None:
        def unless_cancelled() -> None:
            if not future.done():
                set_outcome()

        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(unless_cancelled)

    def work() -> None:
        try:
            result = call()
        except BaseException as raised:  # not swallowed: it is raised again where the call is awaited
            error = raised
            deliver(lambda: future.set_exception(error))
        else:
            deliver(lambda: future.set_result(result))

    threading.Thread(target=work, name=name, daemon=True).start()
    return await future
