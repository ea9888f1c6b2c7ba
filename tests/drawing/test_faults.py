from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.drawing import CLASSES, write_sample
from labelprep.drawing.faults import FAULTS, IN_TABLE, NOT_PLANTED, plant_faults
from labelprep.errors import UsageError
from labelprep.findings import CATALOGUE, Finding

SCENES = 48


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    root = tmp_path_factory.mktemp("planted")
    for name in ("clean", "spoilt"):
        write_sample(root / name, SCENES, 2, (48, 64), seed=1)
    return root, {p.code: p for p in plant_faults(root / "spoilt")}


def read(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_every_kind_of_finding_is_planted_or_says_why_not():
    planted = [*FAULTS, *(fault.code for fault in IN_TABLE)]
    assert len(planted) == len(set(planted))
    assert not set(planted) & set(NOT_PLANTED)
    told = set(planted) | set(NOT_PLANTED)
    assert set(CATALOGUE) - told == set(), "plant the new kind in drawing/faults.py, or say there why it cannot be"
    assert told - set(CATALOGUE) == set()
    assert all(len(reason) > 10 for reason in NOT_PLANTED.values())


def test_each_fault_has_scenes_of_its_own(planted):
    _, faults = planted
    assert list(faults) == list(FAULTS)
    scenes = [scene for fault in faults.values() for scene in fault.scenes]
    assert len(scenes) == len(set(scenes)) == sum(fault.times for fault in FAULTS.values())


def test_only_the_named_scenes_are_changed(planted):
    root, faults = planted
    files = {
        d: {p.relative_to(root / d): p.read_bytes() for p in (root / d).rglob("*.*") if not p.is_symlink()}
        for d in ("clean", "spoilt")
    }
    changed = {
        n for n in files["clean"].keys() | files["spoilt"].keys() if files["clean"].get(n) != files["spoilt"].get(n)
    }
    changed = {Path(*n.parts[1:]).with_suffix("").as_posix() for n in changed}
    named = {scene for fault in faults.values() for scene in fault.scenes}
    made = {f"{faults['duplicate-files'].key}_copy", faults["leaked-split"].key.replace("train", "val"), "train"}
    (renamed,) = changed - named - made
    assert (root / "clean" / "masks" / f"{renamed}.png").is_file()  # its name is what was spoilt
    whole = ("duplicate-files", "leaked-split", "split-conflict")  # copied, or not there at all
    assert named - changed == {faults[code].key for code in whole}


def test_some_faults_are_what_they_say(planted):
    root, faults = planted
    clean, spoilt = root / "clean", root / "spoilt"
    swapped = faults["swapped-red-blue"]
    for scene in swapped.scenes:
        path = Path("masks", f"{scene}.png")
        assert np.array_equal(read(clean / path)[..., ::-1], read(spoilt / path))
    stray = read(spoilt / faults["unknown-color"].path).reshape(-1, 3).tolist()
    assert len({tuple(c) for c in stray} - set(CLASSES.values())) == 1
    for code, form in {"lossy-mask": "JPEG", "wrong-ending": "BMP", "unsupported-mode": "TIFF"}.items():
        with Image.open(spoilt / faults[code].path) as image:
            assert image.format == form
    assert read(spoilt / faults["size-differs"].path).shape == (24, 32, 3)
    with pytest.raises(OSError, match=r"truncated|broken"):
        read(spoilt / faults["damaged-file"].path)
    assert not (spoilt / faults["image-missing"].path).exists()
    ids = read(spoilt / faults["equal-channels"].path)
    assert (ids == ids[..., :1]).all()


def test_the_scenes_of_ids_hold_what_they_are_spoilt_by(planted):
    root, faults = planted
    for code, fault in FAULTS.items():
        if fault.holds:
            path = Path("masks", f"{faults[code].key}.png")
            assert (read(root / "clean" / path) == CLASSES[fault.holds]).all(-1).any()


def test_a_finding_names_a_fault_by_code_and_scene(planted):
    fault = planted[1]["damaged-file"]
    assert fault.is_named_by(Finding.of("damaged-file", "", key=fault.key))
    assert not fault.is_named_by(Finding.of("damaged-file", "", key="train/another"))
    assert not fault.is_named_by(Finding.of("unreadable-file", "", key=fault.key))
    assert IN_TABLE[0].is_named_by(Finding.of(IN_TABLE[0].code, "", path="anywhere/street.yaml"))


def test_what_the_file_system_refuses_is_not_planted(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    write_sample(tmp_path, SCENES, 2, (24, 32), seed=1)
    before = sorted(p.name for p in (tmp_path / "masks" / "train").iterdir())
    codes = [fault.code for fault in plant_faults(tmp_path)]
    assert set(FAULTS) - set(codes) == {"unreadable-file"}
    assert "scene_0005.png" in before


def test_too_few_scenes_are_refused_before_anything_is_changed(tmp_path):
    write_sample(tmp_path, 3, 0, (48, 64), seed=0)
    before = [p.read_bytes() for p in sorted(tmp_path.rglob("*.png"))]
    with pytest.raises(UsageError, match="or more are needed"):
        plant_faults(tmp_path)
    assert before == [p.read_bytes() for p in sorted(tmp_path.rglob("*.png"))]
