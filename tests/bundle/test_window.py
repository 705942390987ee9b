import hashlib
import os

import pytest

from pm_data.bundle.digest import Digest, Hashing
from pm_data.bundle.source import PlainFile
from pm_data.bundle.window import BUFFER_BYTES, Window


@pytest.fixture
def data():
    return os.urandom(3 * BUFFER_BYTES + 17)


@pytest.fixture
def window(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    with PlainFile(path) as file:
        yield Window(file, len(data))


def test_slides_to_the_end(window, data):
    seen = b""
    while window.slide(1):
        seen += window.view[window.start : window.end]
        assert window.end - window.start <= BUFFER_BYTES
        window.start = window.end
    assert seen == data
    assert window.position == len(data)


def test_a_digest_is_fed_what_is_read_until_a_jump(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    with PlainFile(path) as file:
        digest = Digest(Hashing())
        window = Window(file, len(data), digest)
        while window.slide(1):
            window.start = window.end - 1 if window.position < BUFFER_BYTES else window.end
        assert digest.hexdigest() == hashlib.sha256(data).hexdigest()
        window.jump(5)
        assert window.slide(1)
        assert digest.hexdigest() == hashlib.sha256(data).hexdigest()


def test_keeps_what_was_not_taken(window, data):
    assert window.slide(10)
    window.start = BUFFER_BYTES - 3
    assert window.slide(10)
    assert window.position == BUFFER_BYTES - 3
    assert window.view[:10] == data[BUFFER_BYTES - 3 : BUFFER_BYTES + 7]


def test_takes_more_memory_only_for_bytes_that_are_there(window, data):
    assert not window.slide(len(data) + 1)
    assert len(window.data) == BUFFER_BYTES
    assert window.slide(len(data))
    assert window.view[: len(data)] == data
    window.start = len(data) - 5
    assert window.slide(5)
    assert len(window.data) == BUFFER_BYTES
    assert window.view[:5] == data[-5:]


def test_a_file_cut_meanwhile_ends_where_it_ends(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with PlainFile(path) as file:
        window = Window(file, 100)
        os.truncate(path, 40)
        assert not window.slide(50)
        assert window.limit == 40


def test_holes_are_skipped(tmp_path):
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(2**40)
        file.seek(2**39)
        file.write(b"data")
    if path.stat().st_blocks > 1000:
        pytest.skip("this file system keeps no holes")
    with PlainFile(path) as file:
        window = Window(file, 2**40)
        window.skip_hole()
        assert 2**39 - 2**20 < window.position <= 2**39
        window.jump(2**39 + 2**20)
        window.skip_hole()
        assert window.position == 2**40
