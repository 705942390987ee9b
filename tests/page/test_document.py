"""A page loads nothing, runs nothing but its own two scripts, and shows a stranger's text as text."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from support.pages import HOSTILE, page_of

from pm_data.page.document import render
from pm_data.page.parts import MAX_ROWS, Table
from pm_data.page.texts import duration_text, figure_text, utc_text


class Structure(HTMLParser):
    """Collects the elements of a page, with their attributes and texts."""

    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.texts = {}
        self._open = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = (tag, len([None for name, _ in self.elements if name == tag]) - 1)

    def handle_data(self, data):
        self.texts[self._open] = self.texts.get(self._open, "") + data

    def handle_endtag(self, tag):
        self._open = None


def test_the_policy_allows_just_what_is_inside():
    structure = Structure(page_of("plain"))
    (policy,) = [
        attributes["content"]
        for tag, attributes in structure.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert "unsafe" not in policy

    def hashes(*keys):
        digests = (hashlib.sha256(structure.texts[key].encode()).digest() for key in keys)
        return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}

    assert set(directives["script-src"].split()) == hashes(("script", 1), ("script", 2))
    assert set(directives["style-src"].split()) == hashes(("style", 0))


def test_nothing_outside_is_named_and_nothing_is_inline():
    for tag, attributes in Structure(page_of(HOSTILE)).elements:
        assert not {"src", "href", "style", "srcset", "action"} & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)


def test_hostile_text_changes_nothing():
    plain, hostile = Structure(page_of("plain")), Structure(page_of(HOSTILE))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    page = page_of(HOSTILE)
    assert "<img" not in page
    assert not re.search("[\x1b\u202e\ud800]", page)
    page.encode("utf-8")


def test_a_table_of_millions_is_cut():
    page = render("t", "s", [Table("t", ("c",), [(number,) for number in range(MAX_ROWS + 5)])])
    assert page.count("<tr>") == MAX_ROWS + 1
    assert "5 more rows are left out." in page
    assert len(render("t", "s", [Table("t", ("c",), [("x" * 10**6,)])])) < 100_000


def test_numbers_as_a_person_reads_them():
    assert [figure_text(value) for value in (None, 0, 0.25, 1234.5)] == ["-", "0", "0.25", "1,234"]
    assert [duration_text(value) for value in (3, 600, 9000, 700_000)] == [
        "3 s",
        "10 min",
        "2.5 h",
        "8.1 days",
    ]
    assert utc_text(1_600_000_000_999_999_999) == "2020-09-13 12:26:40 UTC"
