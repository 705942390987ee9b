"""The digests of lines are those of the lines' text, whoever makes it."""

import hashlib
import random

import pytest
from support.random_intents import random_intent

from pm_data.runtime.checkpoints import Checkpoint, Trail, fill_line
from pm_data.runtime.entrypoint import intent_line
from pm_data.runtime.eventlines import event_line
from pm_data.strategy import Fill

SEED = 20261126
NUMBERS = (0, 1, 9, 10, 460_000, 9 * 10**15, 2**63 - 1)
TEXTS = ("", "1" * 77, "é", "\U0001f600|", "long" * 20_000)


def random_event(core, generator, seq):
    """Return an event of a core."""
    market, number = generator.choice(TEXTS), lambda: generator.choice(NUMBERS)
    some = lambda: generator.choice([None, *NUMBERS])  # noqa: E731
    stamp = generator.choice([*NUMBERS, -1, -(2**63)])
    kind = generator.randrange(3)
    if kind == 0:
        return core.events.TopOfBookUpdate(market, some(), some(), some(), some(), some(), stamp, seq)
    if kind == 1:
        side = generator.choice([None, "buy", "sell"])
        return core.events.Trade(market, side, number(), some(), some(), stamp, seq)
    status, cause = generator.choice(["live", "suspect"]), generator.choice(["", "gap", "é"])
    return core.events.MarketStatus(market, status, cause, some(), stamp, seq)


def random_fill(generator, seq):
    """Return a fill, its numbers perhaps beyond 64 bits."""
    values = [generator.choice([*NUMBERS, -5, 2**70]) for _ in range(3)]
    return Fill(generator.choice(["s", "é"]), generator.choice(TEXTS), "buy", *values, seq, "t")


@pytest.mark.parametrize("every_events", [None, 7])
@pytest.mark.parametrize("with_lines", [False, True])
def test_the_digests_are_those_of_the_lines(core, every_events, with_lines):
    print("seed", SEED)
    generator = random.Random(SEED)
    marks, told = [], []
    trail = Trail(every_events, marks.append, (lambda *line: told.append(line)) if with_lines else None)
    lines = trail.start(intent_line, core)
    expected = {"events": hashlib.sha256(), "intents": hashlib.sha256(), "fills": hashlib.sha256()}
    wanted, wanted_lines = [], []

    def expect(seq, stream, text):
        wanted_lines.append((seq, stream, text))
        expected[stream].update(text.encode())

    def mark(seq):
        wanted.append(Checkpoint(seq, *(digest.hexdigest() for digest in expected.values())))

    for seq in range(1, 1_500):
        if every_events and seq > every_events and seq % every_events == 1:
            mark(seq - 1)
        event = random_event(core, generator, seq)
        expect(seq, "events", event_line(event))
        lines.event(event)
        for _ in range(generator.randrange(4)):
            intent = random_intent(generator)
            try:
                text = intent_line(seq, "s", intent)
                text.encode()
            except (TypeError, UnicodeEncodeError) as error:
                with pytest.raises(type(error)):
                    lines.intent(seq, "s", intent)
                continue
            lines.intent(seq, "s", intent)
            expect(seq, "intents", text)
        if generator.randrange(3) == 0:
            fill = random_fill(generator, seq)
            lines.fill(fill)
            expect(seq, "fills", fill_line(fill))
    mark(1_499)
    assert trail.end(1_499) == wanted[-1]
    assert marks == wanted
    assert told == (wanted_lines if with_lines else [])


def test_a_sink_that_raises_is_heard(core):
    def refuse(seq, stream, line):
        raise KeyError(stream)

    lines = Trail(on_line=refuse).start(intent_line, core)
    with pytest.raises(KeyError, match="events"):
        lines.event(core.events.Trade("m", None, 1, None, None, 1, 1))
    with pytest.raises(KeyError, match="fills"):
        lines.fill(random_fill(random.Random(1), 1))
