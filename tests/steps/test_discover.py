import json
import os
import random
import sys
import time
import unicodedata

import pytest

from labelprep.errors import EnvironmentFailure, LayoutError
from labelprep.spec import DatasetSpec
from labelprep.steps.discover import discover

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


@pytest.fixture
def place(tmp_path):
    """A folder that `make` fills and `plan` reads."""
    return tmp_path / "data"


def make(root, *names, data=b"x"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def plan(root, **options):
    return discover(DatasetSpec(root=root, **options), root.parent / "work")


def pairs(found):
    return {s.key: s.image_source for s in found.samples()}


def told(found, code):
    return [(f.key, f.message) for f in found.findings() if f.code == code]


# layouts


def test_mirror_pairs_equal_names_and_takes_splits_from_folders(place):
    names = ["train/a.v1", "val/b", "test/c"]
    make(place, *(f"images/{n}.JPG" for n in names), *(f"masks/{n}.png" for n in names), "masks/train/.x.png")
    make(place, "masks/Thumbs.db", "masks/train/a.v1.json", "class_dict.csv")
    found = plan(place)
    samples = list(found.samples())
    assert [s.key for s in samples] == ["test/c", "train/a.v1", "val/b"]
    assert len(found) == 3
    assert found.layout == "mirror"
    assert "images in images and masks in masks" in found.why
    assert found.split_counts() == {"test": 1, "train": 1, "val": 1}
    assert samples[1].source == "masks/train/a.v1.png"
    assert str(samples[1].mask) == str(place / "masks/train/a.v1.png")
    assert samples[1].image_source == "images/train/a.v1.JPG"
    assert samples[1].split == "train"
    assert (samples[1].mask_size, samples[1].mask_mtime_ns) == (1, samples[1].mask.stat().st_mtime_ns)
    assert list(found.findings()) == []
    assert found.class_table == str(place / "class_dict.csv")


def test_explicit_folders_are_found_from_the_root_or_the_current_directory(place, tmp_path, monkeypatch):
    make(place, "x/a.png", "y/a.png")
    make(tmp_path, "elsewhere/a.png")
    monkeypatch.chdir(tmp_path)
    assert pairs(plan(place, images="x", masks="y")) == {"a": "x/a.png"}
    (sample,) = plan(place, images="elsewhere", masks=place / "y").samples()
    assert (sample.image_source, sample.source) == ("a.png", "y/a.png")
    with pytest.raises(LayoutError, match="--masks z: not found; looked for"):
        plan(place, images="x", masks="z")


def test_masks_alone_find_their_images_beside_them(place):
    make(place, "images/a.png", "masks/a.png", "labels/a.png")
    assert pairs(plan(place, masks="labels")) == {"a": "images/a.png"}
    assert pairs(plan(place, masks="labels", layout="masks")) == {"a": None}
    with pytest.raises(LayoutError, match="2 ways"):
        plan(place)


def test_one_folder_of_both_needs_suffixes(place):
    make(place, "d/a_sat.jpg", "d/a_mask.png", "d/b_sat.jpg", "d/b_mask.png", "d/c.jpg")
    with pytest.raises(LayoutError, match="nothing tells them apart"):
        plan(place, images="d", masks="d")
    found = plan(place, images="d", masks="d", image_suffix="_sat.jpg", mask_suffix="_mask.png")
    assert pairs(found) == {"a": "d/a_sat.jpg", "b": "d/b_sat.jpg"}
    make(place, "e/a.jpg", "e/a_mask.png")
    assert pairs(plan(place, images="e", masks="e", mask_suffix="_mask")) == {"a": "e/a.jpg"}


def test_splits_may_come_first(place):
    make(place, "train/images/a.jpg", "train/masks/a.png", "valid/images/a.jpg", "valid/masks/a.png")
    found = plan(place)
    assert pairs(found) == {"train/a": "train/images/a.jpg", "valid/a": "valid/images/a.jpg"}
    assert found.split_counts() == {"train": 1, "val": 1}


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.jsonl"])
def test_pairs_are_taken_from_a_list_beside_the_data_or_in_the_root(place, name):
    make(place, "i/a b.jpg", "m/a b_L.png", "m/c_L.png", "lists/near.png", "i/extra.png")
    rows = [("i/a b.jpg", "m/a b_L.png", "train"), ("", "m\\c_L.png", "val"), ("i/extra.png", "near.png", "")]
    if name.endswith("jsonl"):
        lines = [json.dumps(dict(zip(("image", "mask", "split"), row, strict=True))) for row in rows]
    else:
        comma = "," if name.endswith("csv") else "\t"
        lines = [comma.join(row) for row in (("image", "mask", "split"), *rows)]
    (place / "lists" / name).write_text("\n".join(lines), "utf-8")
    found = plan(place, pairs=f"lists/{name}", mask_suffix="_L")
    assert found.layout == "pairs"
    assert pairs(found) == {"m/a b": "i/a b.jpg", "m/c": None, "near": "i/extra.png"}
    assert {s.key: s.source for s in found.samples()}["near"] == "lists/near.png"
    assert found.split_counts() == {"train": 1, "val": 1}
    assert [key for key, _ in told(found, "image-missing")] == ["m/c"]


def test_a_list_that_leaves_the_dataset_is_refused_with_its_lines(place):
    make(place, "a.png")
    (place / "pairs.csv").write_text("image,mask\n,a.png\n/etc/x.jpg,a.png\n,../b.png\n", "utf-8")
    with pytest.raises(LayoutError) as caught:
        plan(place)
    assert "pairs.csv:3: /etc/x.jpg" in str(caught.value)
    assert "pairs.csv:4: ../b.png" in str(caught.value)
    assert caught.value.exit_code == 2
    assert not (place.parent / "work" / "plan.sqlite").exists()


def test_a_list_names_its_missing_and_repeated_files(place):
    make(place, *(f"{n}.png" for n in "abcde"), "1.jpg", "2.jpg")
    rows = "1.jpg,a.png,train\n1.jpg,a.png,train\n2.jpg,b.png,train\n2.jpg,b.png,val\n9.jpg,c.png,\n,gone.png,\n"
    (place / "pairs.csv").write_text(f"image,mask,split\n{rows}", "utf-8")
    found = plan(place)
    assert pairs(found) == {"a": "1.jpg", "b": "2.jpg", "c": None}
    assert found.split_counts() == {"train": 1}
    assert [m for _, m in told(found, "duplicate-files")] == ["a.png is listed 2 times; it is taken once"]
    assert [m for _, m in told(found, "split-conflict")] == ["b.png is listed in the splits train and val"]
    assert [m for _, m in told(found, "image-missing")] == ["pairs.csv:6: the listed image 9.jpg: no such file"]
    (gone,) = [f for f in found.findings() if f.code == "mask-missing"]
    assert "pairs.csv:7" in gone.message
    assert gone.severity == "error"


def test_one_image_listed_with_two_masks_is_an_error(place):
    make(place, "a.png", "b.png", "c.png", "1.jpg", "2.jpg")
    (place / "pairs.csv").write_text("image,mask\n1.jpg,a.png\n1.jpg,b.png\n2.jpg,c.png\n", "utf-8")
    found = plan(place)
    assert [key for key, _ in told(found, "two-masks")] == ["a", "b"]
    assert pairs(found) == {"c": "2.jpg"}


def test_voc_reads_its_split_lists(place):
    make(place, *(f"SegmentationClass/{n}.png" for n in "abcd"), *(f"JPEGImages/{n}.jpg" for n in "abcdefg"))
    lists = {"train": "a\nb.png\n\n# note\n", "val": "c\r\nb\r\nf\r\nx\r\n", "trainval": "a\nb\nc\nf\nd\n"}
    for name, text in lists.items():
        make(place, f"ImageSets/Segmentation/{name}.txt", data=text.encode())
    found = plan(place)
    assert found.layout == "voc"
    assert found.class_table == "preset:voc"
    assert {s.key: s.split for s in found.samples()} == {"a": "train", "b": None, "c": "val", "d": None}
    assert [key for key, _ in told(found, "mask-missing")] == ["f"]  # e and g were never meant to have one
    assert told(found, "split-conflict") == [
        ("b", "b is listed in the splits train and val"),
        ("x", "val.txt:4: x is listed, but there is no such mask and no such image"),
    ]


def test_voc_of_cvat_has_a_default_split_and_its_own_table(place):
    make(place, "SegmentationClass/a.png", "labelmap.txt")
    make(place, "ImageSets/Segmentation/default.txt", data=b"a\n")
    found = plan(place)
    assert found.split_counts() == {"default": 1}
    assert found.class_table == str(place / "labelmap.txt")


def test_voc_takes_the_folder_of_masks_that_is_asked_for(place):
    make(place, "SegmentationClass/a.png", "SegmentationClassAug/b.png", "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    assert list(pairs(plan(place))) == ["a"]
    assert "--masks SegmentationClassAug" in plan(place).why
    found = plan(place, masks="SegmentationClassAug")
    assert found.layout == "voc"
    assert pairs(found) == {"b": "JPEGImages/b.jpg"}


def test_camvid_pairs_as_its_lists_say(place):
    make(place, "train/a.png", "trainannot/a.png", "train/b c.png", "trainannot/b c.png", "trainannot/d.png")
    make(place, "test/a.png", "testannot/a.png")
    make(
        place,
        "train.txt",
        data=b'/SegNet/CamVid/train/a.png /SegNet/CamVid/trainannot/a.png\n"train/b c.png" "trainannot/b c.png"\n',
    )
    make(place, "test.txt", data=b"test/a.png testannot/a.png\n")
    found = plan(place)
    assert found.layout == "camvid"
    assert "pairs listed in test.txt, train.txt" in found.why
    assert pairs(found) == {"test/a": "test/a.png", "train/a": "train/a.png", "train/b c": "train/b c.png"}
    assert found.split_counts() == {"test": 1, "train": 2}
    (left,) = found.findings()
    assert left.code == "split-conflict"
    assert left.severity == "warning"
    assert "trainannot/d.png" in left.message


def test_camvid_without_lists_pairs_by_folders(place):
    make(place, "train/a.png", "trainannot/a.png", "val/a.png", "valannot/a.png")
    found = plan(place)
    assert found.layout == "camvid"
    assert found.split_counts() == {"train": 1, "val": 1}
    assert pairs(found) == {"train/a": "train/a.png", "val/a": "val/a.png"}


def test_camvid_kaggle_names_masks_with_a_suffix(place):
    for split in ("train", "val", "test"):
        make(place, *(f"{split}/{n}.png" for n in "ab"), *(f"{split}_labels/{n}_L.png" for n in "ab"))
    make(place, "class_dict.csv")
    found = plan(place)
    assert found.layout == "camvid-kaggle"
    assert found.mask_suffix == "_L"
    assert "'_L' that 6 of 6 masks carry" in found.why
    assert pairs(found)["val/b"] == "val/b.png"
    assert found.split_counts() == {"test": 2, "train": 2, "val": 2}
    assert list(found.findings()) == []


def test_cityscapes_takes_label_ids_unless_told_otherwise(place):
    for kind in ("labelIds.png", "labelTrainIds.png", "color.png", "polygons.json"):
        make(place, f"gtFine/train/aachen/aachen_000_019_gtFine_{kind}")
    make(place, "leftImg8bit/train/aachen/aachen_000_019_leftImg8bit.png")
    found = plan(place)
    (sample,) = found.samples()
    assert (found.layout, found.class_table) == ("cityscapes", "preset:cityscapes")
    assert sample.key == "train/aachen/aachen_000_019"
    assert sample.split == "train"
    assert sample.source.endswith("_labelIds.png")
    assert sample.image_source.endswith("_leftImg8bit.png")
    assert "2 pictures that do not carry the suffix are left out" in found.why
    (other,) = plan(place, mask_suffix="_gtFine_color.png").samples()
    assert other.source.endswith("_color.png")
    assert other.key == sample.key


def test_masks_alone_are_one_finding(place):
    make(place, "masks/a.png", "masks/b.png")
    for root in (place, place / "masks"):
        found = discover(DatasetSpec(root=root), place.parent / "work")
        assert found.layout == "masks"
        assert pairs(found) == {"a": None, "b": None}
        (finding,) = found.findings()
        assert (finding.code, finding.key) == ("image-missing", None)
        assert "only 2 masks" in finding.message


def test_doubt_lists_every_candidate_with_its_option(place):
    make(place, "images/a.png", "masks/a.png", "labels/a.png")
    with pytest.raises(LayoutError) as caught:
        plan(place)
    text = str(caught.value)
    assert "2 ways" in text
    assert "--images images --masks masks" in text
    assert "--images images --masks labels" in text


def test_no_dataset_says_what_was_looked_for_and_where_one_is(place):
    make(place, "set/images/a.png", "set/masks/a.png")
    with pytest.raises(LayoutError) as caught:
        plan(place)
    text = str(caught.value)
    assert "images/ and masks/" in text
    assert "the folder holds set" in text
    assert "/data/set?" in text
    with pytest.raises(LayoutError, match="expected a folder"):
        plan(place / "none")


def test_options_that_do_not_go_together_are_refused(place):
    make(place, "images/a.png", "masks/a.png", "pairs.csv")
    with pytest.raises(LayoutError, match="does not go with --layout voc"):
        plan(place, pairs="pairs.csv", layout="voc")
    with pytest.raises(LayoutError, match="do not go with --layout camvid"):
        plan(place, masks="masks", layout="camvid")


# names


def test_a_suffix_is_found_when_most_names_carry_it(place):
    make(place, *(f"images/img{n}.png" for n in range(1, 13)), *(f"masks/img{n}_L.png" for n in range(1, 13)))
    make(place, "masks/odd.png")
    found = plan(place)
    assert found.mask_suffix == "_L"
    assert sum(v is not None for v in pairs(found).values()) == 12
    assert told(found, "image-missing") == [("odd", "no image pairs with masks/odd.png")]


def test_a_suffix_of_the_images_is_found_too(place):
    make(place, "images/a_rgb.png", "images/b_rgb.png", "masks/a.png", "masks/b.png")
    assert pairs(plan(place)) == {"a": "images/a_rgb.png", "b": "images/b_rgb.png"}


def test_equal_names_go_before_a_suffix(place):
    make(place, "images/a.png", "masks/a.png", "masks/a_color.png")
    assert pairs(plan(place)) == {"a": "images/a.png", "a_color": None}
    assert pairs(plan(place, mask_suffix="_color")) == {"a": "images/a.png"}


def test_two_suffixes_are_a_doubt_that_options_settle(place):
    for n in "abc":
        make(place, f"images/{n}.jpg", f"masks/{n}_ids.png", f"masks/{n}_color.png")
    with pytest.raises(LayoutError, match=r"--mask-suffix _color \(3 pairs\), --mask-suffix _ids \(3 pairs\)"):
        plan(place)
    assert plan(place, mask_suffix="_ids.png").count == 3


def test_unpaired_files_name_the_nearest(place):
    make(place, "images/ok.jpg", "masks/ok.png", "images/street_01.jpg", "masks/stret_01.png")
    make(place, "images/Alpha.jpg", "masks/alpha.png", "images/train/deep.jpg", "masks/val/deep.png")
    make(place, "images/mask_77.jpg", "masks/77.png")
    found = plan(place)
    missing = dict(told(found, "image-missing"))
    near = "the nearest name without a partner is images/"
    assert missing["stret_01"] == f"no image pairs with masks/stret_01.png; {near}street_01.jpg"
    assert missing["alpha"] == f"no image pairs with masks/alpha.png; {near}Alpha.jpg (it differs only in case)"
    assert missing["val/deep"] == f"no image pairs with masks/val/deep.png; {near}train/deep.jpg"
    assert {key for key, _ in told(found, "mask-missing")} == {"street_01", "Alpha", "train/deep", "mask_77"}


def test_no_pair_at_all_is_an_error_with_the_nearest_names(place):
    make(place, "images/frame_01_rgb.jpg", "masks/frame_01_seg.png")
    with pytest.raises(LayoutError) as caught:
        plan(place)
    assert "none of 1 masks pairs with one of 1 images" in str(caught.value)
    assert "masks/frame_01_seg.png: nearest image images/frame_01_rgb.jpg" in str(caught.value)
    assert pairs(plan(place, image_suffix="_rgb", mask_suffix="_seg")) == {"frame_01": "images/frame_01_rgb.jpg"}


def test_a_suffix_that_no_mask_carries_is_an_error(place):
    make(place, "images/a.jpg", "masks/a.png")
    with pytest.raises(LayoutError, match=r"looked for files whose names end in '_M'"):
        plan(place, mask_suffix="_M")


def test_two_masks_and_two_images_for_one_name_are_refused(place):
    make(place, "images/a.jpg", "masks/a.png", "masks/a.bmp", "images/b.jpg", "images/b.png", "masks/b.png")
    make(place, "images/c.jpg", "masks/c.png")
    found = plan(place)
    assert told(found, "two-masks") == [("a", "2 masks for one name: masks/a.bmp, masks/a.png")]
    assert told(found, "name-collision") == [("b", "2 images for one mask: images/b.jpg, images/b.png")]
    assert pairs(found) == {"c": "images/c.jpg"}


def test_names_that_some_file_systems_take_for_one_are_refused(place):
    composed, parted = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    make(place, *(f"masks/{n}.png" for n in ("x", "A", "a", composed, parted)))
    if len(list((place / "masks").iterdir())) < 5:
        pytest.skip("this file system takes such names for one")
    found = plan(place)
    assert list(pairs(found)) == ["x"]
    messages = dict(told(found, "name-collision"))
    assert set(messages) == {"A", "a", composed, parted}
    assert messages["A"] == "'A' differs only in case from 'a'"
    assert "Unicode form" in messages[composed]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_strange_names_work_and_names_that_are_no_text_are_refused(place):
    names = ["-rf", "a b", "a'b\"c", "line\nbreak", "ü", "a,b;c"]
    make(place, *(f"masks/{n}.png" for n in names), *(f"images/{n}.png" for n in names))
    make(place, "masks/bad\udcff.png")
    (place / "masks" / "dir\udcfe").mkdir()
    found = plan(place)
    assert sorted(pairs(found)) == sorted(names)
    bad = [f for f in found.findings() if f.code == "unreadable-file"]
    assert sorted(f.path for f in bad) == ["masks/bad\\udcff.png", "masks/dir\\udcfe"]
    assert all(f.message.encode() for f in bad)


# links


@links
def test_links_are_followed_inside_the_dataset_only(place, tmp_path):
    make(place, "masks/a.png", "store/b.png")
    make(tmp_path, "outside/c.png", "outside/d.png")
    (place / "masks/b.png").symlink_to(place / "store/b.png")
    (place / "masks/c.png").symlink_to(tmp_path / "outside/c.png")
    (place / "masks/gone.png").symlink_to("nowhere.png")
    (place / "masks/self.png").symlink_to("self.png")
    (place / "masks/out").symlink_to(tmp_path / "outside")
    (place / "masks/in").symlink_to(place / "store")
    found = plan(place)
    assert sorted(pairs(found)) == ["a", "b", "in/b"]
    bad = {f.path: f.message for f in found.findings() if f.code == "unreadable-file"}
    assert set(bad) == {"masks/c.png", "masks/gone.png", "masks/self.png", "masks/out"}
    assert "leads out of the dataset" in bad["masks/c.png"]
    assert str(tmp_path) not in "".join(bad.values())


@links
def test_loops_of_folders_end(place):
    make(place, "masks/x/a.png", "store/b.png")
    (place / "masks/x/up").symlink_to(place / "masks")
    (place / "masks/root").symlink_to(place)
    (place / "masks/s").symlink_to(place / "store")
    (place / "store/again").symlink_to(place / "store")
    found = plan(place)
    assert sorted(pairs(found)) == ["s/b", "x/a"]
    assert {f.severity for f in found.findings() if f.code == "unreadable-file"} == {"note"}


@links
def test_a_folder_that_is_a_link_to_elsewhere_must_be_named(place, tmp_path):
    make(place, "masks/a.png")
    make(tmp_path, "elsewhere/a.jpg")
    (place / "images").symlink_to(tmp_path / "elsewhere")
    found = plan(place)
    assert found.layout == "masks"
    assert "lead out of the folder: images" in found.why
    assert pairs(plan(place, images="images")) == {"a": "images/a.jpg"}


# the plan


def test_limit_keeps_the_first_samples_and_their_findings(place):
    make(place, *(f"masks/{n}.png" for n in "abcde"), "images/a.png", "images/c.png")
    found = plan(place, limit=3)
    assert len(found) == 3
    assert list(pairs(found)) == ["a", "b", "c"]
    assert [key for key, _ in told(found, "image-missing")] == ["b"]


def test_keys_are_sorted_by_code_points(place):
    names = ["b", "B", "a-b", "a/b", "a.b", "ä", "z", "\U0001f600", "\uffee"]
    make(place, *(f"masks/{n}x{i}.png" for i, n in enumerate(names)))
    keys = list(pairs(plan(place)))
    assert keys == sorted(keys)


def test_the_fingerprint_changes_with_any_file(place):
    make(place, "images/train/a.png", "masks/train/a.png")
    first = plan(place).fingerprint()
    assert plan(place).fingerprint() == first
    time.sleep(0.02)
    make(place, "images/train/a.png", data=b"y")
    second = plan(place).fingerprint()
    make(place, "masks/train/a.png", data=b"longer")
    assert len({first, second, plan(place).fingerprint()}) == 3


def test_several_class_tables_are_candidates(place):
    make(place, "masks/a.png", "class_dict.csv", "label_colors.txt")
    found = plan(place)
    assert found.class_table is None
    assert len(found.class_table_candidates) == 2


def test_a_workdir_that_cannot_be_written_is_a_matter_of_the_place(place, tmp_path):
    make(place, "masks/a.png")
    make(tmp_path, "file")
    with pytest.raises(EnvironmentFailure, match="the plan cannot be written"):
        discover(DatasetSpec(root=place), tmp_path / "file" / "work")


def test_the_order_of_the_file_system_does_not_matter(place, monkeypatch):
    names = [f"{d}/{n}" for d in ("train", "val") for n in ("a", "b", "B", "b.2", "zz")]
    make(place, *(f"images/{n}.jpg" for n in names[::2]), *(f"masks/{n}_L.png" for n in names), "masks/val/a_L.bmp")
    real = os.scandir
    seen = set()
    for seed in range(8):

        class Shuffled:
            def __init__(self, path, seed=seed):
                with real(path) as entries:
                    self.entries = list(entries)
                random.Random(seed).shuffle(self.entries)

            def __enter__(self):
                return iter(self.entries)

            def __exit__(self, *_):
                return None

        monkeypatch.setattr("os.scandir", Shuffled)
        found = plan(place)
        seen.add((found.why, found.fingerprint(), tuple(found.findings())))
        monkeypatch.undo()
    assert len(seen) == 1


# real sets


@pytest.mark.parametrize(
    ("folder", "layout", "masks", "images", "splits", "table"),
    [
        ("uuad", "mirror", 110, 110, {"test": 20, "train": 70, "val": 20}, "class_dict.csv"),
        ("camseq", "mirror", 34, 34, {}, "label_colors.txt"),
        ("camseq/masks", "masks", 34, 0, {}, "label_colors.txt"),
        ("quintal", "mirror", 168, 6, {}, "label_colors.txt"),
        ("voc_labelme", "voc", 201, 0, {}, "preset:voc"),
        ("voc_labelme/SegmentationClassAug", "masks", 201, 0, {}, "preset:voc"),
        ("voc_labelme/labelme_semantic_segmentation/data_dataset_voc", "voc", 3, 3, {}, "class_names.txt"),
    ],
)
def test_real_sets_are_recognised(shared_data, tmp_path, folder, layout, masks, images, splits, table):
    found = discover(DatasetSpec(root=shared_data / folder), tmp_path)
    samples = list(found.samples())
    assert (found.layout, len(samples), sum(s.image is not None for s in samples)) == (layout, masks, images)
    assert found.split_counts() == splits
    assert found.class_table is not None
    assert found.class_table.endswith(table)
    assert {f.code for f in found.findings()} <= {"image-missing"}
    assert all(s.mask.is_file() and (s.image is None or s.image.is_file()) for s in samples)


@links
def test_links_in_a_list_are_judged_too(place, tmp_path):
    make(place, "a.png", "b/x.png")
    make(tmp_path, "outside/c.png")
    (place / "l.png").symlink_to(place / "b" / "x.png")
    (place / "c.png").symlink_to(tmp_path / "outside" / "c.png")
    (place / "out").symlink_to(tmp_path / "outside")
    (place / "pairs.csv").write_text("image,mask\n,a.png\n,l.png\n,c.png\n,out/c.png\n", "utf-8")
    found = plan(place)
    assert list(pairs(found)) == ["a", "l"]
    assert [f.path for f in found.findings() if f.code == "unreadable-file"] == ["c.png", "out/c.png"]


def test_files_are_told_of_while_they_are_found(place):
    make(place, *(f"images/{n}.png" for n in range(600)), *(f"masks/{n}.png" for n in range(600)))
    told = []

    discover(DatasetSpec(root=place), place.parent / "work", told.append)

    assert sum(told) == 1200
    assert max(told) < 600


def test_twins_are_the_samples_without_an_image_or_with_one_as_large_as_another(place):
    make(place, *(f"masks/{n}.png" for n in "abcdefg"))
    for name, size in {"a": 5, "b": 7, "c": 5, "d": 9, "f": 7}.items():
        make(place, f"images/{name}.jpg", data=bytes(size))
    found = plan(place)
    every = list(found.images())
    sizes = [size for _, _, image, size in every if image is not None]
    assert sorted(sizes) == [5, 5, 7, 7, 9]
    assert list(found.twins()) == [row for row in every if row[2] is None or sizes.count(row[3]) > 1]
    assert [row[0] for row in found.twins()] == ["a", "b", "c", "e", "f", "g"]
