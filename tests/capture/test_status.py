"""The status line and the request to stop."""

from pm_data.capture.accounts import Balance, Count
from pm_data.capture.status import status_line
from pm_data.capture.stop_request import StopRequest
from pm_data.venue.shard import ShardStatus


def test_status_line():
    shards = [ShardStatus(number, number + 1, number == 0, 250, 200, number, True, {}) for number in range(2)]
    balance = Balance(Count(1234, 5_600_000), Count(1230, 0), Count(1, 0), Count(3, 0))
    assert status_line(3725.9, shards, balance) == (
        "01:02:05  connections 1/2  books 400/500  reconnects 1  received 1234 (5.6 MB)  queued 3  dropped 1"
    )


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
