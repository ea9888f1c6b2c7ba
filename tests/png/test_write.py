"""What the fast writer writes, every reader reads."""

import io
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelprep.png.write import encode


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_ids_come_back_through_pillow(height, width, seed, small, colored):
    ids = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    data = encode(ids, bytes(768) if colored else None, small=small)
    image = Image.open(io.BytesIO(data))
    image.verify()
    image = Image.open(io.BytesIO(data))
    assert image.mode == ("P" if colored else "L")
    np.testing.assert_array_equal(np.asarray(image), ids)


@pytest.mark.parametrize("small", [False, True])
def test_a_gray_file_comes_back_through_cv2(small):
    ids = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    data = np.frombuffer(encode(ids, None, small=small), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), ids)


def test_fast_files_are_at_most_one_and_a_half_times_those_of_the_default_level(shared_data):
    ours = theirs = 0
    for path in sorted((shared_data / "camseq" / "masks").iterdir())[:4]:
        rgb = np.asarray(Image.open(path)).astype(np.int64) @ (1, 256, 65536)
        ids = np.unique(rgb, return_inverse=True)[1].reshape(rgb.shape).astype(np.uint8)
        image = Image.fromarray(ids)
        image.putpalette(bytes(768))
        usual = io.BytesIO()
        image.save(usual, "PNG")
        fast, small = len(encode(ids, bytes(768))), len(encode(ids, bytes(768), small=True))
        ours += fast
        theirs += len(usual.getvalue())
        assert small < fast
    assert ours <= 1.5 * theirs


SMALL = """
import hashlib
import numpy as np
from labelprep.png.write import encode
rng, seen = np.random.default_rng(0), hashlib.md5()
for _ in range(150):
    ids = np.kron(rng.integers(0, 6, (3, 3)), np.ones((4, 4))).astype(np.uint8)[rng.integers(3) :, rng.integers(3) :]
    seen.update(encode(np.ascontiguousarray(ids), bytes(768)))
print(seen.hexdigest())
"""


@pytest.mark.chaos
def test_every_process_writes_the_same_bytes():
    # ISA-L's deflate did not
    seen = {subprocess.run([sys.executable, "-c", SMALL], capture_output=True, check=True).stdout for _ in range(40)}
    assert len(seen) == 1
