"""Which layouts hold annotations instead of masks, and which files those are."""

from __future__ import annotations

from types import MappingProxyType

ENDINGS_OF = MappingProxyType({"labelme": ".json", "cityscapes-polygons": ".json", "yolo-segment": ".txt"})
"""Layouts with one annotation an image, and what it ends in."""

COLLECTED = ("coco", "coco-panoptic", "cvat")
"""Layouts with one file for many images."""

ANNOTATED = frozenset({*ENDINGS_OF, *COLLECTED})
