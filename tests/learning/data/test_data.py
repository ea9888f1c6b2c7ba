import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from labelprep.errors import UsageError
from labelprep.learning.data.batches import Draws, batches, refuse_mixed_sizes, train_loader, whole_loader
from labelprep.learning.data.reading import Pair, pairs, read_image, read_pair
from labelprep.learning.data.train_data import (
    Fit,
    TrainData,
    WholeData,
    augmentation,
    normalized,
)
from labelprep.learning.options import TrainOptions
from tests.learning.conftest import write_prepared

CPU = torch.device("cpu")


def coordinates(height, width):
    """Ids that can be computed from the image: red holds y, green holds x, the id is (y + 2 x) mod 7."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([y, x, np.full_like(x, 9)], -1).astype(np.uint8)
    return image, ((y + 2 * x) % 7).astype(np.uint8)


def seven_classes():
    from labelprep.class_rows import ClassRow
    from labelprep.classes import ClassTable

    return ClassTable.build([ClassRow(f"c{i}", ((i, i, 1),)) for i in range(7)])


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    drawings = {f"{i}": coordinates(20 + i, 30) for i in range(5)}
    splits = dict.fromkeys(drawings, "train")
    return write_prepared(tmp_path_factory.mktemp("grid"), drawings, splits, table=seven_classes())


def items(prepared, *, seed=0, epoch=1, **options):
    augment = augmentation(**{"resize": None, "crop": None, "flip": True, "ignore_index": 255} | options)
    data = TrainData(pairs(prepared, "train"), augment, seed=seed)
    return [data[epoch, index] for index in range(len(data))]


def test_masks_stay_on_their_images_under_flips_and_crops_and_are_ignored_beyond_them(grid):
    flipped = 0
    for epoch in range(6):
        for image, mask, _ in items(grid, epoch=epoch, crop=(16, 40)):
            assert image.shape == (3, 16, 40)
            assert mask.shape == (16, 40)
            y, x, blue = image.long()
            inside = blue == 9  # padding has the mean colour
            assert inside.sum() == 16 * 30
            assert torch.equal(mask[inside].long(), ((y + 2 * x) % 7)[inside])
            assert (mask[~inside] == 255).all()
            columns = x[0][inside[0]]
            flipped += int(columns[0] > columns[-1])
    assert 5 < flipped < 25


def test_resizing_takes_masks_by_nearest_pixel(grid):
    for image, mask, _ in items(grid, resize=(40, 60), flip=False):
        assert image.shape[1:] == mask.shape == (40, 60)
        assert set(mask.unique().tolist()) <= set(range(7))
    _, mask, _ = items(grid, resize=(40, 60), flip=False)[0]
    assert torch.equal(mask[::2, ::2], read_pair(pairs(grid, "train")[0])[1])


def test_augmentation_depends_on_seed_epoch_and_image_alone(grid):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = items(grid, crop=(8, 8))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    again = items(grid, crop=(8, 8))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    others = [items(grid, crop=(8, 8), seed=1), items(grid, crop=(8, 8), epoch=2)]
    assert all(any(not torch.equal(a[0], b[0]) for a, b in zip(first, other, strict=True)) for other in others)


def test_workers_give_the_same_batches_as_this_process(grid):
    seen = []
    for workers in (0, 1):
        options = TrainOptions(batch_size=2, crop=(8, 8), workers=workers, seed=3)
        augment = augmentation(resize=None, crop=(8, 8), flip=True, ignore_index=255)
        loader, draws = train_loader(TrainData(pairs(grid, "train"), augment, seed=3), options, CPU)
        draws.epoch = 4
        seen.append([(batch.indices, batch.images.tolist()) for batch in batches(loader)])
    assert seen[0] == seen[1]


def test_every_image_is_drawn_once_and_a_single_last_one_is_left_out():
    assert len(Draws(8, batch_size=4, seed=0)) == 8
    assert len(Draws(1, batch_size=4, seed=0)) == 1
    assert len(Draws(5, batch_size=1, seed=0)) == 5
    draws = Draws(9, batch_size=4, seed=0)
    assert len(list(draws)) == len(draws) == 8
    orders = []
    for epoch in range(20):
        draws.epoch = epoch
        assert {e for e, _ in draws} == {epoch}
        orders.append(tuple(index for _, index in draws))
        assert len(set(orders[-1])) == 8
    assert len(set(orders)) == 20
    assert {index for order in orders for index in order} == set(range(9))


def test_images_of_several_sizes_in_a_batch_need_an_option(grid):
    chosen = pairs(grid, "train")
    with pytest.raises(UsageError, match=r"images of 5 sizes .*20x30, 21x30, 22x30") as caught:
        refuse_mixed_sizes(chosen, TrainOptions())
    assert caught.value.hint == "give --resize H W, --crop H W or --batch-size 1"
    for options in (TrainOptions(batch_size=1), TrainOptions(crop=(8, 8)), TrainOptions(resize=(8, 8))):
        refuse_mixed_sizes(chosen, options)
    refuse_mixed_sizes(chosen[:1] * 4, TrainOptions())


def test_evaluation_takes_whole_images_with_masks_of_their_own_size(grid):
    data = WholeData(pairs(grid, "train"), Fit(size=(16, 24)))
    (batch,) = batches(whole_loader(data, batch_size=8, workers=0, device=CPU))
    assert batch.images.shape == (5, 3, 16, 24)
    assert [tuple(mask.shape) for mask in batch.masks] == [(20 + i, 30) for i in range(5)]
    single = list(batches(whole_loader(WholeData(data.pairs, Fit()), batch_size=8, workers=0, device=CPU)))
    assert [len(batch.images) for batch in single] == [1] * 5


def test_missing_images_are_listed_before_anything_starts(tmp_path):
    drawings = {f"{i}": coordinates(4, 4) for i in range(5)}
    prepared = write_prepared(tmp_path, drawings, dict.fromkeys(drawings, "train"), table=seven_classes())
    for i in (0, 1, 2, 4):
        (tmp_path / "source" / "images" / f"{i}.png").unlink()
    with pytest.raises(
        UsageError, match=r"4 of 5 images of split 'train' are missing: .*0\.png, .*2\.png, …"
    ) as caught:
        pairs(prepared, "train")
    assert "--images DIR" in caught.value.hint
    assert "--link hard" in caught.value.hint


def test_images_that_moved_are_found_in_the_folder_that_is_given(tmp_path):
    drawings = {"a": coordinates(4, 4)}
    prepared = write_prepared(tmp_path, drawings, {"a": "train"}, table=seven_classes())
    (tmp_path / "source").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="1 of 1 images"):
        pairs(prepared, "train")
    assert pairs(prepared, "train", tmp_path / "moved")[0].image == tmp_path / "moved" / "images" / "a.png"


def test_masks_without_image_are_told(tmp_path):
    prepared = write_prepared(tmp_path, {"a": coordinates(4, 4)}, {"a": "train"}, table=seven_classes())
    manifest = prepared.root / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"images/a.png"', "null"))
    with pytest.raises(UsageError, match="1 of 1 masks of split 'train' have no image: a"):
        pairs(prepared, "train")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_images_of_any_mode_become_rgb(tmp_path, mode):
    random = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(random.integers(0, 65536, (5, 6), np.uint16))
        wanted = np.repeat((np.asarray(image) >> 8)[..., None], 3, 2)
    else:
        image = Image.fromarray(random.integers(0, 256, (5, 6, 3), np.uint8)).convert(mode)
        wanted = np.asarray(image.convert("RGB"))
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image.save(path)
    np.testing.assert_array_equal(read_image(path).numpy(), wanted.transpose(2, 0, 1))


def test_alpha_is_dropped_also_from_palettes(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "p.png", transparency=bytes([0, 128]))
    assert read_image(tmp_path / "p.png").permute(1, 2, 0).tolist() == [[[10, 20, 30], [40, 50, 60]]]


def test_exif_rotation_is_applied_on_request_alone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (3, 4, 6)
    assert read_image(tmp_path / "a.jpg", exif_rotate=True).shape == (3, 6, 4)


def test_a_damaged_image_is_named_and_the_error_survives_the_way_from_another_process(grid, tmp_path):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no image")
    pair = pairs(grid, "train")[0]
    data = WholeData([Pair("a", damaged, pair.mask, pair.size)], Fit())
    with pytest.raises(UsageError, match="the image cannot be read") as caught:
        list(batches(whole_loader(data, batch_size=1, workers=0, device=CPU)))
    travelled = pickle.loads(pickle.dumps(data[0]))  # noqa: S301 - our own bytes
    assert str(travelled) == str(caught.value)
    assert travelled.path == str(damaged)


def test_an_image_of_another_size_than_its_mask_is_refused(grid):
    first, second, *_ = pairs(grid, "train")
    with pytest.raises(UsageError, match=r"the image has \(21, 30\) pixels \(H, W\), its mask \(20, 30\)"):
        read_pair(Pair("a", second.image, first.mask, first.size))


def test_normalising_is_by_imagenet_figures():
    images = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    wanted = [(0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    torch.testing.assert_close(normalized(images)[1, :, 2, 3], torch.tensor(wanted))
