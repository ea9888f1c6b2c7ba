"""Every fault a person can bring: named, located and mended by the option that the finding names."""

import cv2
import numpy as np
import pytest
from PIL import Image

from labelprep.findings import CATALOGUE
from tests.dataset import COLORS, STREET, Dataset, blocks, labelprep, tree


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    for n in range(3):
        made.pair(f"good{n}", COLORS[blocks(n, ids=6)])
    return made


def validate(data, *options):
    return labelprep("validate", data.root, "--json", *options)


def only(result, code):
    found = [f for f in result.findings if f["code"] == code]
    assert found, f"{code} not among {result.codes}: {result.err}"
    return found[0]


def test_a_clean_set_has_no_findings(data):
    data.pair("void", COLORS[blocks(9, ids=6)])
    result = validate(data)
    assert (result.code, result.findings) == (0, [])
    assert result.summary["good"] == 4


def test_an_unknown_colour_has_pixels_place_nearest_class_and_distance(data):
    mask = COLORS[blocks()]
    mask[5, 6:9] = (71, 131, 180)
    data.pair("strange", mask)
    result = validate(data)
    found = only(result, "unknown-color")
    assert result.code == 1
    assert (found["color"], found["pixels"], found["xy"]) == ([71, 131, 180], 3, [6, 5])
    assert (found["nearest"], found["distance"], found["path"]) == ("sky", 1.4, "masks/strange.png")


def test_unknown_colours_are_written_as_the_policy_says_and_counted(data, tmp_path):
    mask = COLORS[blocks()]
    mask[0, 0] = (71, 130, 180)
    data.pair("strange", mask)
    for policy, expected, code in (
        ("ignore", 255, "ignored-colors"),
        ("nearest:3", 2, "snapped-colors"),
        ("map:car", 3, "mapped-colors"),
    ):
        out = tmp_path / policy.replace(":", "-")
        result = labelprep("convert", data.root, "-o", out, "--on-unknown", policy, "--json")
        assert result.code == 0
        assert only(result, code)["pixels"] == 1
        assert np.asarray(Image.open(out / "masks" / "strange.png"))[0, 0] == expected


def test_with_on_unknown_error_the_file_is_not_written_and_the_rest_is(data, tmp_path):
    mask = COLORS[blocks()]
    mask[0, 0] = (1, 2, 3)
    data.pair("strange", mask)
    result = labelprep("convert", data.root, "-o", tmp_path / "out")
    assert result.code == 3
    assert sorted(p.name for p in (tmp_path / "out" / "masks").iterdir()) == ["good0.png", "good1.png", "good2.png"]
    assert '"key":"strange"' in (tmp_path / "out" / "manifest.jsonl").read_text()
    assert "1 masks were not written" in result.out


def test_nearest_refuses_what_is_too_far(data, tmp_path):
    mask = COLORS[blocks()]
    mask[0, 0] = (71, 130, 180)
    mask[0, 1] = (90, 160, 180)
    data.pair("strange", mask)
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--on-unknown", "nearest:3", "--json")
    assert result.code == 3
    assert only(result, "unknown-color")["color"] == [90, 160, 180]


def test_a_mask_written_by_cv2_is_read_as_bgr_and_told(data, tmp_path):
    rgb = COLORS[blocks(7)]
    path = data.pair("swapped")
    cv2.imwrite(str(path), rgb)  # an RGB array handed to a function that wants BGR
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert result.code == 0
    assert only(result, "swapped-red-blue")["path"] == "masks/swapped.png"
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "swapped.png")), blocks(7))


def test_one_stray_pixel_does_not_hide_the_swap(data):
    rgb = COLORS[blocks(7)]
    rgb[3, 3] = (1, 2, 3)
    data.pair("swapped", np.ascontiguousarray(rgb[..., ::-1]))
    result = validate(data)
    assert only(result, "swapped-red-blue")
    assert [f["pixels"] for f in result.findings if f["code"] == "unknown-color"] == [1]


TWO_WAYS = (("red", (200, 0, 0)), ("blue", (0, 0, 200)), ("green", (0, 200, 0)), ("orange", (200, 100, 0)))


UNEVEN = blocks(ids=2) & (np.arange(24) >= 12)[:, None].astype(np.uint8)  # more red than blue, or the other way


def undecided(root, with_decided):
    data = Dataset(root, TWO_WAYS)
    data.pair("a", data.colors[UNEVEN])
    for n, order in enumerate(with_decided):
        rgb = data.colors[blocks(ids=4)]
        data.pair(f"decided{n}", rgb if order == "rgb" else np.ascontiguousarray(rgb[..., ::-1]))
    return data


@pytest.mark.parametrize(("others", "first"), [(["rgb", "rgb"], 0), (["bgr", "bgr"], 1)])
def test_a_mask_that_fits_both_orders_takes_the_order_of_the_others(tmp_path, others, first):
    data = undecided(tmp_path / "data", others)
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert result.code == 0
    ids = np.asarray(Image.open(tmp_path / "out" / "masks" / "a.png"))
    np.testing.assert_array_equal(ids, UNEVEN if first == 0 else 1 - UNEVEN)
    again = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert again.summary["converted_now"] == 0


@pytest.mark.parametrize("others", [[], ["rgb", "bgr"]])
def test_where_the_others_disagree_or_none_decided_it_is_an_error_with_the_shares_both_ways(tmp_path, others):
    data = undecided(tmp_path / "data", others)
    found = only(validate(data), "ambiguous-order")
    assert "as RGB red 70.8%, blue 29.2%; as BGR blue 70.8%, red 29.2%" in found["message"]
    assert "--color-order" in found["fix"]
    assert "ambiguous-order" not in validate(data, "--color-order", "rgb").codes


def test_gray_colours_need_no_order(tmp_path):
    data = Dataset(tmp_path / "data", (("black", (0, 0, 0)), ("gray", (90, 90, 90))))
    data.pair("a", data.colors[blocks(ids=2)])
    assert (validate(data).code, validate(data).findings) == (0, [])


def test_a_jpeg_mask_is_told_and_snaps_on_request(data, tmp_path):
    data.pair("smeared", COLORS[np.kron(blocks(ids=2), np.ones((4, 4), np.uint8))], ending=".jpg", quality=95)
    data.image("smeared", 96, 128)
    assert {"lossy-mask", "unknown-color"} <= validate(data).codes
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--on-unknown", "nearest:60", "--json")
    assert {"lossy-mask", "snapped-colors"} <= result.codes


def test_antialiased_edges_are_recognised(data):
    big = COLORS[np.kron(blocks(3, ids=3), np.ones((8, 8), np.uint8))]
    small = Image.fromarray(big).resize((64, 48), Image.Resampling.BILINEAR)
    data.mask("blended", small)
    data.image("blended", 48, 64)
    assert only(validate(data), "blended-edges")["pixels"] > 10


def test_a_table_that_is_off_by_a_little_is_told_once(data):
    for n in range(4):
        mask = COLORS[blocks(n)]
        mask[(mask == COLORS[2]).all(-1)] = (70, 130, 181)
        data.pair(f"off{n}", mask)
    found = [f for f in validate(data).findings if f["code"] == "off-table"]
    assert len(found) == 1
    assert "'sky' by 1" in found[0]["message"]


def test_truncated_and_flipped_files_are_damaged(data):
    whole = data.pair("cut").read_bytes()
    (data.root / "masks" / "cut.png").write_bytes(whole[: len(whole) // 2])
    data.pair("flipped")
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 4
    (data.root / "masks" / "flipped.png").write_bytes(broken)
    result = validate(data)
    assert {f["path"] for f in result.findings if f["code"] == "damaged-file"} == {"masks/cut.png", "masks/flipped.png"}
    assert result.code == 1


def test_empty_and_foreign_files_are_named(data):
    data.pair("empty").write_bytes(b"")
    data.pair("text").write_text("not a mask")
    paths = {f["path"] for f in validate(data).findings if f["code"] in ("damaged-file", "unreadable-file")}
    assert paths == {"masks/empty.png", "masks/text.png"}


def test_an_ending_that_lies_is_told_and_the_content_read(data, tmp_path):
    path = data.pair("liar")
    Image.fromarray(COLORS[blocks()]).save(path, "BMP")
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert only(result, "wrong-ending")["message"] == "the ending .png promises PNG, the content is BMP"
    assert (tmp_path / "out" / "masks" / "liar.png").is_file()


def test_sizes_that_differ_are_errors_and_exif_rotation_is_named(data):
    data.mask("small")
    data.image("small", 25, 32)
    data.mask("turned")
    exif = Image.Exif()
    exif[0x0112] = 6
    data.image("turned", 32, 24, ending=".jpg", exif=exif)
    result = validate(data)
    assert only(result, "size-differs")["message"] == "image 32x25, mask 32x24"
    assert only(result, "size-differs-exif")["fix"] == "--exif-rotate"
    assert "size-differs-exif" not in validate(data, "--exif-rotate").codes


def test_missing_images_and_masks_are_warnings_with_the_nearest_name(data):
    data.mask("goood1")
    data.image("lonely")
    result = validate(data)
    assert only(result, "image-missing")["path"] == "masks/goood1.png"
    assert only(result, "mask-missing")["path"] == "images/lonely.png"
    assert result.code == 0
    assert validate(data, "--fail-on", "warning").code == 1


def test_transparent_pixels_are_an_error_until_ignored_on_request(data, tmp_path):
    rgba = np.dstack([COLORS[blocks()], np.full((24, 32), 255, np.uint8)])
    rgba[2, 3:7, 3] = 0
    data.pair("erased", rgba)
    found = only(validate(data), "transparent-pixels")
    assert (found["pixels"], found["xy"]) == (4, [3, 2])
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--alpha", "ignore", "--json")
    assert result.code == 0
    ids = np.asarray(Image.open(tmp_path / "out" / "masks" / "erased.png"))
    assert (ids[2, 3:7] == 255).all()
    assert (ids == 255).sum() == 4


def test_an_alpha_channel_that_is_the_mask_is_recognised(data):
    rgba = np.zeros((24, 32, 4), np.uint8)
    rgba[..., 3] = blocks(ids=2) * 255
    data.pair("cutout", rgba)
    assert only(validate(data), "alpha-mask")


# --- index masks -----------------------------------------------------------------------------------------------------

PLAIN = tuple((f"class{i}", (10 * i, 200 - i, 30 + 7 * i)) for i in range(6))


@pytest.fixture
def plain(tmp_path):
    made = Dataset(tmp_path / "plain", PLAIN)
    made.pair("good", blocks(1, ids=6))
    return made


def test_gray_ids_equal_channels_and_sixteen_bits_are_read_as_ids(plain, tmp_path):
    ids = blocks(2, ids=6)
    plain.pair("equal", np.dstack([ids] * 3))
    plain.pair("wide", ids.astype(np.uint16))
    result = labelprep("convert", plain.root, "-o", tmp_path / "out", "--json")
    assert result.code == 0
    assert result.codes == {"equal-channels"}
    for key in ("equal", "wide"):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / f"{key}.png")), ids)


def test_an_id_out_of_range_has_pixels_and_place(plain):
    ids = blocks(2, ids=6)
    ids[1, 2] = 77
    plain.pair("strange", ids)
    found = only(validate(plain), "id-out-of-range")
    assert (found["pixels"], found["xy"]) == (1, [2, 1])
    assert "id 77" in found["message"]
    assert "0..5" in found["message"]


@pytest.mark.parametrize("background", [(1, 2, 3), (0, 0, 0)])
def test_a_0_255_binary_is_an_error_until_mapped(tmp_path, background):
    data = Dataset(tmp_path / "data", (("background", background), ("polyp", (4, 5, 6))))
    data.pair("a", blocks(ids=2) * np.uint8(255))
    found = only(validate(data), "binary-mask")
    assert found["fix"].startswith("--map 255=1;")
    assert "binary-mask" not in validate(data, "--map", "255=ignore").codes
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--map", "255=1")
    assert result.code == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "a.png")), blocks(ids=2))


def test_a_black_and_white_table_reads_0_255_as_its_colours_whatever_its_order(tmp_path):
    data = Dataset(tmp_path / "data", (("building", (255, 255, 255)), ("background", (0, 0, 0))))
    data.pair("gray", blocks(ids=2) * np.uint8(255))
    data.pair("rgb", data.colors[blocks(ids=2)])
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "gray.png")), 1 - blocks(ids=2))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "rgb.png")), blocks(ids=2))


def test_ids_shifted_by_one_are_recognised(plain):
    plain.pair("shifted", blocks(2, ids=6) + np.uint8(1))
    assert only(validate(plain), "shifted-ids")


def test_gray_stretched_per_image_is_recognised(plain):
    ids = blocks(2, ids=4)
    plain.pair("stretched", (ids.astype(int) * 255 // 3).astype(np.uint8))
    assert "cannot be recovered" in only(validate(plain), "stretched-gray")["fix"] + CATALOGUE["stretched-gray"].cause


def test_the_luma_of_a_palette_is_recognised(tmp_path):
    """cv2 in gray mode turns the VOC ids 0, 1, 2, 3 into 0, 38, 75, 113."""
    data = Dataset(tmp_path / "data")
    index = Image.fromarray(blocks(ids=4))
    index.putpalette(np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)], np.uint8).tobytes())
    path = data.pair("luma", index)
    gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert set(np.unique(gray)) == {0, 38, 75, 113}
    cv2.imwrite(str(path), gray)
    assert only(validate(data, "--classes", "preset:voc"), "palette-luma")


def palette_mask(ids, colors):
    image = Image.fromarray(ids)
    image.putpalette(np.asarray(colors, np.uint8).tobytes())
    return image


def test_a_palette_in_the_tables_order_needs_no_choice(data, tmp_path):
    data.pair("palette", palette_mask(blocks(4), COLORS))
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert (result.code, result.findings) == (0, [])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "palette.png")), blocks(4))


def test_a_palette_in_another_order_is_a_choice(data, tmp_path):
    data.pair("palette", palette_mask(blocks(4), COLORS[[1, 0, 2, 3, 4]]))
    found = only(validate(data), "palette-order")
    assert "--palette-meaning" in found["fix"]
    for meaning, expected in (("index", blocks(4)), ("colour", np.array([1, 0, 2, 3, 4], np.uint8)[blocks(4)])):
        out = tmp_path / meaning
        assert labelprep("convert", data.root, "-o", out, "--palette-meaning", meaning).code == 0
        np.testing.assert_array_equal(np.asarray(Image.open(out / "masks" / "palette.png")), expected)


def test_palette_colours_are_meant_where_indices_are_out_of_range(data, tmp_path):
    shifted = np.zeros((256, 3), np.uint8)
    shifted[40:45] = COLORS[:5]
    data.pair("palette", palette_mask(blocks(4) + np.uint8(40), shifted))
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "palette.png")), blocks(4))


def test_a_decorative_palette_means_its_indices_with_a_warning_where_some_colours_fit(data, tmp_path):
    decorative = np.array([COLORS[0], (9, 9, 9), (8, 8, 8), (7, 7, 7), (6, 6, 6)])
    data.pair("palette", palette_mask(blocks(4), decorative))
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert result.codes == {"palette-misfit"}
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "palette.png")), blocks(4))


def test_index_255_of_a_palette_is_ignored_and_does_not_vote(data, tmp_path):
    colors = np.zeros((256, 3), np.uint8)
    colors[:5] = COLORS[:5]
    colors[255] = (224, 224, 192)
    ids = blocks(4)
    ids[:3] = 255
    data.pair("palette", palette_mask(ids, colors))
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert (result.code, result.findings) == (0, [])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "palette.png")), ids)


def test_index_255_stays_ignored_where_a_palette_is_filled_up_with_a_class_colour(data, tmp_path):
    """Lists of colours are often padded with zeros to 256 entries, and black is a class."""
    filled = np.zeros((256, 3), np.uint8)
    filled[:6] = COLORS
    ids = blocks(4, ids=6)
    ids[:3] = 255
    data.pair("palette", palette_mask(ids, filled))
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert (result.code, result.findings) == (0, [])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "palette.png")), ids)


def test_a_palette_mask_of_background_and_ignored_pixels_is_no_binary(tmp_path):
    data = Dataset(tmp_path / "data", (("background", (0, 0, 0)), ("polyp", (128, 0, 0))))
    colors = np.zeros((256, 3), np.uint8)
    colors[255] = (224, 224, 192)
    data.pair("a", palette_mask(blocks(ids=2), data.colors))
    data.pair("b", palette_mask(blocks(ids=2) * np.uint8(255), colors))
    assert validate(data).findings == []


def test_one_bit_masks_are_ids_where_white_is_no_class(tmp_path):
    data = Dataset(tmp_path / "data", (("background", (0, 0, 0)), ("polyp", (128, 0, 0))))
    data.pair("a", Image.fromarray(blocks(ids=2) * np.uint8(255)).convert("1"))
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert (result.code, result.findings) == (0, [])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "a.png")), blocks(ids=2))


# --- the whole set ---------------------------------------------------------------------------------------------------


def test_a_class_that_never_appears_is_a_warning(data):
    for n in range(3):
        data.mask(f"good{n}", COLORS[blocks(n, ids=4)])
    result = validate(data)
    assert "'person'" in only(result, "absent-class")["message"]


def test_copies_and_leaks_between_splits_are_found_by_content(tmp_path):
    data = Dataset(tmp_path / "data")
    for split, key in (("train", "a"), ("train", "b"), ("val", "c")):
        data.image(f"{split}/{key}", seed=1 if key != "b" else 2)
        data.mask(f"{split}/{key}")
    result = validate(data)
    assert "train/a" in only(result, "leaked-split")["message"]
    assert "2 samples hold the same image, with the same mask" in only(result, "duplicate-files")["message"]
    assert result.code == 1


def test_two_masks_for_one_image_and_names_that_collide_are_refused(data):
    data.pair("twice")
    data.mask("twice", ending=".bmp")
    data.pair("Name")
    data.pair("name")
    result = validate(data)
    assert only(result, "two-masks")
    assert only(result, "name-collision")
    assert result.summary["masks"] == 3


def test_duplicate_colours_are_an_error_with_a_choice(tmp_path):
    data = Dataset(tmp_path / "data", (("person", (255, 0, 0)), ("conflicting", (255, 0, 0)), ("car", (9, 30, 150))))
    data.pair("a", data.colors[blocks(ids=3)])
    result = labelprep("convert", data.root, "-o", tmp_path / "out")
    assert result.code == 2
    assert "class_dict.csv:3" in result.err
    assert "--on-duplicate-color" in result.err
    assert not (tmp_path / "out").exists()
    assert only(validate(data, "--on-duplicate-color", "first"), "duplicate-color")["severity"] == "note"


def test_validate_writes_nothing(data, tmp_path):
    before = tree(tmp_path)
    validate(data)
    assert tree(tmp_path) == before


def test_findings_are_grouped_with_three_examples_cause_and_mend(data):
    for n in range(5):
        mask = COLORS[blocks(n)]
        mask[0, 0] = (1 + n, 200, 3)
        data.pair(f"strange{n}", mask)
    text = labelprep("validate", data.root).out
    assert "ERROR unknown colour: 5, 5 pixels  [unknown-color]" in text
    assert text.count("e.g. masks/strange") == 3
    assert "cause:" in text
    assert "--on-unknown" in text


def test_every_kind_of_finding_has_cause_and_title():
    for code, kind in CATALOGUE.items():
        assert kind.code == code
        assert kind.title
        assert kind.cause


def test_the_street_table_decides_the_order():
    """The tests above rest on it."""
    colors = {color for _, color in STREET}
    assert not all(color[::-1] in colors for color in colors)
