import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pm_data.bundle.digest import Digest, Hashing

PARTS = [os.urandom(size) for size in (1000, 64, 7, 5000, 1)]


@pytest.mark.parametrize("by_two", [False, True])
@pytest.mark.parametrize("threads", [0, 1])
def test_digests_of_files_read_in_turn(by_two, threads):
    with ThreadPoolExecutor(1) as executor:
        hashing = Hashing(executor if threads else None, by_two=by_two)
        digests = [Digest(hashing) for _ in range(3)]
        # The second ends before the others, and the third begins with it.
        for place, number in [(0, 0), (1, 0), (2, 1), (0, 1), (1, 1), (0, 2), (2, 2), (0, 3), (0, 4), (2, 4)]:
            digests[place].wait()
            digests[place].update(memoryview(PARTS[number]))
        wanted = [b"".join(PARTS), PARTS[0] + PARTS[1], PARTS[1] + PARTS[2] + PARTS[4]]
        assert [one.hexdigest() for one in digests] == [hashlib.sha256(data).hexdigest() for data in wanted]


def test_a_failure_in_another_thread_is_not_lost():
    with ThreadPoolExecutor(1) as executor:
        digest = Digest(Hashing(executor))
        released = memoryview(b"data")
        digest.update(released)
        digest.wait()
        released.release()
        digest.update(released)
        with pytest.raises(ValueError, match="released"):
            digest.wait()
