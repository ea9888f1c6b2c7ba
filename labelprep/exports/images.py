"""Images for readers that do not take them as they are: PNG, without further loss."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from labelprep.errors import DamagedFileError, UsageError
from labelprep.png import chunks
from labelprep.steps.pillow import any_size
from labelprep.storage.place import Place, Remote, for_pillow

_RGB = 2  # color type of PNG


def is_rgb_png(path: Place) -> bool:
    """Whether a file is an 8-bit RGB PNG, which every reader takes as three channels."""
    try:
        head = path.read_range(0, 33) if isinstance(path, Remote) else _head(path)
        header = chunks.read_header(head)
    except DamagedFileError:
        return False
    return (header.color_type, header.depth) == (_RGB, 8)


def _head(path: Place) -> bytes:
    with path.open("rb") as file:
        return bytes(file.read(33))


def as_png(path: Place, *, turned: bool) -> bytes:
    """An image as RGB PNG: the pixels that a decoder gives, without further loss.

    Args:
        path: the image.
        turned: its mask was drawn on it as its EXIF orientation shows it; a PNG that says nothing must be turned.

    Raises:
        DamagedFileError: for what is no image, or half of one.
        UsageError: for more than 8 bits a channel, which RGB PNGs of most readers do not have.
    """
    out = io.BytesIO()
    try:
        with any_size(), Image.open(for_pillow(path)) as image:
            image.load()
            if image.mode[0] in "IF":
                message = f"has {image.mode} pixels, and this layout takes 8-bit RGB images"
                raise UsageError(message, path=path, hint="scale the images to 8 bits first, or take another layout")
            shown = ImageOps.exif_transpose(image) if turned else image
            shown.convert("RGB").save(out, "PNG", compress_level=1)
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = f"cannot be read: {error}"
        raise DamagedFileError(message, path=path) from error
    return out.getvalue()
