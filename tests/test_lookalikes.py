"""Images that look alike: found whole, against every pair compared, and against another library's hash."""

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from labelprep.lookalikes import across, alike, fingerprints, groups
from labelprep.steps.fingerprint import fingerprint
from tests.dataset import COLORS, Dataset, blocks, labelprep

BIG = 10**9
HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=12)
FLIPS = st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=12)), max_size=30)


def near_ones(hashes, flips):
    """The hashes and copies of them with some bits turned."""
    turned = [hashes[n % len(hashes)] ^ sum(1 << b for b in bits) for n, bits in flips] if hashes else []
    return np.array(hashes + turned, np.uint64)


def every_pair(hashes, distance):
    values = [int(v) for v in hashes]
    pairs = ((i, j) for j in range(len(values)) for i in range(j))
    return {(i, j) for i, j in pairs if (values[i] ^ values[j]).bit_count() <= distance}


@given(HASHES, FLIPS, st.integers(0, 10))
def test_the_pairs_are_those_of_comparing_each_with_each(hashes, flips, distance):
    values = near_ones(hashes, flips)
    found = {(i, j) for some, others in alike(values, distance) for i, j in zip(some, others, strict=True)}
    assert found == every_pair(values, distance)


@given(HASHES, FLIPS, st.integers(0, 10), st.data())
def test_groups_are_what_chains_of_pairs_connect(hashes, flips, distance, data):
    values = near_ones(hashes, flips)
    known = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), bool)
    home = list(range(len(values)))
    for i, j in sorted(every_pair(values, distance)):
        if known[i] and known[j]:
            home = [min(home[i], home[j]) if h in (home[i], home[j]) else h for h in home]
    assert groups(values, known, distance).tolist() == home


@given(HASHES, FLIPS, st.integers(0, 10), st.data())
def test_each_image_is_told_with_its_nearest_in_an_earlier_split(hashes, flips, distance, data):
    values = near_ones(hashes, flips)
    splits = data.draw(st.lists(st.integers(-1, 2), min_size=len(values), max_size=len(values)))
    expected = []
    for late, split in enumerate(splits):
        others = [n for n, other in enumerate(splits) if 0 <= other < split]
        bits = [((int(values[late]) ^ int(values[n])).bit_count(), n) for n in others]
        if bits and min(bits)[0] <= distance:
            expected.append((late, min(bits)[1], min(bits)[0]))
    known = np.ones(len(values), bool)
    assert list(across(values, known, np.array(splits, np.int64), distance)) == expected


def test_many_copies_of_one_image_cost_no_more_than_one():
    hashes = np.full(200_000, 77, np.uint64)
    assert not groups(hashes, np.ones(len(hashes), bool), 3).any()


def test_a_distance_that_says_nothing_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.10, got 11"):
        list(alike(np.zeros(2, np.uint64), 11))


def scenes(folder):
    return sorted((folder / "camseq" / "images").glob("*"))[:8] + sorted((folder / "uuad" / "hr").rglob("*.png"))[:8]


def test_the_hash_is_that_of_another_library(shared_data, tmp_path):
    for n, path in enumerate(scenes(shared_data)):
        whole = Image.open(path).convert("RGB")
        whole.save(tmp_path / f"{n}.png")  # whole pixels: of a JPEG, a smaller one is decoded
        theirs = int(str(imagehash.phash(whole)), 16)
        assert fingerprint(tmp_path / f"{n}.png", BIG) == theirs


def test_a_smaller_brighter_recompressed_copy_looks_alike_and_other_scenes_do_not(shared_data, tmp_path):
    path = scenes(shared_data)[0]
    whole = Image.open(path).convert("RGB")
    copy = ImageEnhance.Brightness(whole.resize((whole.width // 3, whole.height // 3))).enhance(1.1)
    copy.save(tmp_path / "copy.jpg", quality=50)
    ours, theirs = fingerprint(path, BIG), fingerprint(tmp_path / "copy.jpg", BIG)
    assert (ours ^ theirs).bit_count() <= 3
    assert (ours ^ fingerprint(scenes(shared_data)[-1], BIG)).bit_count() > 10


def test_what_has_no_hash_is_marked(tmp_path):
    Image.new("RGB", (50, 40), (7, 8, 9)).save(tmp_path / "flat.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    Image.effect_noise((60, 50), 90).save(tmp_path / "noise.png")
    images = [tmp_path / "flat.png", None, tmp_path / "broken.jpg", tmp_path / "noise.png", tmp_path / "gone.png"]
    done = []
    hashes, known = fingerprints(images, BIG, done.append)
    assert known.tolist() == [False, False, False, True, False]
    assert hashes[3] == fingerprint(images[3], BIG)
    assert done == [5]
    assert not fingerprints([images[3]], 2999)[1][0]


def scene(seed, size=(64, 48)):
    """Smooth noise: another picture for every seed, the same for one seed at every size."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


class TestCommands:
    """Twelve scenes, each three times: as it is, darker, and as a JPEG. `s07_c` is scene 7's third copy."""

    def drawn(self, root, folder=lambda key: "."):
        data = Dataset(root)
        for n in range(12):
            for name, picture in {
                "a": scene(n),
                "b": ImageEnhance.Brightness(scene(n)).enhance(0.9),
                "c": scene(n),
            }.items():
                key = f"{folder(f's{n:02}_{name}')}/s{n:02}_{name}"
                data.mask(key, COLORS[blocks(n, 48, 64)])
                ending = ".jpg" if name == "c" else ".png"
                (root / "images" / key).parent.mkdir(parents=True, exist_ok=True)
                picture.save(root / "images" / f"{key}{ending}")
        return root

    def test_split_keeps_together_what_looks_alike_and_joins_it_with_groups(self, tmp_path):
        assert labelprep("convert", self.drawn(tmp_path / "data"), "-o", tmp_path / "out").code == 0
        assert labelprep("split", tmp_path / "out").code == 0
        assert self.torn(tmp_path / "out")
        result = labelprep("split", tmp_path / "out", "--similar", 4)
        assert result.code == 0, result.err
        assert "36 samples are 12 groups that stay together; the largest has 3" in result.err
        assert not self.torn(tmp_path / "out")
        result = labelprep("split", tmp_path / "out", "--similar", 4, "--group-by", "s(.)")
        assert "36 samples are 2 groups that stay together; the largest has 30" in result.err
        result = labelprep("split", tmp_path / "out", "--similar", 4, "--group-by", "s(0.)")
        assert (result.code, "does not match 6 of 36 keys" in result.err) == (2, True)

    def torn(self, out):
        homes = {}
        for name in ("train", "val"):
            for key in (out / "splits" / f"{name}.txt").read_text().split():
                homes.setdefault(key[-5:-2], set()).add(name)
        return [scene for scene, names in homes.items() if len(names) > 1]

    def test_validate_names_what_looks_alike_in_two_splits(self, tmp_path):
        root = self.drawn(tmp_path / "data", lambda key: "val" if key == "s07_c" else "train")
        result = labelprep("--json", "validate", root, "--similar", 4)
        assert result.code == 0, result.err
        (found,) = (f for f in result.findings if f["code"] == "similar-images")
        assert found["key"] == "val/s07_c"
        assert "looks like that of train/s07_a in train" in found["message"]
        assert "similar-images" not in labelprep("--json", "validate", root).codes
        result = labelprep("validate", root, "--similar", 11)
        assert (result.code, "--similar: expected at most 10, got 11" in result.err) == (2, True)

    def test_without_splits_validate_says_so(self, tmp_path):
        result = labelprep("validate", self.drawn(tmp_path / "data"), "--similar", 4)
        assert "fewer than two" in result.err
