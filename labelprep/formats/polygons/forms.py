"""Which layouts hold annotations instead of masks, and which files those are."""

from __future__ import annotations

from types import MappingProxyType

ENDINGS_OF = MappingProxyType({"labelme": ".json", "cityscapes-polygons": ".json", "yolo-segment": ".txt"})
"""Layouts with one annotation an image, and what it ends in."""

ONE_FILE = ("coco", "cvat")
"""Layouts with all annotations in one file."""

COLLECTED = (*ONE_FILE, "coco-panoptic")
"""Layouts whose images are listed in one file."""

ANNOTATED = frozenset({*ENDINGS_OF, *COLLECTED})
