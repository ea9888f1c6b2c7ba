"""The known word that somebody may have meant, as the end of a message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

LAYOUTS_ELSEWHERE: Final = MappingProxyType(  # what others call them, in small letters and digits alone
    {
        "webdataset": "wds",
        "tar": "wds",
        "shards": "wds",
        "huggingface": "hf",
        "imagefolder": "hf",
        "datasets": "hf",
        "parquet": "hf-parquet",
        "arrow": "hf-parquet",
        "yolo": "ultralytics",
        "yoloseg": "ultralytics",
        "yolov8": "ultralytics",
        "yolov8seg": "ultralytics",
        "openmmlab": "mmseg",
        "mmsegmentation": "mmseg",
        "pascal": "voc",
        "pascalvoc": "voc",
        "segmentationmask": "voc",
        "segnet": "camvid",
        "kaggle": "camvid-kaggle",
        "vistas": "mapillary",
        "mmdet": "coco",
        "mmdetection": "coco",
        "detectron2": "coco",
        "pycocotools": "coco",
        "cocopanoptic": "coco",
        "csv": "pairs",
        "folders": "mirror",
    }
)


def nearest(word: object, known: Iterable[str], also: Mapping[str, str] = LAYOUTS_ELSEWHERE) -> str | None:
    """The known word that another one means elsewhere, or looks most like, or begins; None where there is none.

    Args:
        word: what was given; anything but a text has no nearest one.
        known: the words that there are.
        also: known words by what others call them.

    >>> nearest("Voc", ["voc", "coco"]), nearest("web-dataset", ["wds", "voc"]), nearest("train", ["wds", "voc"])
    ('voc', 'wds', None)
    """
    import difflib

    if not isinstance(word, str) or not word:
        return None
    lower, by_lower = word.lower(), {candidate.lower(): candidate for candidate in known}
    elsewhere = also.get(re.sub(r"[\W_]", "", lower))
    longer = [candidate for candidate in by_lower if candidate.startswith(lower)]
    if elsewhere in by_lower and not longer:
        return by_lower[elsewhere]
    found = difflib.get_close_matches(lower, by_lower, 1) or longer
    return by_lower[found[0]] if found else None


def did_you_mean(word: object, known: Iterable[str], also: Mapping[str, str] = LAYOUTS_ELSEWHERE) -> str:
    """`; did you mean 'color'?`, or nothing; arguments as of `nearest`.

    >>> did_you_mean("colour", ["color", "id"])
    "; did you mean 'color'?"
    """
    near = nearest(word, known, also)
    return f"; did you mean {near!r}?" if near is not None else ""
