"""The image beside a mask: does it fit, and does it come along?"""

from __future__ import annotations

import io
import os
import shutil
from contextlib import suppress
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from labelprep.errors import DamagedFileError, EnvironmentFailure
from labelprep.findings import Finding
from labelprep.png import chunks
from labelprep.steps.pillow import any_size
from labelprep.storage.atomic import discard, temporary_name, write_atomic
from labelprep.storage.place import File, Member, Place, Readable, Remote, first_bytes, for_pillow

TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_ORIENTATION = 0x0112
_FIRST = 33  # bytes of a PNG's header
_HEAD = 1 << 16  # bytes of an object that nearly always hold the header


def check_image(path: Readable | None, mask_size: tuple[int, int], *, exif_rotate: bool) -> list[Finding]:
    """Findings about an image beside a mask of `mask_size` (width, height); only its header is read.

    Args:
        path: the image, or None where the mask has none (the plan tells that).
        mask_size: (width, height) of the mask.
        exif_rotate: the mask was drawn on the image as its EXIF orientation shows it.
    """
    if path is None:
        return []
    try:
        size, orientation = _size(path, mask_size, exif_rotate=exif_rotate)
    except OSError as error:  # the place is to blame, and not the file
        return [Finding.of("unreadable-file", f"the image {_name(path)} cannot be read: {error.strerror or error}")]
    except DamagedFileError as error:
        return [Finding.of("image-unreadable", f"the image {_name(path)} cannot be read: {error.message}")]
    turned = size[::-1] if orientation in TRANSPOSED else size
    shown = turned if exif_rotate else size
    if shown == mask_size:
        return []
    message = f"image {shown[0]}x{shown[1]}, mask {mask_size[0]}x{mask_size[1]}"
    if turned == mask_size:
        return [Finding.of("size-differs-exif", f"{message}: the image's EXIF orientation {orientation} turns it")]
    return [Finding.of("size-differs", message)]


def shown_size(path: Readable, *, exif_rotate: bool) -> tuple[int, int]:
    """(width, height) of an image, with `exif_rotate` as its EXIF orientation shows it.

    Raises:
        DamagedFileError: where its header cannot be read.
        OSError: where the file cannot.
    """
    size, orientation = _size(path, (0, 0), exif_rotate=exif_rotate)
    return size[::-1] if exif_rotate and orientation in TRANSPOSED else size


def _name(path: Readable) -> str:
    return path.name.rpartition("/")[2]


def _size(path: Readable, wanted: tuple[int, int], *, exif_rotate: bool) -> tuple[tuple[int, int], int]:
    """(width, height) as stored, and the EXIF orientation where it matters (1 elsewhere).

    Raises:
        DamagedFileError: where the header cannot be read.
        OSError: where the file cannot.
    """
    head = b""
    try:
        head = first_bytes(path, _FIRST if isinstance(path, File | Path) else _HEAD)
        if head.startswith(chunks.SIGNATURE):
            header = chunks.read_header(head[:33])
            if (header.width, header.height) == wanted and not exif_rotate:
                return wanted, 1
        return _opened_size(path, head)
    except (DamagedFileError, EnvironmentFailure):
        raise
    except UnidentifiedImageError as error:  # whose own message holds the whole path
        message = f"not an image (first bytes {head[:8]!r})" if head else "the file is empty"
        raise DamagedFileError(message) from error
    except Exception as error:  # plugins raise anything for damaged headers
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = str(error) or type(error).__name__
        raise DamagedFileError(message) from error


def _opened_size(path: Readable, head: bytes) -> tuple[tuple[int, int], int]:
    if not isinstance(path, File | Path) and len(head) < _HEAD:
        return _size_in(io.BytesIO(head))
    if not isinstance(path, File | Path):
        with suppress(Exception):  # the header may lie further behind
            return _size_in(io.BytesIO(head))
    return _size_in(for_pillow(path))


def _size_in(source: Path | io.BytesIO) -> tuple[tuple[int, int], int]:
    with any_size(), Image.open(source) as image:
        return image.size, int(image.getexif().get(_ORIENTATION, 1))


def bring(source: Readable, target: Place, link: str) -> None:
    """Hard-links or copies an image into the prepared folder, whole or not at all.

    Args:
        source: the image; one that lies in a container is copied in either case.
        target: where it goes.
        link: `hard` or `copy`.

    Raises:
        EnvironmentFailure: where the file system does not allow it.
    """
    if not isinstance(source, File | Path) or isinstance(target, Remote):
        _copy(source, target, "copy" if isinstance(source, Member) else link)
        return
    temporary = temporary_name(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if link == "hard":
            os.link(source, temporary)
        else:
            shutil.copyfile(source, temporary)
        os.replace(temporary, target)  # noqa: PTH105 - the atomic one on every system
        discard(temporary)  # replace leaves it where both names are one file already
    except OSError as error:
        discard(temporary)
        verb = "hard-link" if link == "hard" else "copy"
        message = f"cannot {verb} the image here: {error.strerror or error}"
        raise EnvironmentFailure(message, path=target, hint="--link copy works across file systems") from error


def _copy(source: Readable, target: Place, link: str) -> None:
    if link == "hard":
        message = "a store has no hard links"
        raise EnvironmentFailure(message, path=target, hint="--link copy works across file systems")
    try:
        data = source.read_bytes()
    except OSError as error:
        message = f"cannot copy the image: {error.strerror or error}"
        raise EnvironmentFailure(message, path=source, hint="was it removed meanwhile? run again") from error
    write_atomic(target, data)
