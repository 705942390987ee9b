import asyncio
import threading

import pytest

from pm_data.venue.offload import in_own_thread


def test_result_and_error_come_back() -> None:
    async def work() -> None:
        caller = threading.current_thread()
        assert await in_own_thread(threading.current_thread, "helper") is not caller
        with pytest.raises(ZeroDivisionError):
            await in_own_thread(lambda: 1 // 0, "helper")

    asyncio.run(work())


def test_call_that_hangs_holds_up_neither_the_loop_nor_its_end() -> None:
    over = threading.Event()

    async def work() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await in_own_thread(lambda: over.wait(30), "hangs")
        return await in_own_thread(lambda: 7, "works")

    try:
        assert asyncio.run(work()) == 7
        (hanging,) = [thread for thread in threading.enumerate() if thread.name == "hangs"]
        assert hanging.daemon
    finally:
        over.set()
    hanging.join(5)
