"""Ways to spoil files and pairs, as programs and people do. Each changes one scene and gives the file to look at."""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

from PIL import Image

ORIENTATION, QUARTER = 0x0112, 6  # EXIF: to be turned right by a quarter for viewing
HUGE = 30_000  # pixels a side
NOWHERE = "scene_9999"


def image_of(mask: Path) -> Path:
    """The image beside a mask of the mirrored layout."""
    return mask.parents[2] / "images" / mask.parent.name / mask.name


def cut_off(mask: Path) -> Path:
    """Loses the second half of the file, as a broken download does."""
    mask.write_bytes(mask.read_bytes()[: mask.stat().st_size // 2])
    return mask


def cut_off_image(mask: Path) -> Path:
    """Loses all of the image but its first bytes."""
    image = image_of(mask)
    image.write_bytes(image.read_bytes()[:20])
    return image


def link_outside(mask: Path) -> Path:
    """Leaves a link in the file's place that leads out of the dataset."""
    link = mask.with_suffix(".link")
    link.symlink_to(Path("..", "..", "..", "..", mask.name))  # refused here where the system has no links
    return link.replace(mask)


def inflate(mask: Path) -> Path:
    """Puts a PNG of 900 million pixels in the file's place."""
    header = struct.pack(">IIBBBBB", HUGE, HUGE, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(64 * (1 + HUGE // 8)))  # a few of them: the header alone is judged
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    mask.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return mask


def as_cmyk(mask: Path) -> Path:
    """Saves the mask in the colours of a print shop."""
    return _saved_as(mask, ".tif", "CMYK")


def as_jpeg(mask: Path) -> Path:
    """Saves the mask as JPEG."""
    return _saved_as(mask, ".jpg", "RGB")


def _saved_as(mask: Path, ending: str, mode: str) -> Path:
    path = mask.with_suffix(ending)
    with Image.open(mask) as image:
        image.convert(mode).save(path)
    mask.unlink()
    return path


def as_bmp(mask: Path) -> Path:
    """Saves a BMP under the ending of a PNG."""
    with Image.open(mask) as image:
        image.load()
    image.save(mask, format="BMP")
    return mask


def name_as_device(mask: Path) -> Path:
    """Gives image and mask a name that Windows keeps for itself."""
    renamed = mask.rename(mask.with_stem("aux"))
    image_of(mask).rename(image_of(renamed))
    return renamed


def lose_image(mask: Path) -> Path:
    """Deletes the image."""
    image_of(mask).unlink()
    return image_of(mask)


def lose_mask(mask: Path) -> Path:
    """Deletes the mask."""
    mask.unlink()
    return mask


def halve(mask: Path) -> Path:
    """Makes the mask half as wide and high."""
    with Image.open(mask) as image:
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.NEAREST)
    half.save(mask)
    return mask


def turn_image(mask: Path) -> Path:
    """Stores the image on its side with a note in EXIF that turns it back, as phones do."""
    exif = Image.Exif()
    exif[ORIENTATION] = QUARTER
    with Image.open(image_of(mask)) as upright:
        upright.transpose(Image.Transpose.ROTATE_90).save(image_of(mask), exif=exif)
    return image_of(mask)


def mask_twice(mask: Path) -> Path:
    """Saves the mask a second time, as BMP."""
    return _beside(mask, ".bmp")


def image_twice(mask: Path) -> Path:
    """Saves the image a second time, as JPEG."""
    return _beside(image_of(mask), ".jpg")


def _beside(path: Path, ending: str) -> Path:
    with Image.open(path) as image:
        image.save(path.with_suffix(ending))
    return path


def copy_here(mask: Path) -> Path:
    """Copies image and mask under another name."""
    for path in (mask, image_of(mask)):
        shutil.copyfile(path, path.with_stem(f"{path.stem}_copy"))
    return mask


def copy_to_val(mask: Path) -> Path:
    """Copies image and mask into the validation split."""
    for path in (mask, image_of(mask)):
        shutil.copyfile(path, path.parents[1] / "val" / path.name)
    return mask


def list_another(mask: Path) -> Path:
    """Lists the scene and one that is not there for training."""
    listed = mask.parents[2] / "splits" / "train.txt"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(f"train/{mask.stem}\ntrain/{NOWHERE}\n", encoding="utf-8", newline="\n")
    return mask.with_stem(NOWHERE)
