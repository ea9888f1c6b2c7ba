"""Files that promise more than they hold are refused from what stands in front, without memory and without decoding."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.errors import DamagedFileError
from labelprep.png import chunks, fast
from labelprep.steps import decode as decoding
from labelprep.steps.decode import decode
from tests.dataset import Dataset, labelprep
from tests.png_files import chunk

ROOT = Path(__file__).resolve().parents[2]
MOST_GROWTH = 24  # MiB; the largest file here has 12


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def zeros(pieces):
    """So many times 16 MiB of zeros, deflated: the same piece again and again."""
    packer = zlib.compressobj(9)
    piece = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (pieces * (1 << 24) % 65521 << 16 | 1).to_bytes(4)
    return piece[:2] + piece[2:] * pieces + b"\x03\0" + checksum


def png(*parts, width=10, height=10, depth=8, color=0, interlace=0, pixels=True):
    """A PNG of 10 x 10 zeros, whatever its header says, with more chunks in front of the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
    data = chunk(b"IDAT", zlib.compress(bytes(110))) if pixels else b""
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(parts) + data + chunk(b"IEND", b"")


def tiff(width, height, frames=1):
    """A gray TIFF whose directories follow one another."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8))
    for n in range(frames):
        tags = [
            (256, width),
            (257, height),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, 8),
            (277, 1),
            (278, height),
            (279, 100),
        ]
        end = len(out) + 2 + 12 * len(tags) + 4
        out += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        out += struct.pack("<I", end if n < frames - 1 else 0)
    return bytes(out) + bytes(200)


def bmp(width, height, compression=0):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 100, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 154, 0, 0, 54) + head + bytes(100)


def jpeg(width, height):
    data = bytearray(saved(Image.new("L", (8, 8)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


LARGE = {
    "PNG": png(width=100_000, height=100_000),
    "PNG of the largest size": png(width=2**31 - 1, height=2**31 - 1, depth=1),
    "TIFF": tiff(100_000, 100_000),
    "BMP": bmp(100_000, 100_000),
    "BMP from the top": bmp(100_000, -100_000),
    "BMP of runs": bmp(100_000, 100_000, compression=1),
    "JPEG": jpeg(65_500, 65_500),
}
STUFFED = {
    "text": lambda: png(chunk(b"zTXt", b"a\0\0" + zeros(64))),
    "international text": lambda: png(chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(64))),
    "profile": lambda: png(chunk(b"iCCP", b"a\0\0" + zeros(64))),
    "many texts": lambda: png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20), 9)) * 5000),
    "a million unknown chunks": lambda: png(chunk(b"abCd", b"") * 1_000_000),
    "a million texts": lambda: png(chunk(b"tEXt", b"") * 1_000_000),
    "a million empty pieces of pixels": lambda: png(chunk(b"IDAT", b"") * 1_000_000),
    "a chunk longer than the file": lambda: png(b"\xff\xff\xff\xffzTXt"),
    "a header of many pixels": lambda: png(width=22_000, height=22_000),
    "the same in colour, interlaced": lambda: png(width=22_000, height=22_000, color=6, interlace=1),
}
MORE_THAN_THE_PICTURE = {
    "pixels": lambda: png(chunk(b"IDAT", zeros(64)), pixels=False),
    "wide pixels": lambda: png(chunk(b"IDAT", zeros(64)), depth=16, pixels=False),
    "interlaced pixels": lambda: png(chunk(b"IDAT", zeros(64)), interlace=1, pixels=False),
}


@pytest.fixture
def no_decoder(monkeypatch):
    """Fails where anything is decoded, or looked at behind the header."""

    def run(*_, **__):
        pytest.fail("a decoder ran")

    for module, name in ((chunks, "walk"), (fast, "decode"), (decoding, "to_decoded"), (zlib, "decompressobj")):
        monkeypatch.setattr(module, name, run)


@pytest.mark.parametrize("kind", LARGE)
def test_large_pictures_are_refused_from_the_header_alone(no_decoder, kind):
    with pytest.raises(DamagedFileError, match="at most 500,000,000 are allowed") as refused:
        decode(LARGE[kind])
    assert refused.value.code == "too-many-pixels"


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "JPEG"])
def test_the_limit_is_that_of_the_option(no_decoder, kind):
    data = saved(Image.new("RGB", (30, 40)), kind)
    with pytest.raises(DamagedFileError, match="30 x 40 = 1,200 pixels; at most 1,199 are allowed"):
        decode(data, max_pixels=1199)


def test_a_tiff_of_many_pictures_is_not_counted_through(monkeypatch):
    many = tiff(10, 10, frames=20_000)
    with monkeypatch.context() as patched:
        patched.setattr("PIL.TiffImagePlugin.TiffImageFile.n_frames", property(lambda _: pytest.fail("counted")))
        with pytest.raises(DamagedFileError, match="more than one picture") as refused:
            decode(many)
    assert refused.value.code == "unsupported-mode"
    assert decode(tiff(10, 10)).pixels.shape == (10, 10)


def test_an_honest_tiff_beyond_pillows_limit_is_read(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    data = saved(Image.fromarray(np.eye(50, dtype=np.uint8)), "TIFF", compression="tiff_adobe_deflate")
    np.testing.assert_array_equal(decode(data).pixels, np.eye(50))


def test_texts_and_profiles_of_an_honest_size_are_no_bomb():
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20)))
    assert decode(png(text * 3)).pixels.shape == (10, 10)
    with pytest.raises(DamagedFileError, match="unfold to more than"):
        decode(png(text * 5))


def test_many_small_pieces_of_pixels_are_no_bomb():
    data = zlib.compress(
        np.random.default_rng(0).integers(0, 256, (60, 61), np.uint8).tobytes().replace(b"\0", b"\1"), 0
    )
    pieces = b"".join(chunk(b"IDAT", data[n : n + 1]) for n in range(len(data)))
    assert 3000 < len(data) < chunks.MANY_CHUNKS
    with pytest.raises(DamagedFileError) as refused:  # its filters are any bytes
        decode(png(pieces, width=60, height=60, pixels=False))
    assert "chunks in its first" not in refused.value.message


MEASURED = """
import os, resource, sys
from labelprep.errors import DamagedFileError
from labelprep.prepare import warm_up
from labelprep.steps.decode import decode
from tests.png import test_bombs

warm_up()
for kind in (*test_bombs.STUFFED, *test_bombs.MORE_THAN_THE_PICTURE):
    made = test_bombs.STUFFED.get(kind) or test_bombs.MORE_THAN_THE_PICTURE[kind]
    data = made()
    before, end = os.pipe()
    if os.fork() == 0:
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            said = f"pixels {decode(data).pixels.shape}"
        except DamagedFileError as error:
            said = error.code
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024
        os.write(1, f"{kind}\\t{grown}\\t{said}\\n".encode())
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory in forks")
def test_stuffed_files_are_refused_without_memory():
    command = [sys.executable, "-c", MEASURED]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line.split("\t") for line in ran.stdout.splitlines()]
    assert len(lines) == len(STUFFED) + len(MORE_THAN_THE_PICTURE), ran.stderr
    assert {kind: int(grown) for kind, grown, _ in lines if int(grown) > MOST_GROWTH} == {}
    assert {kind: said for kind, _, said in lines if kind in STUFFED} == dict.fromkeys(STUFFED, "damaged-file")
    assert {said for kind, _, said in lines if kind not in STUFFED} == {"pixels (10, 10)"}


def test_the_commands_name_each_bomb_and_convert_the_rest(tmp_path):
    data = Dataset(tmp_path / "data")
    data.mask("good")
    for n, bomb in enumerate((LARGE["PNG"], LARGE["TIFF"], STUFFED["text"](), STUFFED["a header of many pixels"]())):
        (data.root / "masks" / f"bomb{n}.png").write_bytes(bomb)
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert result.code == 3
    codes = {f["key"]: f["code"] for f in result.findings if f["severity"] == "error"}
    assert codes == {
        "bomb0": "too-many-pixels",
        "bomb1": "too-many-pixels",
        "bomb2": "damaged-file",
        "bomb3": "damaged-file",
    }
    assert [path.name for path in (tmp_path / "out" / "masks").iterdir()] == ["good.png"]
    small = labelprep("validate", data.root, "--json", "--max-pixels", "700")
    assert {f["key"] for f in small.findings if f["code"] == "too-many-pixels"} == {"good", "bomb0", "bomb1", "bomb3"}
