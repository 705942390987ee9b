"""The first line at which a run parts from another whose lines were kept."""

import io
import tempfile

import pytest

from pm_data.runtime.comparison import Difference
from pm_data.runtime.kept_lines import KeptLines

LINES = [
    (0, "intents", "0|s|cancel|A|buy|||||start\n"),
    (1, "events", "1|top_of_book|A|400000|1|||5|7\n"),
    (1, "intents", "1|s|place|A|buy|400000|1|gtc|taker|é\n"),
    (1, "fills", "1|s|A|buy|400000|1|0|é\n"),
    (2, "events", "2|trade|A|buy|400000|1|6|8\n"),
]


def difference(first, second, file=None):
    lines = KeptLines(file or io.BytesIO())
    for line in first:
        lines.keep(*line)
    for line in second:
        lines.compare(*line)
    return lines.difference()


@pytest.mark.parametrize("lines", [[], LINES])
def test_equal_lines_have_no_difference(lines):
    assert difference(lines, lines) is None


@pytest.mark.parametrize("place", range(len(LINES)))
def test_each_line_that_differs_is_named(place):
    seq, stream, text = LINES[place]
    odd = text[:-1] + "x\n"
    second = [*LINES[:place], (seq, stream, odd), *LINES[place + 1 :]]
    found = difference(LINES, second)
    assert found == Difference(max(seq - 1, 0), seq, (stream,), seq, stream, text[:-1], odd[:-1])


@pytest.mark.parametrize(
    # where the event's own line is missing, what follows it looks like a timer's
    ("place", "stream"),
    list(enumerate(["intents", "intents", "intents", "fills", "events"])),
)
def test_a_line_that_only_one_run_has_is_named(place, stream):
    seq, _stream, text = LINES[place]
    following = LINES[place + 1][2][:-1] if place + 1 < len(LINES) else None
    without = LINES[:place] + LINES[place + 1 :]
    expected = Difference(max(seq - 1, 0), seq, (stream,), seq, stream, text[:-1], following)
    assert difference(LINES, without) == expected
    assert difference(without, LINES) == expected._replace(a=following, b=text[:-1])


def test_the_same_text_in_another_stream_is_another_line():
    assert difference([LINES[1]], [(1, "fills", LINES[1][2])]) is not None


def test_lines_past_what_memory_may_hold(tmp_path):
    many = [(number, "events", f"{number}|status|A|live||5|7\n") for number in range(1, 2_000)]
    odd = [*many[:-1], (1_999, "events", "1999|odd\n")]
    with tempfile.SpooledTemporaryFile(1_000, dir=tmp_path) as file:
        assert difference(many, odd, file).seq == 1_999
    assert list(tmp_path.iterdir()) == []
