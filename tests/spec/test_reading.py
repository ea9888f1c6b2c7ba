"""Specs as people write them, and the exact words about their mistakes."""

import pytest

from labelprep.errors import SpecError
from labelprep.spec import DatasetSpec, WeightsStage, read_spec

GOOD = """\
version: 1
dataset:
  root: data/sample
  layout: auto
  classes: data/classes/street.yaml
  ignore: [void]
stages:
  check:   {use: validate, fail_on: never}
  masks:   {use: convert, out: build/masks, on_unknown: {nearest: 3}}
  splits:  {use: split, from: masks, ratios: [0.8, 0.2], seed: 0}
  weights: {use: weights, from: [masks, splits], split: train, method: inverse, write: [json, npy, mmseg]}
  train:   {use: train, from: [masks, splits, weights], model: lraspp_mobilenet_v3_large, loss: ce+dice, epochs: 5}
  eval:    {use: eval, from: train, split: val, entropy_maps: 8}
  report:  {use: report, from: [masks, eval], out: build/report}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "a.yaml"):
        (tmp_path / name).write_text(text, "utf-8")
        return name

    return write


def problems(path, overrides=()) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read_spec(path, overrides)
    return list(caught.value.problems)


def test_the_spec_of_the_design_is_read(write):
    spec = read_spec(write(GOOD))
    assert spec.dataset == DatasetSpec(root="data/sample", classes="data/classes/street.yaml", ignore=("void",))
    assert list(spec.stages) == ["check", "masks", "splits", "weights", "train", "eval", "report"]
    assert spec.stages["weights"] == WeightsStage(
        from_=("masks", "splits"), split="train", method="inverse", write=("json", "npy", "mmseg")
    )
    assert spec.stages["masks"].dataset_of(spec.dataset).on_unknown == "nearest:3"
    assert spec.stages["check"].dataset_of(spec.dataset).on_unknown == "error"


MISTAKES = [
    ("ignore: [void]", "ignroe: [void]",
     "a.yaml:6:3  dataset.ignroe: expected a known key, got 'ignroe'; did you mean 'ignore'?"),
    ("layout: auto", "layout: citiscapes",
     "a.yaml:4:11  dataset.layout: expected auto, mirror, masks, pairs, ultralytics, mmseg, voc, camvid, "
     "camvid-kaggle, cityscapes, cityscapes-trainids, cityscapes-color, ade20k, coco-stuff, mapillary, nnunet, "
     "datumaro, hf, hf-parquet, wds, labelme, coco, coco-panoptic, cvat, cityscapes-polygons or yolo-segment, "
     "got 'citiscapes'; did you mean 'cityscapes'?"),
    ("use: validate", "use: valdate",
     "a.yaml:8:18  stages.check.use: expected validate, convert, split, weights, tile, export, train, eval, predict or "
     "report, got 'valdate'; did you mean 'validate'?"),
    ("use: validate, ", "",
     "a.yaml:8:12  stages.check.use: expected validate, convert, split, weights, tile, export, train, eval, predict or "
     "report, got nothing"),
    ("epochs: 5", "epochs: five", "a.yaml:12:114  stages.train.epochs: expected a whole number, got 'five'"),
    ("epochs: 5", "epochs: 2.5", "a.yaml:12:114  stages.train.epochs: expected a whole number, got 2.5"),
    ("epochs: 5", "epochs: true", "a.yaml:12:114  stages.train.epochs: expected a whole number, got true"),
    ("epochs: 5", "epochs: 0", "a.yaml:12:114  stages.train.epochs: expected a number of at least 1, got 0"),
    ("epochs: 5", "epochs: ~", "a.yaml:12:114  stages.train.epochs: expected a whole number, got nothing"),
    ("epochs: 5", "lr: 0", "a.yaml:12:110  stages.train.lr: expected a number above 0, got 0"),
    ("epochs: 5", "lr: .nan", "a.yaml:12:110  stages.train.lr: expected a finite number, got nan"),
    ("epochs: 5", "flip: yes", "a.yaml:12:112  stages.train.flip: expected true or false, got 'yes'"),
    ("epochs: 5", "crop: [64]", "a.yaml:12:112  stages.train.crop: expected two numbers, got fewer"),
    ("epochs: 5", "crop: [1, 2, 3]", "a.yaml:12:112  stages.train.crop: expected at most 2 of them, got [1, 2, 3]"),
    ("epochs: 5", "crop: 64", "a.yaml:12:112  stages.train.crop: expected a list, got 64"),
    ("epochs: 5", "weights: wieghts",
     "a.yaml:12:115  stages.train.weights: expected a stage or a path that exists, got 'wieghts'; "
     "did you mean 'weights'?"),
    ("epochs: 5", "device: gpu",
     "a.yaml:12:114  stages.train.device: expected auto, cpu, cuda, cuda:N or mps, got 'gpu'"),
    ("loss: ce+dice", "loss: ce+dce",
     "a.yaml:12:97  stages.train.loss: expected a sum of ce, focal, dice, jaccard, tversky, lovasz, boundary, topk "
     "such as 0.5*ce+dice, got 'ce+dce'; "
     "did you mean 'ce+dice'?"),
    ("use: split, from: masks, ratios: [0.8, 0.2], seed: 0", "use: tile, from: masks, resize: [8, 8], scale: 2.0",
     "a.yaml:10:12  stages.splits: expected either resize, one size for all, or scale, a factor on each one's own, "
     "and not both, got {use: 'tile', from: 'masks', resize: [8, 8], scale: 2.0}"),
    ("ratios: [0.8, 0.2]", "ratios: [0.8, 0.3]",
     "a.yaml:10:46  stages.splits.ratios: expected 2 or 3 shares (train, val, test) that add up to 1, got [0.8, 0.3]"),
    ("ratios: [0.8, 0.2]", "group_by: '('",
     "a.yaml:10:48  stages.splits.group_by: expected a regular expression "
     "(missing ), unterminated subpattern at position 0), got '('"),
    ("{nearest: 3}", "{closest: 3}",
     "a.yaml:9:57  stages.masks.on_unknown: expected error, ignore, nearest:N or map:NAME, got {closest: 3}"),
    ("on_unknown: {nearest: 3}", "fail_on: never",
     "a.yaml:9:45  stages.masks.fail_on: expected a known key "
     "(from, out, dataset, use, link, root, layout, images, masks, pairs, image_suffix, mask_suffix, image_prefix, "
     "mask_prefix, reduce_zero_label, classes, ignore, "
     "renumber, map, color_order, palette_meaning, alpha, on_unknown, on_duplicate_color, exif_rotate, mask_mode, "
     "palette, png_level, max_pixels, limit), got 'fail_on'"),
    ("from: train", "from: trian",
     "a.yaml:13:30  stages.eval.from: expected a stage, got 'trian'; did you mean 'train'?"),
    ("from: train", "from: report",
     "a.yaml:13:30  stages.eval.from: expected stages that do not wait for each other, "
     "got a cycle: eval -> report -> eval"),
    ("from: train", "from: masks",
     "a.yaml:13:3  stages.eval: expected `from` to lead to a stage `use: train`, or `checkpoint`, or `pred`, "
     "got none of them"),
    ("out: build/report", "out: build/masks",
     "a.yaml:14:52  stages.report.out: expected a folder of its own, got that of stage 'masks'"),
    ("version: 1", "version: 2", "a.yaml:1:10  version: expected 1, got 2"),
    ("version: 1", "verison: 1", "a.yaml:1:1  verison: expected a known key, got 'verison'; did you mean 'version'?"),
    ("  root: data/sample\n", "", "a.yaml:2:1  dataset.root: expected the folder of the dataset, got nothing"),
    ("  check:", "  a b:  ", "a.yaml:8:3  stages.a b: expected a name of letters, digits, '_' and '-', got 'a b'"),
    ("  check:", "  out:  ",
     "a.yaml:8:3  stages.out: expected a name other than version, out, dataset or stages, got 'out'"),
    ("{use: validate, fail_on: never}", "5", "a.yaml:8:12  stages.check: expected keys and values, got 5"),
    ("  check:", "  masks:",
     "a.yaml:9:3  the key 'masks' stands in line 8 already"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "line"), MISTAKES, ids=[bad.strip() or "left out" for _, bad, _ in MISTAKES])
def test_each_mistake_is_told_in_plain_words(write, good, bad, line):
    assert good in GOOD
    assert problems(write(GOOD.replace(good, bad, 1))) == [line]


def test_all_mistakes_come_at_once_in_the_order_of_the_file(write):
    text = GOOD.replace("layout: auto", "layout: car").replace("epochs: 5", "epochs: x").replace("seed: 0", "seed: -1")
    assert [line.split("  ")[0] for line in problems(write(text))] == ["a.yaml:4:11", "a.yaml:10:64", "a.yaml:12:114"]


def test_a_stage_that_reads_raw_masks_needs_a_dataset(write):
    path = write("stages:\n  masks: {use: convert}\n")
    assert problems(path) == [
        "a.yaml:2:3  stages.masks: expected `dataset:` with its `root` above, for `use: convert`, got none"
    ]
    assert read_spec(path, ["masks.root=here"]).stages["masks"].dataset_of(None).root.name == "here"


def test_a_stage_that_needs_a_prepared_folder_says_so(write):
    path = write("stages:\n  w: {use: weights}\n")
    assert problems(path) == [
        "a.yaml:2:3  stages.w: expected `from` to lead to a stage `use: convert`, or `data`, got neither"
    ]
    assert read_spec(path, ["w.data=build/masks"]).stages["w"].data.name == "masks"


@pytest.mark.parametrize("text", ["", "5", "- a", "# nothing"])
def test_a_text_without_keys_is_refused(write, text):
    assert problems(write(text))[0].split("  ")[1].startswith("expected keys: version, out, dataset, stages, got")


def test_set_changes_values_before_they_are_checked(write):
    path = write(GOOD.replace("epochs: 5", "epochs: wrong"))
    spec = read_spec(
        path, ["train.epochs=3", "dataset.root=../x y", "stages.weights.clip=[0.1, 10]", "dataset.map.3=1"]
    )
    assert spec.stages["train"].epochs == 3
    assert spec.dataset.root.as_posix() == "../x y"
    assert spec.stages["weights"].clip == (0.1, 10.0)
    assert spec.dataset.map == ("3=1",)


def test_a_later_set_wins_and_an_inner_one_keeps_its_neighbours(write):
    spec = read_spec(write(GOOD), ["train={use: train, from: [masks, splits], epochs: 9}", "train.epochs=4"])
    assert (spec.stages["train"].epochs, spec.stages["train"].from_) == (4, ("masks", "splits"))


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("trian.epochs=3",
         "--set trian.epochs=3: expected version, out, dataset, stages, check, masks, splits, weights, train, eval or "
         "report, got 'trian'; did you mean 'train'?"),
        ("stages.tain.epochs=3",
         "--set stages.tain.epochs=3: expected stages.STAGE.KEY with a stage of check, masks, splits, weights, train, "
         "eval or report, got 'tain'; did you mean 'train'?"),
        ("train.epoch=3",
         "--set train.epoch=3  stages.train.epoch: expected a known key, got 'epoch'; did you mean 'epochs'?"),
        ("train.epochs=many", "--set train.epochs=many  stages.train.epochs: expected a whole number, got 'many'"),
        ("dataset.rot=x", "--set dataset.rot=x  dataset.rot: expected a known key, got 'rot'; did you mean 'root'?"),
        ("train", "--set train: expected KEY=VALUE, such as train.epochs=3"),
        ("=3", "--set =3: expected KEY=VALUE, such as train.epochs=3"),
    ],
)  # fmt: skip
def test_a_wrong_set_is_named(write, override, line):
    assert problems(write(GOOD), [override]) == [line]


def test_a_missing_file_offers_its_neighbour(write):
    write(GOOD, "quickstart.yaml")
    assert problems("quikstart.yaml") == [
        "quikstart.yaml: cannot read the spec: No such file or directory; did you mean 'quickstart.yaml'?"
    ]


def test_thousands_of_stages_are_refused_at_once(write):
    text = "stages:\n" + "".join(f"  s{i}: {{use: report, from: s{i + 1}}}\n" for i in range(2000))
    (line,) = problems(write(text))
    assert line.startswith("a.yaml:2:3  stages: expected at most 200 of them, got {s0: {use: 'report'")
