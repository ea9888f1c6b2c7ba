"""No flipped bit and no cut gives other pixels: every bit and every length of a PNG of each kind, by every reader."""

import io
import json
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from labelprep.errors import LabelprepError
from labelprep.png.fast import NO_SEEDS
from labelprep.steps.decode import decode
from labelprep.steps.palette import read_ids
from tests.dataset import COLORS, Dataset, blocks, labelprep
from tests.png_files import chunk, png

IDS = np.repeat(np.arange(4, dtype=np.uint8), 24).reshape(8, 12)
RGB = COLORS[IDS]
TEXT = zlib.compress(b"hello")
EXTRA = [
    (b"gAMA", b"\0\0\xb1\x8f"), (b"pHYs", bytes(9)), (b"tEXt", b"a\0b"), (b"zTXt", b"a\0\0" + TEXT),
    (b"iTXt", b"a\0\1\0\0\0" + TEXT), (b"iCCP", b"a\0\0" + TEXT), (b"eXIf", b"II*\0\x08" + bytes(5)),
    (b"tIME", bytes(7)), (b"abCd", b"own"),
]  # fmt: skip


def saved(array, **options):
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", **options)
    return out.getvalue()


def palette(bits, **options):
    image = Image.fromarray(IDS % 2 if bits == 1 else IDS)
    image.putpalette((bytes(range(256)) * 3)[: 3 * 2**bits])
    out = io.BytesIO()
    image.save(out, "PNG", bits=bits, **options)
    return out.getvalue()


def packed(depth, interlace=0):
    """Gray of any depth, packed by hand; interlaced ones have one row of the first pass."""
    values = (IDS % 2 if depth == 1 else IDS.astype(np.int64) * ((2**depth - 1) // 3))[: 1 if interlace else 8]
    values = values[:, :1] if interlace else values
    if depth == 16:
        rows = [b"\0" + row.astype(">u2").tobytes() for row in values]
    else:
        bits = ((values[..., None] >> np.arange(depth - 1, -1, -1)) & 1).reshape(len(values), -1)
        rows = [b"\0" + np.packbits(row.astype(np.uint8)).tobytes() for row in bits]
    header = struct.pack(">IIBBBBB", values.shape[1], len(values), depth, 0, 0, 0, interlace)
    data = zlib.compress(b"".join(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


FILES = {
    "colours of cv2": cv2.imencode(".png", RGB)[1].tobytes(),
    "colours": saved(RGB),
    "colours with a key": saved(RGB, transparency=tuple(RGB[0, 0].tolist())),
    "opaque": saved(np.dstack([RGB, np.full((8, 12), 255, np.uint8)])),
    "transparent": saved(np.dstack([RGB, IDS * 80])),
    "gray and alpha": saved(np.dstack([IDS, IDS * 80])),
    "gray with a key": saved(IDS, transparency=2),
    "palette with a key": palette(8, transparency=bytes([0, 255, 128, 7])),
    "palette and every chunk": png(IDS, 3, [0, 1, 2, 3, 4, 0, 1, 2], palette=bytes(range(12)), extra=EXTRA, cuts=3),
    "interlaced": packed(8, interlace=1),
    **{f"palette of {bits} bits": palette(bits) for bits in (1, 2, 4, 8)},
    **{f"gray of {depth} bits": packed(depth) for depth in (1, 2, 4, 8, 16)},
}


def damaged(data):
    for at in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            yield bytes(flipped)
        yield data[:at]


def by_decode(seeds):
    def read(data):
        found = decode(data, seeds=seeds)
        parts = (found.kind, found.entries, found.pixels.shape, found.pixels.tobytes())
        return parts + tuple(None if a is None else a.tobytes() for a in (found.palette, found.alpha))

    return read


def outcomes(data, read):
    """(refused, same) of all damages of a file; any other outcome fails."""
    truth, refused, same = read(data), 0, 0
    for broken in damaged(data):
        try:
            assert read(broken) == truth, broken.hex()
            same += 1
        except LabelprepError as error:
            assert error.message  # noqa: PT017 - any other exception fails the test
            refused += 1
    return refused, same


@pytest.mark.parametrize("seeds", [NO_SEEDS, None], ids=["fast", "pillow"])
@pytest.mark.parametrize("kind", FILES)
def test_every_flipped_bit_and_every_cut_is_refused_or_changes_nothing(kind, seeds):
    refused, same = outcomes(FILES[kind], by_decode(seeds))
    assert refused + same == 9 * len(FILES[kind])
    assert refused > 8 * len(FILES[kind])


@pytest.mark.parametrize(
    "kind", [kind for kind in FILES if kind.startswith(("palette of 8", "gray of 8", "gray of 16"))]
)
def test_prepared_masks_are_read_whole_or_not_at_all(tmp_path, kind):
    def read(data, path=tmp_path / "mask.png"):
        path.write_bytes(data)
        return read_ids(path).tobytes()

    assert sum(outcomes(FILES[kind], read)) == 9 * len(FILES[kind])


@pytest.mark.chaos
@pytest.mark.parametrize("seeds", [NO_SEEDS, None], ids=["fast", "pillow"])
@pytest.mark.parametrize("seed", range(6))
def test_every_bit_of_masks_as_people_have_them(seed, seeds):
    ids = blocks(seed, 96, 128, ids=6)
    data = [saved(COLORS[ids]), cv2.imencode(".png", COLORS[ids])[1].tobytes(), saved(ids)][seed % 3]
    refused, same = outcomes(data, by_decode(seeds))
    assert refused + same == 9 * len(data)


def test_the_commands_report_every_damaged_file_and_convert_the_others(tmp_path):
    """Some damages of each kind of file, in one folder beside whole ones."""
    data = Dataset(tmp_path / "data")
    kinds = {"colours": RGB, "opaque": np.dstack([RGB, np.full((8, 12), 255, np.uint8)]), "palette": None}
    rng = random.Random(3)
    for kind, array in kinds.items():
        if array is None:
            array = Image.fromarray(IDS)
            array.putpalette(COLORS.tobytes())
        whole = data.mask(f"whole {kind}", array).read_bytes()
        for n, broken in enumerate(rng.sample(list(damaged(whole)), 40)):
            (data.root / "masks" / f"{kind} {n}.png").write_bytes(broken)
    validated = labelprep("validate", data.root, "--json", "--scheduler", "inline")
    converted = labelprep("convert", data.root, "-o", tmp_path / "out", "--json", "--scheduler", "inline")
    told = {
        f["key"] for f in converted.findings if f["code"] in ("damaged-file", "unreadable-file", "unsupported-mode")
    }
    assert told == {f["key"] for f in validated.findings if f["severity"] == "error"}
    assert (validated.code, converted.code, len(told) > 100) == (1, 3, True)
    rows = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    written = {row["key"]: row["xxh3"] for row in rows if row["xxh3"] is not None}
    assert {f"whole {kind}" for kind in kinds} <= set(written)
    assert set(written) == {row["key"] for row in rows} - told
    assert len(set(written.values())) == 1
