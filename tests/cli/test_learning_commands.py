"""`train`, `eval` and `predict` as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from labelprep.cli.main import main
from tests.learning.conftest import draw, write_prepared

QUICK = ["--model", "single_conv", "--epochs", "2", "--batch-size", "4", "--lr", "0.05", "--device", "cpu"]


def called(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return left.value.code or 0, out, err


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("cli")
    drawings = {f"{split}/{i}": draw(i) for split in ("train", "val") for i in range(4)}
    write_prepared(root, drawings, {key: key.split("/")[0] for key in drawings})
    with pytest.raises(SystemExit):
        main(["train", str(root / "prepared"), "-o", str(root / "run"), *QUICK, "--resize", "32", "24", "-q"])
    return root


def test_train_prints_the_classes_and_the_best_epoch(root, tmp_path, capsys):
    code, out, err = called(capsys, "train", root / "prepared", "-o", tmp_path, *QUICK)
    assert code == 0
    assert "grass" in out
    assert "best of 2 epochs: " in out
    assert "84 parameters" in out
    assert "epoch 1/2: loss" in err
    assert (tmp_path / "best.pt").is_file()


def test_train_keeps_an_earlier_run_unless_told(root, capsys):
    before = (root / "run" / "best.pt").read_bytes()
    code, _, err = called(capsys, "train", root / "prepared", "-o", root / "run", *QUICK)
    assert code == 2
    assert "holds an earlier training run" in err
    assert "--overwrite" in err
    assert (root / "run" / "best.pt").read_bytes() == before


def test_sizes_come_as_height_and_width(root):
    facts = json.loads((root / "run" / "run.json").read_text())
    assert facts["options"]["resize"] == [32, 24]


def test_eval_and_scoring_its_masks_give_the_same_figures(root, tmp_path, capsys):
    words = ("eval", root / "run", "--data", root / "prepared", "-o", tmp_path / "eval", "--json", "--device", "cpu")
    code, out, _ = called(capsys, *words)
    assert code == 0
    scored = json.loads(out)
    assert scored["type"] == "summary"
    code, out, _ = called(capsys, "eval", "--pred", tmp_path / "eval", "--data", root / "prepared", "--json")
    again = json.loads(out)
    assert code == 0
    assert again.pop("out") is None
    assert scored.pop("uncertainty")["cross_entropy"] > 0
    assert scored.pop("suspects") == 0
    del scored["out"]
    assert again == scored


def test_eval_prints_the_majority_class_beside_the_model(root, tmp_path, capsys):
    _, out, err = called(capsys, "eval", root / "run", "--data", root / "prepared", "-o", tmp_path, "--device", "cpu")
    assert "4 images of split 'val'; always predicting " in out
    assert "mean IoU" in out
    assert "metrics.json" in err


def test_eval_of_nothing_is_refused(root, capsys):
    code, _, err = called(capsys, "eval", "--data", root / "prepared")
    assert code == 2
    assert "--pred DIR" in err


def test_scoring_masks_imports_no_torch(root):
    masks, data = root / "prepared" / "masks", root / "prepared"
    code = (
        "import sys\nfrom labelprep.cli.main import main\n"
        f"try:\n    main(['eval', '--pred', {str(masks)!r}, '--data', {str(data)!r}])\n"
        "except SystemExit as left:\n    heavy = {'torch', 'torchvision', 'dask', 'cv2'} & set(sys.modules)\n"
        "    sys.exit(f'{left.code} {heavy}' if left.code or heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "mean IoU 1.000" in done.stdout) == (0, True), done.stderr


def test_predict_counts_what_it_wrote_and_what_failed(root, tmp_path, capsys):
    images = root / "source" / "images"
    words = ("predict", root / "run", images, "-o", tmp_path, "--entropy", "--device", "cpu")
    code, out, _ = called(capsys, *words)
    assert (code, out) == (0, f"8 masks in {tmp_path / 'predictions'}\n")
    assert len(list((tmp_path / "entropy").rglob("*.png"))) == 8


def test_a_size_that_is_none_is_refused(root, tmp_path, capsys):
    code, _, err = called(capsys, "train", root / "prepared", "-o", tmp_path, "--crop", "0", "32")
    assert code == 2
    assert "--crop" in err


def test_an_unknown_published_model_is_refused_with_the_list(root, tmp_path, capsys):
    code, _, err = called(capsys, "predict", "torchvision:vgg", root / "source" / "images", "-o", tmp_path)
    assert code == 2
    assert "deeplabv3_resnet101" in err
