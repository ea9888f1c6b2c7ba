import dataclasses
import zipfile

import pytest
import torch

from labelprep.class_rows import ClassRow, voc_colormap
from labelprep.classes import ClassTable
from labelprep.errors import EnvironmentFailure, MismatchError, UsageError
from labelprep.learning.checkpoint import Checkpoint, load_trained, published_table
from labelprep.learning.device import choose_device
from labelprep.steps.count import ClassCounts

CPU = torch.device("cpu")


@pytest.fixture
def best(trained_run):
    return Checkpoint.load(trained_run.folder)


def test_a_checkpoint_comes_back_as_it_was_saved(best, tmp_path):
    best.save(tmp_path / "again.pt")
    again = Checkpoint.load(tmp_path / "again.pt")
    for name in ("model", "table", "epoch", "metrics", "options", "train_counts", "identity"):
        assert getattr(again, name) == getattr(best, name), name
    assert all(torch.equal(again.state[name], value) for name, value in best.state.items())


def test_it_holds_plain_values_that_torch_reads_without_running_code(trained_run):
    values = torch.load(trained_run.folder / "last.pt", weights_only=True)
    assert values["model"] == "single_conv"
    assert [c["name"] for c in values["class_table"]["classes"]] == ["road", "grass", "sky"]
    assert set(values["options"]) >= {"loss", "lr", "resize", "crop", "seed"}
    assert values["epoch"] == 4
    assert 0 <= values["metrics"]["val_miou"] <= 1


def test_a_run_folder_stands_for_its_best_checkpoint(trained_run, best):
    assert best.epoch == trained_run.result.best.epoch
    assert best.identity == trained_run.result.identity


def test_the_identity_follows_the_weights_alone(best):
    assert dataclasses.replace(best, epoch=9, metrics={}).identity == best.identity
    changed = {name: value + 1e-6 for name, value in best.state.items()}
    assert dataclasses.replace(best, state=changed).identity != best.identity


def test_training_counts_travel_with_the_model(best, street):
    counts = ClassCounts.zero(3)
    for key, (_, ids) in street.drawings.items():
        if street.splits[key] == "train":
            counts += ClassCounts.of(ids, 3, 255)
    assert best.train_counts == counts


def test_a_prepared_set_of_another_class_table_is_refused_naming_both(trained_run):
    trained = load_trained(trained_run.folder, CPU)
    other = ClassTable.build([ClassRow("road", ((128, 64, 128),)), ClassRow("water", ((0, 0, 255),))])
    with pytest.raises(MismatchError) as caught:
        trained.require_table(other, "build/other")
    text = str(caught.value)
    assert str(trained_run.folder) in text
    assert "build/other" in text
    assert "id 1 is 'grass' (40, 200, 40) here and 'water' (0, 0, 255) there" in text
    trained.require_table(Checkpoint.load(trained_run.folder).table, "the same")


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"text", bytes(20)])
def test_a_file_that_is_no_checkpoint_is_told(tmp_path, content):
    (tmp_path / "best.pt").write_bytes(content)
    with pytest.raises(UsageError, match="not a checkpoint that labelprep wrote, or damaged"):
        Checkpoint.load(tmp_path)


def test_a_checkpoint_that_was_cut_off_is_damaged(trained_run, tmp_path):
    whole = (trained_run.folder / "best.pt").read_bytes()
    for size in (4, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.pt").write_bytes(whole[:size])
        with pytest.raises(UsageError, match="not a checkpoint that labelprep wrote, or damaged"):
            Checkpoint.load(tmp_path / "cut.pt")


def test_models_in_other_files_are_told_by_what_they_are(trained_run, tmp_path):
    conv = torch.nn.Conv2d(3, 2, 1)
    torch.save(conv.state_dict(), tmp_path / "state.pt")
    torch.save(conv.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(conv, tmp_path / "module.pt")
    torch.save([1], tmp_path / "list.pt")
    (tmp_path / "empty.pt").touch()
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/constants.pkl", b"")
    Checkpoint.load(trained_run.folder).save_safetensors(tmp_path / "best.safetensors")
    for name, said in (
        ("state.pt", "a PyTorch file with the keys weight, bias"),
        ("old.pth", "a PyTorch file with the keys weight, bias"),
        ("module.pt", "code beside weights"),
        ("list.pt", "a PyTorch file with a list"),
        ("empty.pt", "is empty"),
        ("script.pt", "is a TorchScript program"),
        ("best.safetensors", "holds weights alone"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            Checkpoint.load(tmp_path / name)
        assert caught.value.path == str(tmp_path / name)
    (tmp_path / "best.pt").touch()
    with pytest.raises(UsageError) as caught:
        Checkpoint.load(tmp_path / "best.safetensors")
    assert caught.value.hint == f"give {tmp_path / 'best.pt'}"


def test_foreign_and_missing_checkpoints_are_told(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.pt")
    with pytest.raises(UsageError, match="not a checkpoint"):
        Checkpoint.load(tmp_path / "foreign.pt")
    with pytest.raises(UsageError, match="no checkpoint there"):
        Checkpoint.load(tmp_path)


def test_weights_of_another_model_are_told(best, tmp_path):
    dataclasses.replace(best, model="unet_small").save(tmp_path / "odd.pt")
    with pytest.raises(UsageError, match="do not fit the model 'unet_small'"):
        load_trained(tmp_path / "odd.pt", CPU)


def test_published_models_have_the_classes_of_pascal_voc():
    table = published_table(("__background__", "aeroplane", "bicycle"))
    assert table.names == ("background", "aeroplane", "bicycle")
    assert [c.color for c in table.classes] == [tuple(color) for color in voc_colormap()[:3].tolist()]
    assert table.void_color == (224, 224, 192)


def test_the_table_of_published_models_is_the_voc_preset():
    from torchvision.models import get_model_weights

    from labelprep.formats.class_tables import load_table

    categories = tuple(get_model_weights("deeplabv3_resnet101").DEFAULT.meta["categories"])
    assert published_table(categories).hash == load_table("preset:voc").hash


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="no device named 'gpu'"):
        choose_device("gpu")
    with pytest.raises(EnvironmentFailure, match="device 'cuda:99' is not there"):
        choose_device("cuda:99")
