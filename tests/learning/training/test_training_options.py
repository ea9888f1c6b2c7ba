"""What single options of training do."""

import csv
import json
import math
import re
import subprocess
from dataclasses import replace
from functools import partial

import pytest
import safetensors.torch
import torch

from labelprep.errors import UsageError
from labelprep.learning.arithmetic import Compiled, deterministic, precision_of
from labelprep.learning.checkpoint import Checkpoint, load_trained
from labelprep.learning.models import create_model
from labelprep.learning.train import train
from tests.learning.conftest import QUICK, Run, draw

ONCE = replace(QUICK, epochs=1)
CPU = torch.device("cpu")


def difference(first: Run, second: Run):
    one, other = (Checkpoint.load(run / "last.pt").state for run in (first, second))
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_gradients_of_small_batches_add_up_to_that_of_a_large_one(street, tmp_path):
    """Cross entropy is a mean over pixels, and every image here has as many valid ones."""
    options = replace(ONCE, loss="ce", optimizer="sgd", momentum=0.0, flip=False)
    train(street.prepared, tmp_path / "large", replace(options, batch_size=8))
    train(street.prepared, tmp_path / "small", replace(options, batch_size=2, accumulate=4))
    train(street.prepared, tmp_path / "none", replace(options, batch_size=2))
    assert difference(tmp_path / "large", tmp_path / "small") < 1e-6
    assert difference(tmp_path / "large", tmp_path / "none") > 1e-4


def test_a_last_group_of_fewer_batches_is_a_mean_too(street, tmp_path):
    options = replace(ONCE, loss="ce", optimizer="sgd", momentum=0.0, flip=False, batch_size=2)
    train(street.prepared, tmp_path / "four", replace(options, accumulate=4))
    train(street.prepared, tmp_path / "nine", replace(options, accumulate=9))
    assert difference(tmp_path / "four", tmp_path / "nine") == 0


def test_a_clipped_gradient_moves_the_weights_no_further(street, tmp_path):
    torch.manual_seed(0)
    start = create_model("single_conv", 3).state_dict()
    options = replace(ONCE, optimizer="sgd", momentum=0.0, weight_decay=0.0, lr=1.0, batch_size=8, clip_grad=1e-3)
    train(street.prepared, tmp_path, options)
    end = Checkpoint.load(tmp_path).state
    moved = math.sqrt(sum(float(((end[name] - start[name]) ** 2).sum()) for name in start))
    assert moved == pytest.approx(1e-3, rel=1e-3)


def test_the_average_of_the_weights_is_what_is_validated_and_saved(street, tmp_path):
    """One step an epoch; the average starts with the first step's weights: a + (1 - decay) (b - a)."""
    options = replace(QUICK, epochs=3, batch_size=8, keep=9)
    train(street.prepared, tmp_path / "plain", options)
    train(street.prepared, tmp_path / "mean", replace(options, ema=0.75))
    steps = [Checkpoint.load(tmp_path / "plain" / f"epoch-000{n}.pt").state for n in (1, 2, 3)]
    saved = Checkpoint.load(tmp_path / "mean" / "last.pt").state
    for name, mean in steps[0].items():
        for later in steps[1:]:
            mean = mean + 0.25 * (later[name] - mean)
        torch.testing.assert_close(saved[name], mean)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_as_well_and_keeps_its_weights_in_float32(street, tmp_path, precision, trained_run):
    result = train(street.prepared, tmp_path, replace(QUICK, precision=precision))
    assert all(value.dtype == torch.float32 for value in Checkpoint.load(tmp_path).state.values())
    plain = trained_run.result.history[-1].train_loss
    assert result.history[-1].train_loss == pytest.approx(plain, rel=0.1)
    assert result.history[-1].train_loss != plain


def test_auto_means_fp32_where_no_gpu_has_bf16():
    assert precision_of("auto", CPU) == "fp32"
    with pytest.raises(UsageError, match="precision must be"):
        precision_of("int8", CPU)


def test_channels_last_changes_the_layout_and_not_the_result(street, tmp_path):
    options = replace(ONCE, model="unet_small")
    plain = train(street.prepared, tmp_path / "plain", options)
    last = train(street.prepared, tmp_path / "last", replace(options, channels_last=True))
    assert last.best.train_loss == pytest.approx(plain.best.train_loss, rel=1e-4)


def test_an_auxiliary_head_adds_its_loss_and_stays_out_of_the_checkpoint(street, tmp_path):
    options = replace(ONCE, model="tests.learning.networks:two_heads", optimizer="sgd", momentum=0.0, weight_decay=0.0)
    train(street.prepared, tmp_path / "without", options)
    train(street.prepared, tmp_path / "with", replace(options, aux_weight=0.5))
    one, other = (Checkpoint.load(tmp_path / name).state for name in ("without", "with"))
    torch.manual_seed(0)
    start = create_model(options.model, 3).state_dict()
    assert torch.equal(one["net.extra.weight"], start["net.extra.weight"])
    assert not torch.equal(other["net.extra.weight"], start["net.extra.weight"])
    assert not torch.equal(other["net.backbone.weight"], one["net.backbone.weight"])


@pytest.mark.chaos
def test_torchvisions_auxiliary_head(street, tmp_path):
    options = replace(ONCE, model="deeplabv3_mobilenet_v3_large", aux_weight=0.4, batch_size=8)
    train(street.prepared, tmp_path, options)
    assert not any("aux" in name for name in Checkpoint.load(tmp_path).state)
    load_trained(tmp_path, CPU)
    with pytest.raises(UsageError, match="lraspp_mobilenet_v3_large has no auxiliary head"):
        train(street.prepared, tmp_path / "x", replace(options, model="lraspp_mobilenet_v3_large"))


def test_training_stops_where_the_validation_rises_no_more(street, tmp_path):
    result = train(street.prepared, tmp_path, replace(QUICK, lr=1e-12, epochs=9, patience=2))
    assert (result.stopped, len(result.history), result.best.epoch) == ("patience", 3, 1)
    with pytest.raises(UsageError, match="it stopped as its mIoU rose no more"):
        train(street.prepared, tmp_path, replace(QUICK, lr=1e-12, epochs=9, patience=2))


def test_training_stops_when_the_time_is_up_and_goes_on_exactly_with_more(street, tmp_path):
    options = replace(QUICK, epochs=2, batch_size=2)
    result = train(street.prepared, tmp_path / "short", replace(options, max_minutes=1e-9))
    assert (result.stopped, len(result.history)) == ("time", 1)
    assert (tmp_path / "short" / "best.pt").is_file()
    more = train(street.prepared, tmp_path / "short", replace(options, max_minutes=60.0))
    whole = train(street.prepared, tmp_path / "whole", options)
    assert (more.stopped, more.identity) == ("epochs", whole.identity)


def test_validation_is_made_every_so_many_epochs_and_last(street, tmp_path):
    result = train(street.prepared, tmp_path, replace(QUICK, epochs=5, val_every=2))
    assert [epoch.val_loss is not None for epoch in result.history] == [False, True, False, True, True]
    assert [epoch.val_miou is not None for epoch in result.history] == [False, True, False, True, True]


def test_the_last_checkpoints_are_kept(street, tmp_path):
    train(street.prepared, tmp_path, replace(QUICK, keep=2))
    assert sorted(path.name for path in tmp_path.glob("epoch-*")) == ["epoch-0003.pt", "epoch-0004.pt"]
    assert Checkpoint.load(tmp_path / "epoch-0004.pt").identity == Checkpoint.load(tmp_path / "last.pt").identity


def test_one_batch_can_be_learned_by_heart(street, tmp_path):
    options = replace(QUICK, batch_size=2, epochs=60, overfit_one_batch=True, crop=(24, 24), val_every=60)
    result = train(street.prepared, tmp_path, options)
    assert result.history[-1].train_accuracy > 0.99
    assert json.loads((tmp_path / "run.json").read_text())["data"]["train_images"] == 2
    assert result.confusion.sum() == 2 * (32 * 32 - 24)


def test_the_weights_are_there_as_safetensors(trained_run):
    path = trained_run.folder / "best.safetensors"
    state = Checkpoint.load(trained_run.folder).state
    loaded = safetensors.torch.load_file(path)
    assert set(loaded) == set(state)
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    with safetensors.safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["classes"]) == ["road", "grass", "sky"]


def test_csv_and_json_lines_hold_the_same_curves(trained_run):
    lines = [json.loads(line) for line in (trained_run.folder / "history.jsonl").read_text().splitlines()]
    with (trained_run.folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    for line, row in zip(lines, rows, strict=True):
        assert {name: str(value) for name, value in line.items()} == row
        assert 0 <= line["data_wait"] <= 1
        assert line["images_per_second"] > 0
        assert line["peak_memory_mb"] is None or line["peak_memory_mb"] > 50


def test_tensorboard_gets_the_curves(street, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(street.prepared, tmp_path, replace(QUICK, epochs=2, tensorboard=True))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    seen = [(event.step, event.value) for event in events.Scalars("train_loss")]
    assert seen == [(epoch.epoch, pytest.approx(epoch.train_loss, rel=1e-6)) for epoch in result.history]


def test_the_run_tells_the_commit_of_the_code_around_it(street, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(street.prepared, tmp_path / "outside", ONCE)
    assert json.loads((tmp_path / "outside" / "run.json").read_text())["git"] is None
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    for words in (
        ("init", "-q"),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-mx"),
    ):
        subprocess.run(["git", *words], check=True)
    train(street.prepared, tmp_path / "inside", ONCE)
    git = json.loads((tmp_path / "inside" / "run.json").read_text())["git"]
    assert re.fullmatch("[0-9a-f]{40}", git["commit"])
    assert git["changed"] is False


def test_deterministic_algorithms_are_asked_for_within_and_no_longer(street, tmp_path, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    seen = []
    train(
        street.prepared,
        tmp_path,
        replace(ONCE, deterministic=True),
        progress=lambda *_, **__: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert set(seen) == {True}
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_operation_without_a_deterministic_form_is_told():
    message = "put_ does not have a deterministic implementation"
    with pytest.raises(UsageError, match=message) as caught, deterministic(True):
        raise RuntimeError(f"{message}, but you set '...'. You can turn off")
    assert "--deterministic" in caught.value.hint


def test_a_network_that_does_not_compile_is_trained_as_it_is(monkeypatch):
    def broken(graph, inputs):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=broken))
    said = []
    compiled = Compiled(torch.nn.Conv2d(3, 2, 1), said.append)
    images = torch.randn(1, 3, 4, 4)
    assert torch.equal(compiled(images), compiled.network(images))
    assert torch.equal(compiled(images), compiled.network(images))
    assert len(said) == 1
    assert said[0].startswith("torch.compile does not work here, training goes on without: ")
    assert "no compiler here" in said[0]


def test_a_fault_of_the_network_itself_is_raised_also_when_it_is_compiled(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network: network)
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        Compiled(torch.nn.Conv2d(3, 2, 1), lambda _: None)(torch.randn(1, 4, 4, 4))


@pytest.mark.chaos
def test_a_compiled_network_learns_the_same(street, tmp_path):
    said = []
    plain = train(street.prepared, tmp_path / "plain", replace(ONCE, model="unet_small"))
    compiled = train(street.prepared, tmp_path / "c", replace(ONCE, model="unet_small", compile=True), say=said.append)
    assert not any("torch.compile" in line for line in said)
    assert compiled.best.train_loss == pytest.approx(plain.best.train_loss, rel=1e-3)


def test_sync_bn_needs_gpus(street, tmp_path):
    with pytest.raises(UsageError, match="sync_bn works on GPUs alone"):
        train(street.prepared, tmp_path, replace(ONCE, sync_bn=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("model", ["unet_small", "lraspp_mobilenet_v3_large", "deeplabv3_resnet50"])
def test_deterministic_runs_on_a_gpu_end_bitwise_alike(street, tmp_path, model):
    options = replace(QUICK, model=model, device="cuda", deterministic=True, epochs=2, crop=(24, 24))
    first = train(street.prepared, tmp_path / "first", options)
    assert train(street.prepared, tmp_path / "second", options).identity == first.identity


def test_masks_are_held_against_the_class_table_before_the_first_step(make_street, tmp_path):
    street = make_street(tmp_path, train=2, val=1)
    ids = draw(0)[1].copy()
    ids[0, :3] = 7
    from PIL import Image

    Image.fromarray(ids).save(street.root / "masks" / "a" / "0.png")
    with pytest.raises(UsageError, match=r"a/0: ids must be below 3 or 255, but 3 pixels hold 7") as caught:
        train(street.prepared, tmp_path / "run", ONCE)
    assert caught.value.path == str(street.root / "masks" / "a" / "0.png")
    assert not list((tmp_path / "run").glob("*.pt"))


def test_what_a_reader_should_know_is_said_before_the_first_step(make_street, tmp_path):
    from labelprep.weights import ClassWeights
    from tests.learning.conftest import street_table, write_prepared

    drawings = {f"{i}": draw(i) for i in range(4)}
    for key in "012":
        drawings[key][1][drawings[key][1] == 2] = 255
    prepared = write_prepared(tmp_path, drawings, {"0": "train", "1": "train", "2": "train", "3": "val"})
    weights = ClassWeights.of(prepared.counts("train"), street_table())
    changed = replace(weights, weights=(0.0, 1.0, 0.0))
    changed.save(tmp_path / "w.json")
    said = []
    train(prepared, tmp_path / "run", replace(ONCE, weights=tmp_path / "w.json"), say=said.append)
    assert "validation holds classes that training does not: sky" in said
    assert "classes of weight 0 that training holds, and that the loss will not see: road" in said
    assert any(re.match(r"data alone: \S+ images/s with 0 workers; .*samples\.png", line) for line in said)
    known = json.loads((tmp_path / "run" / "preflight.json").read_text())
    assert known["not_in_training"] == ["sky"]
    assert known["train_pixels"] == prepared.counts("train").pixels.tolist()


def test_the_sheet_shows_images_beside_their_masks(street, trained_run):
    import numpy as np
    from PIL import Image

    sheet = np.asarray(Image.open(trained_run.folder / "samples.png").convert("RGB")).reshape(-1, 3)
    for color in ((128, 64, 128), (40, 200, 40), (70, 130, 230)):
        assert (sheet == color).all(axis=1).sum() > 50  # the legend
