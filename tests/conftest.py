"""What every test may use: the cores at hand, the recorded data, and the long stage's switch."""

import os
from pathlib import Path

import pytest

from pm_data.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests of the long stage too")


def pytest_configure(config):
    try:
        from pm_data import _fast  # noqa: F401
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config):
    from pm_data import _fast

    return f"pm_data core: {_fast.CORE}" + (f" ({_fast.REASON})" if _fast.REASON else "")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long stage: run with --long"))


def pytest_generate_tests(metafunc):
    if "core" in metafunc.fixturenames:
        # Whoever asks for the pure core has no use for a second run of the compiled one.
        names = ["pure"] if os.environ.get("PM_DATA_CORE") == "pure" else ["pure", "compiled"]
        metafunc.parametrize("core", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def core(request):
    """Return each set of `pm_data._fast` in turn, the pure one and the compiled one."""
    from pm_data import _fast

    try:
        return _fast.load(request.param)
    except _fast.CoreUnavailableError as error:
        pytest.skip(error.reason)


@pytest.fixture(scope="session")
def both_cores():
    """Return the pure and the compiled set, to feed both the same input."""
    from pm_data import _fast

    try:
        return _fast.load("pure"), _fast.load("compiled")
    except _fast.CoreUnavailableError as error:
        pytest.skip(error.reason)


@pytest.fixture(scope="session")
def shared_data():
    """Return the directory of recorded venue data that lies beside the repository, not in it."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no recorded data: {path} is not there")
    return path
