"""Files that are not what a dialect of annotations expects are told with what was expected and what was found."""

import pytest

from labelprep.errors import DamagedFileError
from labelprep.formats.polygons.cityscapes import read_cityscapes
from labelprep.formats.polygons.labelme import read_labelme


@pytest.mark.parametrize(
    ("read", "data", "message"),
    [
        (read_labelme, b"{", "not JSON"),
        (read_labelme, b"[]", "expected a labelme file with a list 'shapes', got a list"),
        (read_labelme, b'{"shapes": 3}', "expected a labelme file with a list 'shapes', got no such list"),
        (read_cityscapes, b'{"shapes": []}', "expected Cityscapes polygons with a list 'objects', got no such list"),
        (read_cityscapes, b'{"objects": [], "imgWidth": 0, "imgHeight": 4}', "imgWidth, imgHeight: expected width"),
    ],
)
def test_other_files_are_told(read, data, message):
    with pytest.raises(DamagedFileError, match=message):
        read(data)


def test_objects_without_a_label_are_faults_that_are_counted():
    drawing = read_cityscapes(b'{"objects": [{}, 3, {"label": "car", "deleted": 1}]}')
    assert (drawing.size, drawing.shapes) == (None, ())
    assert drawing.faults.found == {"broken-shape": (2, "object 1: expected an object with a label")}
