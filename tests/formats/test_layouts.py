import pytest

from labelprep.errors import LayoutError
from labelprep.formats.detect import candidates
from labelprep.formats.layouts import Suffix, split_ending, split_of
from labelprep.formats.lists import inside, read_camvid, read_names, read_pairs


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("name", "stem", "ending"),
    [
        ("jp22_1.10_0.png", "jp22_1.10_0", ".png"),
        ("A.JPG", "A", ".jpg"),
        ("a.b/c.tif", "a.b/c", ".tif"),
        ("a.png.txt", "a.png.txt", ""),
        ("a.b/.png", "a.b/.png", ""),
        ("mask", "mask", ""),
    ],
)
def test_only_the_last_ending_of_a_picture_comes_off(name, stem, ending):
    assert split_ending(name) == (stem, ending)


def test_a_suffix_holds_the_ending_or_not():
    assert Suffix.parse("_L.png").base("a/b_L", ".png") == "a/b"
    assert Suffix.parse("_L.PNG").base("a/b_L", ".jpg") is None
    assert Suffix.parse("_L").base("a/b_L", ".jpg") == "a/b"
    assert Suffix.parse(".png").base("a", ".png") == "a"
    assert Suffix.parse("_L").base("_L", ".png") is None


def test_folders_named_after_splits_are_told_from_others():
    assert [split_of(n) for n in ("train", "Validation", "testing", "train2017", "val_2014", "trainval", "aachen")] == [
        "train", "val", "test", "train", "val", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "layout", "option"),
    [
        (["images/a.jpg", "masks/a.png"], "mirror", "--images images --masks masks"),
        (["Images/a.jpg", "Labels/a.png"], "mirror", "--images Images --masks Labels"),
        (["images/a.jpg", "masks/a.png", "labels/a.txt"], "mirror", "--images images --masks masks"),
        (["stills/a.png", "labelsRGB/a_L.png"], "mirror", "--images stills --masks labelsRGB"),
        (["hr/train/a.png", "hr-mask/train/a.png"], "mirror", "--images hr --masks hr-mask"),
        (["tiles/a.png", "tiles_labels/a.png"], "mirror", "--images tiles --masks tiles_labels"),
        (["train/images/a.png", "train/masks/a.png", "val/images/b.png", "val/masks/b.png"], "mirror", None),
        (["SegmentationClass/a.png", "SegmentationClassNpy/a.npy", "JPEGImages/a.jpg"], "voc", None),
        (["SegmentationClassAug/a.png"], "voc", "--layout voc --masks SegmentationClassAug"),
        (["train/a.png", "trainannot/a.png"], "camvid", "--layout camvid"),
        (["train/a.png", "train_labels/a_L.png"], "camvid-kaggle", "--layout camvid-kaggle"),
        (["leftImg8bit/train/c/a_leftImg8bit.png", "gtFine/train/c/a_gtFine_labelIds.png"], "cityscapes", None),
        (["masks/a.png", "notes/a.txt"], "masks", "--layout masks --masks masks"),
        (["a.png", "b.png"], "masks", "--layout masks"),
        (["train/a.png", "val/b.png"], "masks", "--layout masks"),
    ],
)
def test_each_layout_is_recognised_by_its_folders(tmp_path, names, layout, option):
    (found,) = candidates(make(tmp_path, *names), "auto")
    assert found.layout == layout
    assert option is None or found.option == option
    assert candidates(tmp_path, layout)[0].layout == layout


@pytest.mark.parametrize(
    "names",
    [
        ["images/a.png", "masks/a.png", "labels/a.png"],
        ["images/a.png", "rgb/a.png", "masks/a.png"],
        ["hr/a.png", "hr-mask/a.png", "hr_labels/a.png"],
        ["SegmentationClassAug/a.png", "SegmentationClassRaw/a.png"],
        ["images/a.png", "masks/a.png", "train/a.png", "train_labels/a.png"],
    ],
)
def test_more_than_one_reading_gives_more_than_one_candidate(tmp_path, names):
    found = candidates(make(tmp_path, *names), "auto")
    assert len(found) == 2
    assert len({a.option for a in found}) == 2


@pytest.mark.parametrize("names", [["a.txt"], ["photos/a.png"], ["a.jpg", "a.png"], ["x/a.png", "y/a.png"]])
def test_a_folder_that_says_nothing_is_no_dataset(tmp_path, names):
    assert candidates(make(tmp_path, *names), "auto") == []


def test_an_unknown_layout_is_an_error(tmp_path):
    with pytest.raises(LayoutError, match="unknown layout 'vok'; expected auto, mirror"):
        candidates(tmp_path, "vok")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "image,mask,split\r\na b.jpg,m/a.png,train\r\n\r\n,m/b.png,\r\n"),
        ("p.csv", "\ufeffmask; other; image ;split\nm/a.png;1;a b.jpg;train\nm/b.png;2;;\n"),
        ("p.tsv", "image\tmask\tsplit\na b.jpg\tm/a.png\ttrain\n\tm/b.png"),
        ("p.jsonl", '{"image": "a b.jpg", "mask": "m/a.png", "split": "train"}\n\n{"mask": "m/b.png"}\n'),
    ],
)
def test_pairs_are_read_from_csv_tsv_and_jsonl(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode())
    first, second = read_pairs(path)
    assert (first.image, first.mask, first.split) == ("a b.jpg", "m/a.png", "train")
    assert (second.image, second.mask, second.split) == (None, "m/b.png", None)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("p.csv", b"a.jpg,a.png\n", r"p.csv:1: the header needs the columns image and mask; found a.jpg, a.png"),
        ("p.csv", b"", "found nothing"),
        ("p.csv", b"image,mask\n\xff.jpg,a.png\n", "not UTF-8"),
        ("p.jsonl", b'{"mask": "a.png"}\n{', r"p.jsonl:2: not JSON"),
        ("p.jsonl", b"[1]", r"p.jsonl:1: expected an object"),
        ("q.csv", None, "cannot be read: No such file"),
    ],
)
def test_a_list_that_cannot_be_read_is_named_with_its_line(tmp_path, name, data, message):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(LayoutError, match=message):
        list(read_pairs(tmp_path / name))


def test_segnet_lists_quote_paths_with_blanks(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text('/train/a.png /trainannot/a.png\n"/train/b c.png" "/trainannot/b c.png"\n/test/d.png\n', "utf-8")
    pairs = [(p.line, p.image, p.mask) for p in read_camvid(path, "train")]
    assert pairs == [
        (1, "train/a.png", "trainannot/a.png"),
        (2, "train/b c.png", "trainannot/b c.png"),
        (3, "test/d.png", None),
    ]
    path.write_text("a b c\n", "utf-8")
    with pytest.raises(LayoutError, match=r"train.txt:1: expected an image and a mask, found 3 words"):
        list(read_camvid(path, "train"))


def test_split_lists_may_hold_endings_blanks_and_comments(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b'# made by hand\r\n2007_000032\r\n\r\na.v1.png\r\n"b c"\r\n')
    assert list(read_names(path)) == [(2, "2007_000032"), (4, "a.v1"), (5, "b c")]


@pytest.mark.parametrize("text", ["/a.png", "../a.png", "a/../../b.png", "C:/a.png", "\\\\host\\a.png"])
def test_paths_that_leave_the_dataset_are_none(text):
    assert inside(text) is None
