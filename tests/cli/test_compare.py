"""`compare` and `run --checkpoints`: what a user sees of two runs that part."""

import json

import pytest
from support.bundles import make_bundle, stamped
from support.commands import json_line, pm_data
from support.frames import A, book, change

TAKER = (
    *("--strategy", "toy_spread", "--strategy-params", "toy_spread.urgency=taker"),
    *("--strategy-params", "toy_spread.order_type=market"),
)


def bundle(directory, odd=None):
    frames = [book(A)]
    sizes = [8 if number == odd else 5 + number % 2 for number in range(2500)]
    frames += [change((A, "BUY", "0.40", str(size))) for size in sizes]
    text = "".join(stamped(number, payload) for number, payload in enumerate(frames))
    return make_bundle(directory, {"a.ndjson": text})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("a")), bundle(tmp_path_factory.mktemp("b"), odd=1700)


def test_equal_runs(runs):
    done = pm_data("compare", runs[0], runs[0], *TAKER)
    assert (done.returncode, json_line(done)["ok"], json_line(done)["first_difference"]) == (0, True, None)


def test_the_first_line_of_two_runs(runs):
    done = pm_data("compare", *runs, *TAKER)
    found = json_line(done)["first_difference"]
    assert done.returncode == 1
    assert (found["seq"], found["stream"], found["after_seq"], found["up_to_seq"]) == (
        1702,
        "events",
        1000,
        2000,
    )
    assert found["a"].startswith(f"1702|top_of_book|{A}|400000|5000000|")
    assert found["b"].startswith(f"1702|top_of_book|{A}|400000|8000000|")


def test_files_of_checkpoints_name_the_interval_or_the_event(runs, tmp_path):
    for every in (None, 1):
        files = [tmp_path / f"{name}{every}" for name in "ab"]
        for run_dir, file in zip(runs, files, strict=True):
            more = () if every is None else ("--checkpoint-events", every)
            done = pm_data(
                *("run", "--mode", "replay", "--run-dir", run_dir, "--checkpoints", file, *more, *TAKER)
            )
            assert done.returncode == 0, done.stderr
        done = pm_data("compare", *files)
        found = json_line(done)["first_difference"]
        expected = (1000, 2000) if every is None else (1701, 1702)
        assert (done.returncode, found["after_seq"], found["up_to_seq"]) == (1, *expected)
        assert found["streams"] == ["events", "fills"] or found["streams"] == ["events"]
        assert pm_data("compare", files[0], files[0]).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "aNone").read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"checkpoint_events": 1000}
    assert [line["seq"] for line in lines[1:]] == [1000, 2000, 2501]
    done = pm_data("compare", tmp_path / "aNone", tmp_path / "a1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "checkpoints every 1000 events in" in done.stderr


def test_the_last_checkpoint_is_the_hash_of_the_line(runs, tmp_path):
    file = tmp_path / "marks"
    line = json_line(
        pm_data(
            *("run", "--mode", "replay", "--run-dir", runs[0], "--checkpoints", file, "--print-hash", *TAKER)
        )
    )
    last = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
    assert (last["events"], last["intents"]) == (line["events_hash"], line["final_hash"])


@pytest.mark.parametrize(
    "text", ["", "{}", "[]\n", '{"checkpoint_events":"1"}', '{"checkpoint_events":1}\n{"seq":1}']
)
def test_another_file_is_one_line(runs, tmp_path, text):
    file = tmp_path / "file"
    file.write_text(text, encoding="utf-8")
    for other, code in ((file, 2), (runs[0], 2), (tmp_path / "nothing", 2)):
        done = pm_data("compare", file, other)
        assert (done.returncode, done.stdout) == (code, "")
        assert len(done.stderr.splitlines()) == 1


def test_a_number_without_a_file_is_one_line(runs):
    done = pm_data("run", "--mode", "replay", "--run-dir", runs[0], "--checkpoint-events", "5")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pm_data run: --checkpoint-events goes with --checkpoints FILE\n"
