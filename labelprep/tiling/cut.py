"""One sample cut up: mask and image together, ids never blended. Runs where a worker is; knows nothing of Dask."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xxhash
from numpy.typing import NDArray
from PIL import Image, ImageOps

from labelprep.batch import unpack
from labelprep.classes import ClassTable
from labelprep.dominance import Limit, dominating
from labelprep.findings import Finding
from labelprep.prepared import Row, image_path, mask_path
from labelprep.steps.count import ClassCounts
from labelprep.steps.palette import encode_mask, read_ids
from labelprep.steps.pillow import any_size
from labelprep.storage.atomic import write_atomic
from labelprep.tiling.boxes import Box, Edge, boxes

ImageFormat = Literal["png", "jpg"]
JPEG_QUALITY = 95


@dataclass(frozen=True)
class How:
    """How samples are cut up.

    Attributes:
        size: height and width of a crop; None keeps the whole image.
        stride: rows and columns between crops; None for as many as a crop has.
        scale: factor on both sides before cropping; images are interpolated, masks take the nearest id.
        resize: height and width before cropping, in place of `scale`.
        edge: crops at the lower and right edge; see `boxes`.
        min_valid: least share of a crop's pixels that must not be ignored.
        drop_dominated: crops that a class fills are left out.
        image_format: of the written images.
    """

    size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    scale: float = 1.0
    resize: tuple[int, int] | None = None
    edge: Edge = "shift"
    min_valid: float = 0.0
    drop_dominated: tuple[Limit, ...] = ()
    image_format: ImageFormat = "png"

    def target(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image after resizing."""
        if self.resize is not None:
            return self.resize
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))

    def boxes(self, height: int, width: int) -> Iterator[Box]:
        """The crops of an image of that size, after resizing."""
        image = self.target(height, width)
        size = self.size or image
        return boxes(image, size, self.stride or size, self.edge)

    def smaller(self, height: int, width: int) -> str | None:
        """What becomes of an image of that size if it is smaller than a crop; None if it is not, or is padded.

        >>> How(size=(512, 512)).smaller(360, 640)
        'height 360, width 640, and a crop has 512, 512: its crops are smaller than that'
        """
        image, size = self.target(height, width), self.size or (1, 1)
        if self.edge == "pad" or (image[0] >= size[0] and image[1] >= size[1]):
            return None
        resized = "" if image == (height, width) else " after resizing"
        becomes = "left out" if self.edge == "drop" else "its crops are smaller than that"
        return f"height {image[0]}, width {image[1]}{resized}, and a crop has {size[0]}, {size[1]}: {becomes}"


@dataclass(frozen=True)
class Context:
    """What all samples of a run share.

    Attributes:
        out: the prepared folder that is written.
        table: the class table.
        how: how samples are cut up.
        options: those of the set that is cut up, which say how its masks are written.
    """

    out: Path
    table: ClassTable
    how: How
    options: dict[str, Any]

    def to_json(self) -> str:
        """For the way to a worker; `from_json` is the way back."""
        return json.dumps(
            {"out": str(self.out), "table": self.table.to_dict(), "how": asdict(self.how), "options": self.options}
        )

    @staticmethod
    @lru_cache(maxsize=4)
    def from_json(text: str) -> Context:
        """The context that `to_json` wrote."""
        values = json.loads(text)
        how: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values["how"].items()}
        how["drop_dominated"] = tuple(Limit(*pair) for pair in how["drop_dominated"])
        return Context(Path(values["out"]), ClassTable.from_dict(values["table"]), How(**how), values["options"])


def tile_batch(blob: bytes) -> Iterator[bytes]:
    """Cuts up a batch of samples; gives an answer for each as soon as it is done.

    Args:
        blob: what `batch.pack` makes of the context and the samples: key, split, source, mask, image.
    """
    text, samples = unpack(blob)
    context = Context.from_json(text)
    for ordinal, sample in samples:
        rows, findings = cut(sample, context)
        answer = {"n": ordinal, "rows": [row.__dict__ for row in rows], "findings": [f.to_dict() for f in findings]}
        yield json.dumps(answer).encode()


def cut(sample: dict[str, Any], context: Context) -> tuple[list[Row], list[Finding]]:
    """Writes the crops of one sample; gives their manifest rows and what was left out.

    Raises:
        EnvironmentFailure: where the output cannot be written.
    """
    key, how, table = sample["key"], context.how, context.table
    where = {"key": key, "path": sample["source"]}
    if (missing := _missing(sample["image"])) is not None:
        return [], [Finding.of("image-missing", missing[0], severity="error", fix=missing[1], **where)]
    try:
        data = Path(sample["mask"]).read_bytes()
        ids = read_ids(sample["mask"])
        image = _image(sample["image"], ids.shape)
    except Exception as error:  # noqa: BLE001 - decoders raise anything
        return [], [Finding.of("image-unreadable", f"cannot be cut up: {error}", **where)]
    height, width = how.target(*ids.shape)
    if (height, width) != ids.shape:
        ids = np.asarray(Image.fromarray(ids).resize((width, height), Image.Resampling.NEAREST))
        image = image.resize(
            (width, height), Image.Resampling.BOX if height < image.height else Image.Resampling.BICUBIC
        )
    facts = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    rows: list[Row] = []
    findings: list[Finding] = []
    if (smaller := how.smaller(sample["height"], sample["width"])) is not None:
        findings.append(Finding.of("tile-smaller", smaller, **where))
    for box in how.boxes(sample["height"], sample["width"]):
        part = _part(ids, box, table.ignore_index)
        counts = ClassCounts.of(part, len(table), table.ignore_index)
        name = f"{key}_y{box.y:05d}_x{box.x:05d}" if how.size else key
        if (why := _unwanted(counts, how, table)) is not None:
            findings.append(Finding.of("tile-dropped", f"{name}: {why}", **where))
            continue
        rows.append(_write(name, part, image, box, counts, sample, facts, context))
    return rows, findings


def _missing(image: str | None) -> tuple[str, str | None] | None:
    """What to say, and what to do, of an image that is not there; None for one that is."""
    if image is None:
        return "cannot be cut up: it has no image", None
    moved = "--images DIR, the folder where they lie now"
    return None if Path(image).exists() else (f"cannot be cut up: its image {image} is not there", moved)


def _image(path: str, shape: tuple[int, ...]) -> Image.Image:
    with any_size(), Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened) if opened.size != shape[::-1] else opened
        image.load()
        if image.size != shape[::-1]:
            message = f"the image is {image.width}x{image.height}, the mask {shape[1]}x{shape[0]}"
            raise ValueError(message)
        return image.convert("RGB")


def _part(ids: NDArray[Any], box: Box, ignore_index: int) -> NDArray[Any]:
    """The ids of a crop; what lies beyond the mask is ignored."""
    part = ids[box.y : box.y + box.height, box.x : box.x + box.width]
    beyond = ((0, box.height - part.shape[0]), (0, box.width - part.shape[1]))
    return np.ascontiguousarray(np.pad(part, beyond, constant_values=ignore_index))


def _unwanted(counts: ClassCounts, how: How, table: ClassTable) -> str | None:
    valid = int(counts.pixels.sum())
    if valid < how.min_valid * counts.total:
        return f"{valid / counts.total:.1%} of its pixels are valid, less than {how.min_valid:.1%}"
    if (found := dominating(counts.pixels.tolist(), how.drop_dominated)) is not None:
        return f"{table.names[found[0].id]} fills {found[1]:.1%} of it, {found[0].share:.1%} or more"
    return None


def _write(
    name: str,
    part: NDArray[Any],
    image: Image.Image,
    box: Box,
    counts: ClassCounts,
    sample: dict[str, Any],
    facts: dict[str, Any],
    context: Context,
) -> Row:
    options, ending = context.options, f".{context.how.image_format}"
    words = {word: options[word] for word in ("mask_mode", "palette", "png_level") if word in options}
    write_atomic(mask_path(context.out, name), encode_mask(part, context.table, **words))
    picture = io.BytesIO()
    crop = image.crop((box.x, box.y, box.x + box.width, box.y + box.height))
    if ending == ".png":
        crop.save(picture, "PNG", compress_level=1)
    else:
        crop.save(picture, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    write_atomic(image_path(context.out, name, ending), picture.getvalue())
    plain = part if part.dtype == np.uint8 else part.astype("<u2")
    return Row(
        name,
        sample["source"],
        f"images/{name}{ending}",
        sample["split"],
        **facts,
        height=box.height,
        width=box.width,
        xxh3=xxhash.xxh3_128_hexdigest(plain.data),
        pixels=tuple(counts.pixels.tolist()),
        ignored=counts.ignored,
    )
