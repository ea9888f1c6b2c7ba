"""Fixtures for all tests."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Started in the background of a shell, Ctrl-C is ignored here and in every child; the tests about it need it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no fault of the code. What passed passes again; `--hypothesis-profile=explore` tries other examples.
settings.register_profile("labelprep", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("labelprep")

# in this process, where tests put things wrong; guards have tests of their own
os.environ.setdefault("LABELPREP_GUARD", "0")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data beside the project, which is never copied into it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder


LONGEST = ("test_pipelines.py", "test_docs.py")


def pytest_collection_modifyitems(items):
    """The longest files first, so that no process of several works on one of them alone at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
