"""How a capture says what it does, and what it is told."""

from pm_data.capture.accounts import Balance, Count
from pm_data.capture.clock_step import ClockStep
from pm_data.capture.status import Status
from pm_data.capture.stop_request import StopRequest
from pm_data.venue.shard import ShardStatus


def status():
    shards = [
        ShardStatus(number, number + 1, number == 0, 250, 200, number, 3, True, {}) for number in range(2)
    ]
    balance = Balance(Count(1234, 5_600_000), Count(1230, 0), Count(1, 0), Count(3, 0))
    return Status(3725.9, shards, balance, 617.2, 4, 1.25, 123_400_000_000)


def test_status_line():
    assert status().line() == (
        "01:02:05  connections 1/2  books 400/500  gaps 4  reconnects 6"
        "  received 1234 (5.6 MB)  queued 3  dropped 1"
    )


def test_status_block():
    assert status().block() == [
        "  time    01:02:05",
        "  shards  1/2 connected, 6 reconnects",
        "  books   400/500 confirmed, 1 missing, 4 gaps",
        "  frames  617/s, 1,234 in all, 5.6 MB",
        "  queue   3 waiting, 1 dropped, lag 1.2 ms",
        "  disk    123.4 GB free",
    ]


def test_clock_step():
    step = ClockStep()
    assert step.check(0, 10**18) is None
    assert step.check(10**9, 10**18 + 10**9 + 1000) is None
    assert step.check(2 * 10**9, 10**18 + 5 * 10**9) == 3 * 10**9 - 1000
    assert step.check(3 * 10**9, 10**18 + 6 * 10**9) is None


def test_stop_request_before_and_after_the_listener():
    early = StopRequest()
    early.ask()
    heard = []
    early.listen(lambda: heard.append("early"))
    late = StopRequest()
    late.listen(lambda: heard.append("late"))
    late.ask()
    late.listen(None)
    late.ask()
    assert heard == ["early", "late"]
