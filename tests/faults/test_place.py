"""Whatever file operation fails, once or for good: no half file, no temporary one, the path in the message, and the
next run ends with the tree of an undisturbed one."""

import errno
import os
import random
import shutil
import sys

import pytest

from tests.dataset import COLORS, Dataset, blocks, tree
from tests.faults.place import Runs

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="preloads a library"),
    pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="needs a C compiler"),
]
ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES]
SHORT = 3  # operations of each kind in the normal suite
NO_RESULT = (".labelprep/lock", ".labelprep/run.lock.json")  # a text for people; sizes and times of what was written

SPEC = """
version: 1
dataset: {{root: {root}}}
stages:
  masks: {{use: convert, out: {chain}/masks}}
  splits: {{use: split, from: masks, ratios: [0.5, 0.5]}}
  weights: {{use: weights, from: [masks, splits], split: train}}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = Runs(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


class Scenario:
    """A command that goes from one tree to another.

    Attributes:
        words: of the command line.
        folder: what it writes.
        before: the tree before, or None where the folder is not there.
        after: the tree of an undisturbed run.
    """

    def __init__(self, runs, words, folder):
        self.runs, self.words, self.folder = runs, words, folder
        self._kept = folder.with_name(f"{folder.name} before")
        if folder.exists():
            shutil.copytree(folder, self._kept, copy_function=shutil.copy2)
        self.before = self.tree()
        ran = runs.run(*words)
        assert ran.code == 0, ran.err
        self.after = self.tree()

    def tree(self):
        return {name: data for name, data in tree(self.folder).items() if not name.endswith(NO_RESULT)}

    def reset(self):
        for folder in (self.folder, self.runs.under / "tmp"):
            shutil.rmtree(folder, ignore_errors=True)
        (self.runs.under / "tmp").mkdir()
        if self._kept.exists():
            shutil.copytree(self._kept, self.folder, copy_function=shutil.copy2)

    def operations(self, error):
        self.reset()
        return self.runs.run(*self.words, error=error).count

    def check(self, k, error, *, lasting, **options):
        """Lets the k-th operation fail, looks at what is left, runs again, and looks again."""
        self.reset()
        ran = self.runs.run(*self.words, k=k, error=error, lasting=lasting, **options)
        said = f"{errno.errorcode[error]} at {k}, {ran.operation} {ran.path}, exit {ran.code}: {ran.err[-500:]}"
        assert ran.code in (0, 4), said
        left = self.tree()
        temporary = {name for name in left if name.endswith(".tmp")}
        if ran.code == 0:  # something that has another way, such as reading again
            assert {name: data for name, data in left.items() if name not in temporary} == self.after, said
        else:
            assert str(self.runs.under) in ran.err, f"no path: {said}"
            assert os.strerror(error) in ran.err or "sqlite" in ran.path or "database" in ran.err, said
            assert "mistake" not in ran.err, said
        for name, data in left.items():
            whole = data in (self.before.get(name), self.after.get(name))
            assert whole or name in temporary or ".labelprep/" in name, f"half of {name}: {said}"
        results = {name: data for name, data in left.items() if not name.startswith(".labelprep/")}
        if "dataset.json" in results and self.words[0] == "convert":  # which says that all is there and fits
            plain = [{n: d for n, d in t.items() if not n.startswith(".labelprep/")} for t in (self.before, self.after)]
            assert {n: d for n, d in results.items() if n not in temporary} in plain, said
        if not ran.removals:
            assert not temporary, said
            assert not list((self.runs.under / "tmp").iterdir()), said
        again = self.runs.run(*self.words)
        assert (again.code, self.tree() == self.after) == (0, True), f"resumed with {again.code}: {again.err}; {said}"
        return ran


def sample_set(folder):
    data = Dataset(folder)
    for n in range(4):
        data.pair(f"{('train', 'val')[n % 2]}/m{n}", COLORS[blocks(n, ids=6)])
    return data


@pytest.fixture(scope="module")
def scenarios(runs, tmp_path_factory):
    """By name: a first convert, one that follows changed sources, and the stages behind it."""
    root = tmp_path_factory.mktemp("data")
    data, changed = sample_set(root / "data"), sample_set(root / "changed")
    convert = ("convert", data.root, "-o", runs.under / "out", "--scheduler", "inline", "--no-guard")
    made = {"first": Scenario(runs, convert, runs.under / "out")}

    follow = ("convert", changed.root, "-o", runs.under / "followed", "--link", "copy", *convert[4:])
    assert runs.run(*follow).code == 0
    changed.pair("val/m1", COLORS[blocks(77, ids=6)])
    changed.pair("train/new", COLORS[blocks(78, ids=6)])
    for folder in ("images", "masks"):
        (changed.root / folder / "train" / "m0.png").unlink()
    made["changed"] = Scenario(runs, follow, runs.under / "followed")

    assert runs.run("convert", data.root, "-o", runs.under / "ready", *convert[4:]).code == 0
    ready = runs.under / "ready"
    made["split"] = Scenario(runs, ("split", ready, "--ratios", "0.5", "0.5"), ready)
    weights = ("weights", ready, "-o", runs.under / "weights" / "w.json", "--write", "json", "--write", "npy")
    made["weights"] = Scenario(runs, weights, runs.under / "weights")
    spec = root / "chain.yaml"
    spec.write_text(SPEC.format(root=data.root.as_posix(), chain=(runs.under / "chain").as_posix()))
    made["chain"] = Scenario(runs, ("run", spec, "--scheduler", "inline", "--no-guard"), runs.under / "chain")
    made["report"] = Scenario(runs, ("report", ready, "-o", runs.under / "report"), runs.under / "report")
    return made


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
@pytest.mark.parametrize("name", ["split", "weights", "chain"])
def test_some_operations_of_the_stages_behind_fail(scenarios, name, error):
    scenario = scenarios[name]
    every = scenario.operations(error)
    k = random.Random(f"{name} {error}").randint(1, every)
    assert scenario.check(k, error, lasting=True).failed


@pytest.mark.chaos
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["first", "changed", "split", "weights", "chain", "report"])
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
