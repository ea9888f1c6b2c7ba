"""Commands that go from one tree to another, and what must hold where an operation of theirs fails."""

import errno
import json
import os
import shutil

from labelprep.exports.write import MARK
from tests.dataset import COLORS, Dataset, blocks, tree

NO_RESULT = (".labelprep/lock", ".labelprep/run.lock.json")  # a text for people; sizes and times of what was written
PUBLISHED = ("manifest.jsonl", "findings.jsonl", "dataset.json")

SPEC = """
version: 1
dataset: {{root: {root}}}
stages:
  masks: {{use: convert, out: {chain}/masks}}
  splits: {{use: split, from: masks, ratios: [0.5, 0.5]}}
  weights: {{use: weights, from: [masks, splits], split: train}}
"""


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
        in_part = ran.code == 3 and self.words[0] == "tile"  # without what could not be read, which is named
        named = in_part and "masks/" + ran.path.rpartition("/masks/")[2] in (self.folder / PUBLISHED[1]).read_text(
            "utf-8"
        )
        assert ran.code in (0, 4) or named, said
        left = self.tree()
        temporary = {name for name in left if name.endswith(".tmp")}
        if ran.code == 0:  # something that has another way, such as reading again
            assert {name: data for name, data in left.items() if name not in temporary} == self.after, said
        elif not in_part:
            assert str(self.runs.under) in ran.err, f"no path: {said}"
            words = (os.strerror(error), "disk I/O error", "unable to open database")  # the latter two are SQLite's
            assert any(word in ran.err for word in words) or "sqlite" in ran.path, said
            assert "mistake" not in ran.err, said
        for name, data in left.items():
            whole = data in (self.before.get(name), self.after.get(name)) or (name == MARK and json.loads(data))
            excused = name in temporary or ".labelprep/" in name or (in_part and name in PUBLISHED)
            assert whole or excused, f"half of {name}: {said}"
        results = {name: data for name, data in left.items() if not name.startswith(".labelprep/")}
        if PUBLISHED[-1] in results and self.words[0] == "convert":  # which says that all is there and fits
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


def as_if_stopped(out):
    """Makes of a finished folder one whose run was killed in the third of four masks."""
    for name in PUBLISHED:
        (out / name).unlink()
    journal = out / ".labelprep" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    keys = [line for line in lines if b"val/m1" not in line and b"val/m3" not in line]
    journal.write_bytes(b"".join(keys) + lines[-1][:40])
    (out / "masks" / "val" / "m3.png").unlink()


def scenarios(runs, root):
    """By name: a first convert, one that goes on, one that follows changed sources, and the stages behind it."""
    data, changed = sample_set(root / "data"), sample_set(root / "changed")
    convert = ("convert", data.root, "-o", runs.under / "out", "--scheduler", "inline", "--no-guard")
    made = {"first": Scenario(runs, convert, runs.under / "out")}

    stopped = ("convert", data.root, "-o", runs.under / "resumed", *convert[4:])
    assert runs.run(*stopped).code == 0
    as_if_stopped(runs.under / "resumed")
    made["resumed"] = Scenario(runs, stopped, runs.under / "resumed")

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
    export = ("export", ready, "--layout", "voc", "-o", runs.under / "export")
    made["export"] = Scenario(runs, export, runs.under / "export")
    tile = ("tile", ready, "--size", "16", "16", "-o", runs.under / "tiles", "--scheduler", "inline", "--no-guard")
    made["tile"] = Scenario(runs, tile, runs.under / "tiles")
    return made
