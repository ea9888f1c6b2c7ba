"""From an annotation to pixels: what `decode` is to a mask's file, this is to outlines, run lengths and segments."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
import orjson

from labelprep.errors import DamagedFileError
from labelprep.findings import Finding
from labelprep.formats.polygons.cityscapes import read_cityscapes
from labelprep.formats.polygons.collected import read_collected
from labelprep.formats.polygons.forms import ONE_FILE
from labelprep.formats.polygons.labelme import read_labelme
from labelprep.formats.polygons.shapes import MAX_BYTES, Drawing, refuse_large
from labelprep.formats.polygons.yolo import read_yolo
from labelprep.steps import images
from labelprep.steps.coded import Coded, encode
from labelprep.steps.decode import decode
from labelprep.steps.decoded import Decoded
from labelprep.steps.labels import PANOPTIC
from labelprep.steps.plan import Sample

_FORMS = {"coco": "COCO JSON", "cvat": "CVAT XML"}


@dataclass(frozen=True, eq=False)
class Source:
    """The bytes of a sample's mask or annotation.

    Attributes:
        data: of the file; empty where the annotation lies in a file of many.
        notes: what a file of many says of this sample.
    """

    data: bytes
    notes: bytes = b""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data) + len(self.notes)

    @property
    def sha256(self) -> str:
        """Of all of them."""
        return (
            hashlib.sha256(self.data + self.notes).hexdigest() if self.notes else hashlib.sha256(self.data).hexdigest()
        )


def read_source(sample: Sample) -> Source:
    """Reads what a sample is made of.

    Raises:
        OSError: where the file cannot be read.
    """
    notes = b"" if sample.annotation is None else sample.annotation.encode()
    if sample.form in ONE_FILE:
        return Source(b"", notes)
    return Source(sample.mask.read_bytes(), notes)


@dataclass(frozen=True)
class Drawn:
    """How annotations are drawn.

    Attributes:
        max_pixels: larger ones are refused before anything is drawn.
        exif_rotate: sizes are those of the image after its EXIF rotation.
        undrawn: labels that are passed over.
    """

    max_pixels: int
    exif_rotate: bool = False
    undrawn: Collection[str] = field(default_factory=frozenset)


def decode_annotation(sample: Sample, source: Source, how: Drawn) -> tuple[Decoded, list[Finding]]:
    """The labels of an annotation as pixels, and what was wrong with its shapes.

    Args:
        sample: whose `form` tells the dialect, and whose image the size where the annotation does not.
        source: its bytes.
        how: limits, and what is not drawn.

    Raises:
        DamagedFileError: for an annotation that is none, and one too large.
        MissingExtraError: pycocotools is wanted and not installed.
    """
    if sample.form == "coco-panoptic":
        return _segments(source, how), []
    if source.size > MAX_BYTES:
        message = f"{source.size:,} bytes; an annotation of one image has at most {MAX_BYTES:,}"
        raise DamagedFileError(message)
    drawing = _drawing(sample, source, how)
    if drawing.size is None:
        drawing = replace(drawing, size=_image_size(sample, how, drawing.format))
    width, height = drawing.size or (0, 0)
    refuse_large(width, height, how.max_pixels)
    from labelprep.steps.rasterise import rasterise

    codes, labels = rasterise(drawing, (width, height), by_fifths=sample.form in ONE_FILE, undrawn=how.undrawn)
    found = drawing.faults.findings()
    if not drawing.shapes and not found:
        found.append(Finding.of("empty-annotation", "there is no shape in it"))
    return Decoded(
        "labels", encode(codes.view(np.uint32) if codes.dtype == np.int32 else codes), drawing.format, "", labels=labels
    ), found


def _drawing(sample: Sample, source: Source, how: Drawn) -> Drawing:
    if sample.form in ONE_FILE:
        return read_collected(source.notes, _FORMS[sample.form], how.max_pixels)
    if sample.form == "labelme":
        return read_labelme(source.data)
    if sample.form == "cityscapes-polygons":
        return read_cityscapes(source.data)
    return read_yolo(source.data, _image_size(sample, how, "YOLO segments"))


def _image_size(sample: Sample, how: Drawn, form: str) -> tuple[int, int]:
    """(width, height) of the image, for annotations that do not say it.

    Raises:
        DamagedFileError: without an image, or with one that cannot be read.
    """
    if sample.image is None:
        message = f"{form} without width and height, and there is no image that would tell them"
        raise DamagedFileError(message, code="size-unknown")
    try:
        return images.shown_size(sample.image, exif_rotate=how.exif_rotate)
    except OSError as error:
        message = f"the image {sample.image.name} cannot be read: {error.strerror or error}"
        raise DamagedFileError(message, code="size-unknown") from error


def _segments(source: Source, how: Drawn) -> Decoded:
    """A panoptic PNG: red + 256 green + 65536 blue is the segment, and 0 is none."""
    picture = decode(source.data, max_pixels=how.max_pixels)
    if picture.kind != "rgb" or picture.alpha is not None:
        message = f"a panoptic PNG has three channels, this is {picture.format} {picture.mode}"
        raise DamagedFileError(message, code="unsupported-mode")
    coded = picture.coded
    segments: dict[str, str] = orjson.loads(source.notes)
    used = coded.used()
    values = np.zeros(len(coded.values), np.uint32)
    places: dict[str, int] = {}
    for i in used.tolist():
        value = str(int(coded.values[i]))
        label = segments.get(value, "" if value == "0" else f"segment {value} that is not listed")
        values[i] = places.setdefault(label, len(places) + 1) if label else 0
    return Decoded("labels", Coded(values, coded.pixels, coded.first, coded.codes), PANOPTIC, "", labels=tuple(places))
