"""`--help` is for a newcomer, `--help-all` and the manual for an operator."""

import dataclasses
import re

import pytest
from support.commands import pm_data

from pm_data.cli.parser import build_parser
from pm_data.cli.registry import COMMANDS
from pm_data.config import Config

FLAG = re.compile(r"^  (?:-\w, )?(--[a-z-]+)", re.MULTILINE)
CAPTURE = [
    entry.name for entry in dataclasses.fields(Config) if entry.name.startswith(("ws_", "capture_", "data_"))
]


def help_of(name, capsys, flag="--help"):
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([name, flag])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_a_newcomer_to_capture_sees_eleven_flags(capsys):
    shown = FLAG.findall(help_of("capture", capsys))
    assert len([flag for flag in shown if not flag.startswith("--help")]) == 11
    assert {"--run-id", "--data-dir", "--duration-seconds"} < set(shown)


def test_an_operator_sees_all(capsys):
    shown = set(FLAG.findall(help_of("capture", capsys, "--help-all")))
    assert shown >= {"--" + name.replace("_", "-") for name in CAPTURE}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_every_command_says_what_it_does(command, capsys):
    text = help_of(command.NAME, capsys)
    first = command.__doc__.splitlines()[0]
    assert first in text
    assert max(map(len, text.splitlines())) < 160
    more = re.search(r"(\d+) more settings?: pm_data \S+ --help-all", text)
    if more:
        everything = FLAG.findall(help_of(command.NAME, capsys, "--help-all"))
        assert len(everything) == len(FLAG.findall(text)) + int(more[1])


def test_help_of_the_real_command():
    done = pm_data("capture", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "more settings: pm_data capture --help-all" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (
            ("capture-bench", "--nonsense"),
            2,
            "pm_data capture-bench: unrecognized arguments: --nonsense (see pm_data capture-bench --help)",
        ),
        (("capture-bench", "--data-dir=file"), 74, "pm_data capture-bench: file: File exists"),
        (("demo", "--data-dir=file"), 74, "pm_data demo: file/runs: Not a directory"),
        (("compare", "file", "nowhere"), 2, "pm_data compare: there is no nowhere"),
        (
            ("capture", "--run-id=a/b"),
            78,
            "pm_data capture: run id 'a/b' does not match [A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        ),
    ],
)
def test_a_mistake_is_one_line_of_the_command_itself(tmp_path, arguments, code, line):
    (tmp_path / "file").write_text("")
    done = pm_data(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", line + "\n")
