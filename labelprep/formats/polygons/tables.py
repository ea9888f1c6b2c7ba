"""The classes that a file of annotations names: COCO's categories, CVAT's labels."""

from __future__ import annotations

from labelprep.class_rows import ClassRow
from labelprep.formats.polygons import coco, cvat
from labelprep.formats.polygons.find import looks_like_coco
from labelprep.storage.place import Place


def read_annotated(path: Place) -> tuple[ClassRow, ...] | None:
    """The rows, in the order of their ids; None for a file that is none of annotations.

    Raises:
        ClassTableError: for one that cannot be read, or that names no classes.
        MissingExtraError: without what the extra `coco` brings.
    """
    ending = path.name.lower().rpartition(".")[2]
    if ending == "xml":
        return cvat.read_labels(path)
    return coco.read_categories(path) if ending == "json" and looks_like_coco(path) else None
