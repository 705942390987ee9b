"""suspect_books: a gap at every frame of a script; no top of book leaves a suspect book (rule W2)."""

import json

import pytest
from support.frames import A, B, encode
from support.samples import entry, in_styles, last_trade, later_book, opening_book, price_change
from support.state import plain


def script():
    """Return frames that move both books at each step: openings, changes, trades, books, a tick, a batch."""
    messages = [[opening_book(A), opening_book(B)]]
    for number in range(1, 10):
        bid, ask = f"0.4{number}", f"0.5{9 - number}"
        messages.append(price_change(entry(A, "BUY", bid, "1"), entry(B, "SELL", ask, "2")))
        messages.append(price_change(entry(A, "BUY", bid, "3")))
        if number % 3 == 0:
            messages += [
                last_trade(),
                later_book(A, bids=[("0.3", "1"), (bid, str(number))]),
                price_change(entry(A, "SELL", "0.6", "1"), entry(B, "BUY", bid, "4")),
                later_book(B, asks=[(ask, str(number))]),
            ]
        if number == 5:
            tick = {
                "asset_id": A,
                "new_tick_size": "0.001",
                "timestamp": "9",
                "event_type": "tick_size_change",
            }
            messages += [tick, [later_book(B), last_trade(), price_change(entry(A, "BUY", "0.2", "1"))]]
    return [json.loads(frame) for frame in in_styles(messages)[::3]]


MESSAGES = script()


def books_in(message):
    """Return the tokens of which a message, or list of messages, holds a full book."""
    items = message if isinstance(message, list) else [message]
    return [item["asset_id"] for item in items if item["event_type"] == "book"]


@pytest.mark.parametrize("tokens", [(A,), (B,), (A, B), (B, A, "333")], ids="a b both other".split())
@pytest.mark.parametrize("at", range(len(MESSAGES) + 1))
def test_a_gap_at_every_frame(core, at, tokens):
    store, whole = core.store.StateStore(), core.store.StateStore()
    seq = 0
    seen, suspect = set(), set()
    for number, message in enumerate([*MESSAGES, None]):
        if number == at:
            events = plain(store.gap(tokens, number, seq))
            suspect = {token for token in tokens if token in seen}
            assert [event[:4] for event in events] == [
                ("status", token, "suspect", "gap") for token in tokens if token in suspect
            ]
            seq += len(events)
        if message is None:
            break
        events = plain(store.frame(encode(message), 1, number, seq))
        plain(whole.frame(encode(message), 1, number, 0))
        assert [event[-1] for event in events] == list(range(seq + 1, seq + 1 + len(events)))
        seq += len(events)
        for kind, token, *fields in events:
            if kind == "status" and fields[0] == "live":
                assert token in suspect
                assert token in books_in(message)
                suspect.remove(token)
            assert kind != "top_of_book" or token not in suspect
        assert suspect.isdisjoint(books_in(message))
        seen |= set(books_in(message))
        for token in seen:
            state, other = store.market(token), whole.market(token)
            assert state.status == ("suspect" if token in suspect else "live")
            # Levels are applied all the while.
            assert (state.bids(), state.asks()) == (other.bids(), other.asks())
            if token not in suspect:
                assert (state.bid_px_e6, state.ask_px_e6) == (other.bid_px_e6, other.ask_px_e6)


def test_the_script_moves_every_book_often(core):
    store = core.store.StateStore()
    moved = [
        {event[1] for event in plain(store.frame(encode(message), 1, number, 0)) if event[0] == "top_of_book"}
        for number, message in enumerate(MESSAGES)
    ]
    assert sum(A in tokens for tokens in moved) >= 15
    assert sum(B in tokens for tokens in moved) >= 10
