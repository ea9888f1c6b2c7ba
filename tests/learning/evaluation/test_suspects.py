"""The chain closes on itself: regions planted in drawn masks are found by a model that learnt the others."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from labelprep import suspects
from labelprep.drawing import CLASSES, class_file, write_sample
from labelprep.drawing.classes import colors
from labelprep.errors import UsageError
from labelprep.learning.evaluation.regions import contradictions
from labelprep.learning.evaluation.suspicion import MOST, Ranking, suspect_regions
from labelprep.learning.options import TrainOptions
from labelprep.learning.train import train
from labelprep.prepared import Prepared
from labelprep.spec import EvalStage, ValidateStage
from labelprep.spec.graph import edges
from tests.dataset import Dataset, labelprep

SIZE = (72, 96)
NAMES = tuple(CLASSES)


@dataclass(frozen=True)
class Planted:
    key: str
    new: str
    box: tuple[int, int, int, int]  # top, left, bottom, right

    def holds(self, finding):
        x, y = finding["xy"]
        top, left, bottom, right = self.box
        same = (finding["key"], finding["labelled"]) == (self.key, self.new)
        return same and top <= y < bottom and left <= x < right


def plant(path, key, rng):
    """Gives the commonest class of a box of the mask another class that the box does not hold."""
    painted = np.array(Image.open(path))
    ids = (painted[:, :, None] == colors()).all(-1).argmax(-1)
    while True:
        height, width = (int(rng.integers(side // 8, side // 4)) for side in SIZE)
        top, left = int(rng.integers(SIZE[0] - height)), int(rng.integers(SIZE[1] - width))
        box = ids[top : top + height, left : left + width]
        counts = np.bincount(box.ravel(), minlength=13)
        if counts.argmax() == 12 or counts.max() < 0.6 * box.size:
            continue
        new = int(rng.choice(np.flatnonzero(counts[:12] == 0)))
        painted[top : top + height, left : left + width][box == counts.argmax()] = colors()[new]
        Image.fromarray(painted).save(path)
        return Planted(key, NAMES[new], (top, left, top + height, left + width))


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Raw drawings with planted regions, prepared, learnt and evaluated."""
    root = tmp_path_factory.mktemp("suspects")
    keys = write_sample(root / "raw", 24, 16, SIZE, seed=3)
    (root / "classes.yaml").write_text(class_file())
    rng = np.random.default_rng(5)
    planted = [
        plant(root / "raw" / "masks" / f"{key}.png", key, rng) for key in keys if key.startswith("val") for _ in "12"
    ]
    words = ("--classes", root / "classes.yaml", "--ignore", "void", "--scheduler", "inline", "--no-guard")
    assert labelprep("convert", root / "raw", *words, "-o", root / "out").code == 0
    options = TrainOptions(
        model="unet_small", loss="ce", epochs=8, batch_size=4, lr=3e-3, val_every=8, device="cpu", precision="fp32"
    )
    torch.manual_seed(0)
    train(Prepared.open(root / "out"), root / "run", options)
    done = labelprep("eval", root / "run", "--data", root / "out", "--suspect-pixels", 16, "--device", "cpu")
    assert done.code == 0, done.err
    found = [json.loads(line) for line in (root / "run" / "eval" / "suspects.jsonl").read_text().splitlines()]
    return SimpleNamespace(root=root, words=words, planted=planted, found=found, said=done.err)


def test_planted_regions_are_found_and_little_else(chain):
    hits = [any(one.holds(finding) for one in chain.planted) for finding in chain.found]
    recall = np.mean([any(one.holds(finding) for finding in chain.found) for one in chain.planted])
    precision = np.mean(hits)
    print(f"{len(chain.planted)} planted, {len(chain.found)} listed: precision {precision:.2f}, recall {recall:.2f}")
    assert precision >= 0.75
    assert recall >= 0.5


def test_a_suspect_says_where_what_and_how_sure(chain):
    evidence = [finding["evidence"] for finding in chain.found]
    assert evidence == sorted(evidence, reverse=True)
    for finding in chain.found:
        assert finding["code"] == "suspect-label"
        assert finding["severity"] == "warning"
        assert finding["labelled"] != finding["predicted"]
        assert 0.5 < finding["confidence"] <= 1
        mask = np.array(Image.open(chain.root / "raw" / finding["path"]))
        x, y = finding["xy"]
        assert tuple(mask[y, x]) == CLASSES[finding["labelled"]]
    assert f"{len(chain.found)} labels that the model contradicts" in chain.said


def test_validate_lists_them_and_forgets_those_of_masks_that_were_mended(chain):
    words = ("validate", chain.root / "raw", *chain.words, "--json", "--fail-on", "warning")
    plain = [f for f in labelprep(*words).findings if f["code"] != "absent-class"]
    assert plain == []
    for place in (chain.root / "run", chain.root / "run" / "eval", chain.root / "run" / "eval" / "suspects.jsonl"):
        done = labelprep(*words, "--suspects", place)
        listed = [f for f in done.findings if f["code"] == "suspect-label"]
        assert [f["xy"] for f in listed] == [f["xy"] for f in chain.found]
        assert done.code == 1
    first = chain.found[0]
    path = chain.root / "raw" / first["path"]
    before = path.read_bytes()
    Image.open(path).save(path, compress_level=1)  # touched, as by an editor
    done = labelprep(*words, "--suspects", chain.root / "run")
    path.write_bytes(before)
    listed = [f for f in done.findings if f["code"] == "suspect-label"]
    gone = [f for f in chain.found if f["key"] == first["key"]]
    assert len(listed) == len(chain.found) - len(gone)
    assert f"{len(gone)} suspect labels are of masks that changed since" in done.err


def test_the_report_shows_them_among_the_findings(chain, tmp_path):
    done = labelprep("report", chain.root / "out", chain.root / "run" / "eval", "-o", tmp_path)
    assert done.code == 0, done.err
    values = json.loads((tmp_path / "report.json").read_text())
    (kind,) = [kind for kind in values["findings"] if kind["code"] == "suspect-label"]
    assert kind["count"] == len(chain.found) == values["evaluations"][0]["suspects"]
    assert kind["examples"][0]["key"] == chain.found[0]["key"]
    assert 0 < values["evaluations"][0]["uncertainty"]["ece"] < 1
    assert "plots/uncertainty.png" in values["plots"]


def test_a_mask_that_stands_on_its_head_is_suspect_as_a_whole(chain, tmp_path):
    keys = write_sample(tmp_path / "raw", 1, 3, SIZE, seed=9)
    path = tmp_path / "raw" / "masks" / f"{keys[2]}.png"
    Image.open(path).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(path)
    assert labelprep("convert", tmp_path / "raw", *chain.words, "-o", tmp_path / "out").code == 0
    words = ("--suspect-pixels", 16, "--suspect-below", 0.1, "--device", "cpu", "-o", tmp_path / "eval")
    assert labelprep("eval", chain.root / "run", "--data", tmp_path / "out", *words).code == 0
    whole = [s.finding for s in suspects.read(tmp_path / "eval") if s.finding.code == "suspect-mask"]
    assert [finding.key for finding in whole] == [keys[2]]
    assert whole == [next(suspects.read(tmp_path / "eval")).finding]  # of most evidence
    assert "of the labelled pixels" in whole[0].message
    assert (whole[0].labelled, whole[0].predicted) == (None, None)


def test_a_chain_may_look_at_the_labels_behind_its_evaluation():
    stages = {"labels": ValidateStage(suspects="eval"), "eval": EvalStage()}
    assert edges(stages)["labels"] == ("eval",)


# --- regions, without a model -----------------------------------------------------------------------------------------


def flood(truth, guess, ignore=255):
    """(label, prediction, pixels, first x and y) of every region, pixel by pixel, in reading order."""
    seen, found = set(), []
    height, width = truth.shape
    for y, x in np.ndindex(truth.shape):
        pair = (truth[y, x], guess[y, x])
        if (y, x) in seen or pair[0] in (ignore, pair[1]):
            continue
        todo, members = [(y, x)], set()
        while todo:
            a, b = todo.pop()
            inside = 0 <= a < height and 0 <= b < width and (a, b) not in members
            if inside and (truth[a, b], guess[a, b]) == pair:
                members.add((a, b))
                todo += [(a + 1, b), (a - 1, b), (a, b + 1), (a, b - 1)]
        seen |= members
        found.append((*map(int, pair), members, (x, y)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_regions_are_those_of_a_flood_fill_that_hold_a_square(seed):
    rng = np.random.default_rng(seed)
    truth, guess = (np.kron(rng.integers(0, 3, (4, 5)), np.ones((7, 7))).astype(np.uint8) for _ in "ab")
    truth[rng.random(truth.shape) < 0.01] = 255
    sure, likely = (rng.integers(0, 65536, truth.shape).astype(np.uint16) for _ in "ab")
    found = contradictions(truth, guess, sure, likely, ignore_index=255, least=30)
    wanted = []
    for label, prediction, members, xy in flood(truth, guess):
        square = any(all((y + a, x + b) in members for a in range(5) for b in range(5)) for y, x in members)
        if square and len(members) >= 30:
            ys, xs = zip(*members, strict=True)
            means = [pytest.approx(float(map_[ys, xs].mean()) / 65535) for map_ in (sure, likely)]
            wanted.append((label, prediction, len(members), xy, *means))
    assert [tuple(vars(region).values()) for region in found] == wanted
    assert wanted


def region(pixels, confidence=0.9, likelihood=0.01):
    from labelprep.learning.evaluation.regions import Region

    return Region(0, 1, pixels, (2, 3), confidence, likelihood)


def test_a_region_is_suspect_where_the_model_is_sure_and_rules_the_label_out():
    regions = [region(10), region(11, confidence=0.5), region(12, likelihood=0.06), region(13, likelihood=0.0)]
    found = suspect_regions(regions, 1000, 0.05)
    assert [entry["pixels"] for entry in found] == [10, 13]
    assert found[0]["evidence"] == pytest.approx(10 * -np.log(0.01))
    assert np.isfinite(found[1]["evidence"])


def test_a_mask_that_is_contradicted_by_half_is_one_finding():
    (whole,) = suspect_regions([region(30), region(20)], 100, 0.05)
    assert (whole["labelled"], whole["pixels"], whole["of"]) == (None, 50, 100)
    assert len(suspect_regions([region(30), region(19)], 100, 0.05)) == 2


def test_the_list_keeps_the_most_suspect_and_counts_all(monkeypatch):
    assert MOST == 10_000
    monkeypatch.setattr("labelprep.learning.evaluation.suspicion.MOST", 3)
    ranking = Ranking()
    rng = np.random.default_rng(0)
    evidence = rng.permutation(20).reshape(5, 4)
    for image in rng.permutation(5):
        ranking.add(int(image), str(image), [{"evidence": float(e)} for e in evidence[image]])
    assert ranking.seen == 20
    assert sorted(entry["evidence"] for _, entry in ranking._entries.values()) == [17, 18, 19]


def test_an_empty_list_is_told(tmp_path):
    data = Dataset(tmp_path / "raw")
    data.pair("one")
    (tmp_path / "suspects.jsonl").touch()
    done = labelprep("validate", data.root, "--suspects", tmp_path, "--scheduler", "inline", "--no-guard")
    assert done.code == 0
    assert f"{tmp_path / 'suspects.jsonl'} holds no suspects: the evaluation found no label" in done.err


def test_files_that_hold_no_suspects_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no suspects\.jsonl there"):
        suspects.find(tmp_path)
    path = Path(tmp_path) / "suspects.jsonl"
    for line in ("{", "[]", '{"sha256": "", "evidence": 1, "code": "lossy-mask", "severity": "error", "message": ""}'):
        path.write_text(line)
        with pytest.raises(UsageError, match="line 1 is damaged"):
            list(suspects.read(tmp_path))
