import numpy as np
import pytest
from PIL import Image

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import DamagedFileError, UsageError
from labelprep.scoring.mask_folders import count_folder, ids_of, mask_files
from labelprep.steps.palette import save_palette

TABLE = ClassTable.build([ClassRow(name, ((i, 9, 9),)) for i, name in enumerate(("a", "b", "c"))])


def gray(path, rows):
    Image.fromarray(np.array(rows, np.uint8)).save(path)


def test_palette_and_gray_masks_are_counted_by_index(tmp_path):
    (tmp_path / "deep").mkdir()
    save_palette(tmp_path / "a.png", np.array([[0, 2, 255]], np.uint8), TABLE)
    gray(tmp_path / "deep" / "B.PNG", [[1, 1], [2, 0]])
    (tmp_path / "notes.txt").write_text("no mask")
    counts = count_folder(tmp_path, TABLE)
    assert counts.to_dict() == {
        "pixels": [2, 2, 2],
        "images": [2, 1, 2],
        "pixels_where_present": [6, 4, 6],
        "ignored": 1,
        "total": 7,
        "masks": 2,
    }


def test_low_bit_gray_keeps_the_ids_of_the_file(tmp_path):
    # Pillow alone stretches 1-bit gray: 1 reads as 255, the ignore index
    Image.fromarray(np.array([[0, 1, 1]], bool)).save(tmp_path / "one_bit.png")
    assert count_folder(tmp_path, TABLE).pixels.tolist() == [1, 2, 0]


def test_every_file_that_cannot_be_used_is_listed_with_what_is_wrong(tmp_path):
    gray(tmp_path / "good.png", [[0]])
    gray(tmp_path / "high.png", [[3, 3, 200]])
    Image.new("RGB", (2, 2)).save(tmp_path / "colour.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    with pytest.raises(UsageError, match="3 files cannot be used") as caught:
        count_folder(tmp_path, TABLE)
    message = str(caught.value)
    assert "high.png: ids must be below 3 or 255, but there are 3 (2 pixels), 200 (1 pixels)" in message
    assert "colour.png: holds PNG of mode RGB, not ids" in message
    assert "torn.png: " in message
    assert "good.png" not in message


def test_a_flipped_bit_is_never_counted(tmp_path):
    path = tmp_path / "a.png"
    gray(path, np.arange(64).reshape(8, 8) % 3)
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFileError):
        ids_of(path)


def test_a_folder_without_masks_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="holds no PNG file"):
        list(mask_files(tmp_path))


def test_a_long_list_of_problems_is_cut_with_its_number(tmp_path):
    for i in range(25):
        gray(tmp_path / f"{i:02}.png", [[9]])
    with pytest.raises(UsageError, match="25 files cannot be used") as caught:
        count_folder(tmp_path, TABLE)
    assert "… and 5 more" in str(caught.value)
