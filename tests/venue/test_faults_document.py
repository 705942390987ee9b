"""docs/venue-faults.md says what the code does: every fault, every argument, every kind."""

import re
from pathlib import Path

import pytest

from pm_data.errors import ConfigError
from pm_data.venue.embedded.faults import CURES, KINDS, parse_fault

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "venue-faults.md"
ROW = re.compile(r"^\| ([a-z_]+) \| ([a-z_, ]*)\| (.+) \| (.+) \|$", re.MULTILINE)


def test_the_tables_list_every_fault_with_its_arguments() -> None:
    rows = {
        name: arguments.strip()
        for name, arguments, _, _ in ROW.findall(DOCUMENT.read_text())
        if name != "fault"
    }
    assert rows == {name: ", ".join(arguments) for name, arguments in KINDS.items()}


def test_the_tables_list_every_kind() -> None:
    described = {name: text for name, _, text, _ in ROW.findall(DOCUMENT.read_text())}
    for name, arguments in KINDS.items():
        if "kind" in arguments:
            for word in arguments["kind"].expected.removeprefix("one of ").split(", "):
                assert f"`{word}`" in described[name], word
    for cure in CURES:
        assert f"`{cure}`" in DOCUMENT.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "--fault: 'nonsense' is no fault; there are close, "),
        ("close:speed=1", "--fault: close has no argument 'speed'; its arguments: code, after, conns"),
        ("close:code=x", "--fault: close: code: 'x' is not a whole number from 1000 to 4999"),
        ("close:after=nan", "--fault: close: after: 'nan' is not a number of seconds"),
        ("malformed:kind=x", "--fault: malformed: kind: 'x' is not one of cut, empty"),
        ("gamma_repeat_cursor:x=1", "its arguments: none"),
    ],
)
def test_a_mistake_is_one_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fault(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
