"""Balances add up over shards, every account in frames and in bytes (rule A1)."""

from pm_data.capture.accounts import Balance, Count, total

FIELDS = ("received", "written", "dropped", "queued", "durable")


def balance(first, oldest=None):
    """Return a balance in which no two figures are alike."""
    counts = [Count(first + 10 * place, 1000 * (first + 10 * place)) for place in range(len(FIELDS))]
    return Balance(*counts, oldest)


def test_every_account_is_summed():
    summed = total([balance(1), balance(2), balance(4)])
    for place, name in enumerate(FIELDS):
        assert getattr(summed, name) == Count(7 + 30 * place, 1000 * (7 + 30 * place)), name


def test_the_oldest_frame_that_waits_is_that_of_any_shard():
    assert total([balance(1), balance(1, 9), balance(1, 5)]).queued_oldest_mono_ns == 5
    assert total([balance(1)]).queued_oldest_mono_ns is None
    assert total([]) == Balance()


def test_the_fields_of_a_heartbeat_name_every_account():
    fields = balance(1, 3_000_000).fields(10_500_000)
    assert fields["queued_oldest_ms"] == 7
    assert [fields[name] for name in FIELDS[:4]] == [1, 11, 21, 31]
    assert [fields[f"{name}_bytes"] for name in FIELDS[:4]] == [1000, 11_000, 21_000, 31_000]
    assert (fields["durable_frames"], fields["durable_bytes"]) == (41, 41_000)
