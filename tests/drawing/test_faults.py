from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.drawing import CLASSES, plant_faults, write_sample
from labelprep.errors import UsageError
from labelprep.findings import CATALOGUE


@pytest.fixture
def planted(tmp_path):
    write_sample(tmp_path / "clean", 7, 1, (96, 128), seed=2)
    write_sample(tmp_path / "spoilt", 7, 1, (96, 128), seed=2)
    return tmp_path, {p.code: p for p in plant_faults(tmp_path / "spoilt")}


def read(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_each_fault_has_a_finding_of_its_own(planted):
    _, faults = planted
    assert len(faults) == 6
    assert set(faults) <= set(CATALOGUE)
    assert len({f.path for f in faults.values()}) == 6


def test_only_the_named_files_are_changed(planted):
    root, faults = planted
    files = {
        d: {p.relative_to(root / d).as_posix(): p.read_bytes() for p in (root / d).rglob("*.*")}
        for d in ("clean", "spoilt")
    }
    changed = {
        n for n in files["clean"].keys() | files["spoilt"].keys() if files["clean"].get(n) != files["spoilt"].get(n)
    }
    expected = {f.path for f in faults.values()}
    assert {str(Path(n).with_suffix("")) for n in changed} == {str(Path(n).with_suffix("")) for n in expected}


def test_the_faults_are_what_they_say(planted):
    root, faults = planted
    clean, spoilt = root / "clean", root / "spoilt"
    swapped = faults["swapped-red-blue"].path
    assert np.array_equal(read(clean / swapped)[..., ::-1], read(spoilt / swapped))
    stray = read(spoilt / faults["unknown-color"].path).reshape(-1, 3).tolist()
    assert len({tuple(c) for c in stray} - set(CLASSES.values())) == 1
    with Image.open(spoilt / faults["lossy-mask"].path) as image:
        assert image.format == "JPEG"
    assert read(spoilt / faults["size-differs"].path).shape == (48, 64, 3)
    with pytest.raises(OSError, match=r"truncated|broken"):
        read(spoilt / faults["damaged-file"].path)
    assert not (spoilt / faults["image-missing"].path).exists()


def test_too_few_scenes_are_refused_before_anything_is_changed(tmp_path):
    write_sample(tmp_path, 3, 0, (48, 64), seed=0)
    before = [p.read_bytes() for p in sorted(tmp_path.rglob("*.png"))]
    with pytest.raises(UsageError, match="6 are needed"):
        plant_faults(tmp_path)
    assert before == [p.read_bytes() for p in sorted(tmp_path.rglob("*.png"))]
