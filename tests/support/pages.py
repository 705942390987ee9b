"""A page with every part, all its texts the same."""

from pm_data.page.document import render
from pm_data.page.parts import Cell, Chart, Figure, Figures, Series, Stretch, Strip, Strips, Table

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[2J\u202e\ud800"


def page_of(text):
    return render(
        text,
        text,
        [
            Figures([Figure(text, text, text, "bad")]),
            Table(text, (text,), [(text,), (Cell(text, "good"),), (7,)], note=text),
            Table(text, (text,), [], text),
            Chart(text, text, [1.0, 2.0], [Series(text, [1.5, None])], [1.5]),
            Strips(text, [Strip(text, [Stretch(0.0, 1.0, "4", text)])], text, text, text),
        ],
    )
