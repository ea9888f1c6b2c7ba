"""The image beside a mask: does it fit, and does it come along?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from labelprep.atomic import discard, temporary_name
from labelprep.errors import DamagedFileError, EnvironmentFailure
from labelprep.findings import Finding
from labelprep.png import chunks
from labelprep.steps.pillow import any_size

TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_ORIENTATION = 0x0112


def check_image(path: Path | None, mask_size: tuple[int, int], *, exif_rotate: bool) -> list[Finding]:
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
        return [Finding.of("unreadable-file", f"the image {path.name} cannot be read: {error.strerror or error}")]
    except DamagedFileError as error:
        return [Finding.of("image-unreadable", f"the image {path.name} cannot be read: {error.message}")]
    turned = size[::-1] if orientation in TRANSPOSED else size
    shown = turned if exif_rotate else size
    if shown == mask_size:
        return []
    message = f"image {shown[0]}x{shown[1]}, mask {mask_size[0]}x{mask_size[1]}"
    if turned == mask_size:
        return [Finding.of("size-differs-exif", f"{message}: the image's EXIF orientation {orientation} turns it")]
    return [Finding.of("size-differs", message)]


def _size(path: Path, wanted: tuple[int, int], *, exif_rotate: bool) -> tuple[tuple[int, int], int]:
    """(width, height) as stored, and the EXIF orientation where it matters (1 elsewhere).

    Raises:
        DamagedFileError: where the header cannot be read.
        OSError: where the file cannot.
    """
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(33)
        if head.startswith(chunks.SIGNATURE):
            header = chunks.read_header(head)
            if (header.width, header.height) == wanted and not exif_rotate:
                return wanted, 1
        with any_size(), Image.open(path) as image:
            return image.size, int(image.getexif().get(_ORIENTATION, 1))
    except DamagedFileError:
        raise
    except UnidentifiedImageError as error:  # whose own message holds the whole path
        message = f"not an image (first bytes {head[:8]!r})" if head else "the file is empty"
        raise DamagedFileError(message) from error
    except Exception as error:  # plugins raise anything for damaged headers
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = str(error) or type(error).__name__
        raise DamagedFileError(message) from error


def bring(source: Path, target: Path, link: str) -> None:
    """Hard-links or copies an image into the prepared folder, whole or not at all.

    Args:
        source: the image.
        target: where it goes.
        link: `hard` or `copy`.

    Raises:
        EnvironmentFailure: where the file system does not allow it.
    """
    temporary = temporary_name(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
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
