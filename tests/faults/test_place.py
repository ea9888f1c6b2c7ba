"""Whatever file operation fails, once or for good: no half file, no temporary one, the path in the message, and the
next run ends with the tree of an undisturbed one."""

import errno
import random
import shutil
import sys

import pytest

from tests.faults.place import Runs
from tests.faults.scenarios import scenarios as made_scenarios

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="preloads a library"),
    pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="needs a C compiler"),
]
ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES]
BEHIND = ["split", "weights", "chain", "report", "export", "tile"]
SHORT = 3  # operations of each kind in the normal suite


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = Runs(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def scenarios(runs, tmp_path_factory):
    return made_scenarios(runs, tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["first", "changed"])
def test_some_operations_fail(scenarios, name, error, lasting):
    scenario = scenarios[name]
    every = scenario.operations(error)
    failed = 0
    for k in sorted(random.Random(f"{name} {error} {lasting}").sample(range(1, every + 1), SHORT)):
        failed += scenario.check(k, error, lasting=lasting).failed
    assert failed >= SHORT


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["resumed", *BEHIND])
def test_some_operations_of_the_stages_behind_fail(scenarios, name, error):
    scenario = scenarios[name]
    every = scenario.operations(error)
    k = random.Random(f"{name} {error}").randint(1, every)
    assert scenario.check(k, error, lasting=True).failed


@pytest.mark.chaos
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["first", "resumed", "changed", *BEHIND])
def test_every_operation_fails(scenarios, name, error, lasting):
    scenario = scenarios[name]
    every = scenario.operations(error)
    for k in range(1, every + 1):
        scenario.check(k, error, lasting=lasting)


@pytest.mark.chaos
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("scheduler", [("inline",), ("local", "--jobs", "2")], ids=" ".join)
def test_operations_of_guards_and_workers_fail(runs, scenarios, scheduler, error):
    """In processes of their own, whose operations are counted together; the order of local workers is not fixed."""
    scenario = scenarios["first"]
    words, scenario.words = scenario.words, (*scenario.words[:4], "--scheduler", *scheduler, "--guard")
    try:
        scenario.reset()
        every = runs.run(*scenario.words, error=error, whole_process=True).count
        for k in random.Random(f"{scheduler} {error}").sample(range(1, every + 1), 4):
            scenario.check(k, error, lasting=True, whole_process=True)
    finally:
        scenario.words = words
