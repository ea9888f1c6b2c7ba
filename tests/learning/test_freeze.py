"""Frozen models give the model's own logits."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from labelprep.errors import UsageError
from labelprep.learning.checkpoint import load_trained
from labelprep.learning.data.train_data import Fit, normalized
from labelprep.learning.freeze import freeze

CPU = torch.device("cpu")


@pytest.fixture
def trained(trained_run):
    return load_trained(trained_run.folder, CPU)


def images(batch):
    return torch.randint(0, 256, (batch, 3, 20, 28), dtype=torch.uint8)


def test_a_program_of_torch_gives_the_same_logits_for_any_batch(trained, tmp_path):
    done = freeze(trained, tmp_path / "model.pt2", (20, 28))
    assert done.difference < 1e-5
    program = torch.export.load(tmp_path / "model.pt2").module()
    for batch in (1, 4):
        seen = images(batch)
        with torch.inference_mode():
            wanted = trained.model(normalized(seen))
        torch.testing.assert_close(program(seen.float()), wanted, rtol=1e-4, atol=1e-4)
    about = json.loads((tmp_path / "model.pt2.json").read_text())
    assert [row["name"] for row in about["class_table"]["classes"]] == ["road", "grass", "sky"]
    assert about["input"]["shape"] == ["batch", 3, 20, 28]
    with pytest.raises(UsageError, match=r"is a program of torch\.export, as `freeze` writes them") as caught:
        load_trained(tmp_path / "model.pt2", CPU)
    assert "that it was made from" in caught.value.hint


@pytest.mark.parametrize("name", ["single_conv", pytest.param("unet_small", marks=pytest.mark.chaos)])
def test_onnx_gives_the_same_logits_for_any_batch(name, trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from labelprep.learning.models import create_model

    model = create_model(name, 3).eval()
    freeze(replace(trained, model=model), tmp_path / "model.onnx", (20, 28))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 4):
        seen = images(batch)
        with torch.inference_mode():
            wanted = model(normalized(seen)).numpy()
        (found,) = session.run(["logits"], {"images": seen.float().numpy()})
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.onnx.json"]
    with pytest.raises(UsageError, match="is an ONNX model"):
        load_trained(tmp_path / "model.onnx", CPU)


def test_the_size_of_the_training_is_the_default_and_one_is_needed(trained, tmp_path):
    with pytest.raises(UsageError, match="trained on images of their own sizes") as caught:
        freeze(trained, tmp_path / "model.pt2")
    assert "--size H W" in caught.value.hint
    assert freeze(replace(trained, fit=Fit(size=(16, 24))), tmp_path / "model.pt2").size == (16, 24)
    with pytest.raises(UsageError, match=r"no format for \.pth; expected \.onnx or \.pt2"):
        freeze(trained, tmp_path / "model.pth", (8, 8))


def test_a_file_that_differs_from_the_model_is_refused(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("labelprep.learning.freeze.TOLERANCE", -1.0)
    with pytest.raises(UsageError, match="differ from the model's by"):
        freeze(trained, tmp_path / "model.pt2", (16, 16))
    assert list(tmp_path.iterdir()) == []
