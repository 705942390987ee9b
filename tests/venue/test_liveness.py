from pm_data.config import Config
from pm_data.venue.liveness import Liveness

S = 1_000_000_000
CONFIG = Config(
    ws_ping_interval_seconds=10.0,
    ws_ping_timeout_seconds=4.0,
    ws_data_idle_reconnect_seconds=60.0,
    capture_confirm_timeout_seconds=30.0,
    capture_confirm_min_events=2,
)


def test_first_ping_is_due_one_interval_after_opening() -> None:
    live = Liveness(CONFIG, opened_ns=100 * S, confirm=False)
    assert not live.ping_due(109 * S)
    assert live.next_check_ns() == 110 * S
    assert live.ping_due(110 * S)
    assert not live.ping_due(110 * S)


def test_silence_after_a_ping_is_a_timeout() -> None:
    live = Liveness(CONFIG, 0, confirm=False)
    live.ping_due(10 * S)
    assert live.next_check_ns() == 14 * S
    assert live.verdict(14 * S - 1) is None
    assert live.verdict(14 * S) == "ping_timeout"


def test_any_frame_answers_the_ping() -> None:
    live = Liveness(CONFIG, 0, confirm=False)
    live.ping_due(10 * S)
    live.last_frame_ns = 11 * S
    assert live.verdict(14 * S) is None
    assert live.next_check_ns() == 20 * S


def test_timeout_longer_than_the_interval_counts_from_the_first_unanswered_ping() -> None:
    live = Liveness(Config(ws_ping_interval_seconds=1.0, ws_ping_timeout_seconds=5.0), 0, confirm=False)
    for second in range(1, 6):
        assert live.verdict(second * S) is None
        assert live.ping_due(second * S)
    assert live.verdict(6 * S) == "ping_timeout"


def test_frames_without_data_do_not_keep_a_connection() -> None:
    live = Liveness(CONFIG, 0, confirm=False)
    live.last_frame_ns = 60 * S
    assert live.verdict(60 * S) == "idle"
    live.last_data_ns = 1 * S
    assert live.verdict(60 * S) is None


def test_connection_must_bring_its_first_data_in_time() -> None:
    live = Liveness(CONFIG, 0, confirm=True)
    live.last_data_ns = live.last_frame_ns = 29 * S
    live.data_frames = 1
    assert live.verdict(30 * S) == "confirm"
    live.data_frames = 2
    assert live.verdict(30 * S) is None
    assert Liveness(CONFIG, 0, confirm=False).verdict(30 * S) is None
