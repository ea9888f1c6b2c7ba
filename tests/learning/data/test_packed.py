"""The cache gives the same pairs as the files, and notices when they changed."""

from dataclasses import replace

import pytest
import torch

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.learning.data.packed import Packed
from labelprep.learning.data.reading import pairs
from labelprep.learning.data.train_data import TrainData, augmentation
from labelprep.learning.train import train
from tests.learning.conftest import QUICK, draw

OPTIONS = replace(QUICK, epochs=2, resize=(24, 28), crop=(16, 16))


def test_training_from_the_cache_gives_bitwise_the_same_weights(street, tmp_path):
    plain = train(street.prepared, tmp_path / "plain", OPTIONS)
    said = []
    packed = replace(OPTIONS, cache=tmp_path / "cache")
    first = train(street.prepared, tmp_path / "first", packed, progress=lambda what, *_, **__: said.append(what))
    assert said[:12] == ["packing train"] * 8 + ["packing val"] * 4
    second = train(street.prepared, tmp_path / "second", packed, progress=lambda what, *_, **__: said.append(what))
    assert said.count("packing train") == 8
    assert plain.identity == first.identity == second.identity
    assert (plain.confusion == second.confusion).all()
    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir()) == [".bin", ".bin", ".json", ".json"]


def test_a_changed_image_is_packed_anew(make_street, tmp_path):
    street = make_street(tmp_path, train=2, val=1)
    options = replace(OPTIONS, cache=tmp_path / "cache")
    before = train(street.prepared, tmp_path / "before", options)
    path = pairs(street.prepared, "train")[0].image
    from PIL import Image

    Image.fromarray(255 - draw(0)[0]).save(path)
    said = []
    after = train(street.prepared, tmp_path / "after", options, progress=lambda what, *_, **__: said.append(what))
    assert "packing train" in said
    assert "packing val" not in said
    assert after.identity != before.identity


def test_pairs_come_back_as_they_were_packed_also_from_many_classes(tmp_path):
    generator = torch.Generator().manual_seed(0)
    items = [
        (
            torch.randint(0, 256, (3, h, w), generator=generator).to(torch.uint8),
            torch.randint(0, 60000, (h + 1, w), generator=generator).to(kind),
        )
        for h, w, kind in ((3, 4, torch.uint8), (5, 2, torch.int32), (1, 1, torch.uint8))
    ]
    Packed.write(tmp_path, "x", items, on_item=lambda: None)
    found = Packed.find(tmp_path, "x")
    for index, (image, mask) in enumerate(items):
        assert torch.equal(found[index][0], image)
        assert torch.equal(found[index][1], mask)
        assert found[index][1].dtype == mask.dtype
    with (tmp_path / "x.bin").open("ab") as file:
        file.write(b"more")
    assert Packed.find(tmp_path, "x") is None
    assert Packed.find(tmp_path, "y") is None


def test_a_pair_that_cannot_be_read_leaves_no_cache(make_street, tmp_path):
    street = make_street(tmp_path, train=2, val=1)
    pairs(street.prepared, "train")[1].image.write_bytes(b"no image")
    with pytest.raises(UsageError, match="the image cannot be read"):
        train(street.prepared, tmp_path / "run", replace(OPTIONS, cache=tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(EnvironmentFailure, match="cannot write the cache"):
        Packed.write(tmp_path / "cache", "x", [], on_item=lambda: None)


def test_loading_processes_map_the_cache_for_themselves(street, tmp_path):
    import pickle

    data = TrainData(
        pairs(street.prepared, "train"), augmentation(resize=None, crop=None, flip=False, ignore_index=255), seed=0
    )
    wanted = data[1, 2]
    data.packed = Packed.write(tmp_path, "x", (data.read(i) for i in range(8)), on_item=lambda: None)
    assert torch.equal(data[1, 2][0], wanted[0])
    size = len(pickle.dumps(data))
    assert torch.equal(pickle.loads(pickle.dumps(data))[1, 2][0], wanted[0])  # noqa: S301 - our own bytes
    assert size < 20_000
