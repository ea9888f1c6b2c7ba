"""The doctor sees what is really wrong with a library: packages of its own making stand on the path."""

import importlib
import sys
from importlib import metadata

import pytest

from labelprep.doctor import check_libraries, check_opencv, check_torch, libraries


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder in front of everything installed, for this process and those it starts."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()

    def put(name, version, module=None, text="", requires=()):
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            f"Version: {version}",
            *(f"Requires-Dist: {r}" for r in requires),
        ]
        (info / "METADATA").write_text("\n".join(lines), encoding="utf-8")
        if module:
            (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")

    return put


def test_what_is_installed_here_is_good_and_no_extra_is_forgotten():
    found = {check.name.partition(" 0.")[0].partition(",")[0]: check for check in check_libraries()}
    extras = set(metadata.metadata("labelprep").get_all("Provides-Extra")) - {"all", "dev", "docs"}
    assert set(found) == {"Python", "labelprep", *(f"extra [{name}]" for name in extras)}
    assert {check.state for check in found.values()} == {"good"}
    assert f"numpy {metadata.version('numpy')}" in found["labelprep"].found


def test_an_extra_that_the_installed_labelprep_does_not_know_is_absent(place):
    place("labelprep", "0.1.0", requires=["torch ; extra == 'train'"])
    found = {check.name: check for check in check_libraries()}
    unknown = found["extra [s3], for s3:// URLs"]
    assert (unknown.state, unknown.mend) == ("absent", 'python -m pip install --upgrade "labelprep[s3]"')
    assert "no such extra" in unknown.found


def test_a_library_that_is_too_old_is_named_with_the_mend(place):
    place("click", "7.0")
    bad = next(check for check in check_libraries() if check.name.startswith("labelprep"))
    assert bad.state == "bad"
    assert bad.found.startswith("click 7.0 is not >=")
    assert bad.mend == "python -m pip install --upgrade labelprep"


def test_an_extra_that_is_not_there_is_absent_and_not_bad(place):
    place("labelprep", "0.1.0", requires=["torch ; extra == 'train'", "no-such-library ; extra == 'report'"])
    found = {check.name: check for check in check_libraries()}
    absent = found["extra [report], for reports"]
    assert (absent.state, absent.found) == ("absent", "not installed: no-such-library")
    assert absent.mend == 'python -m pip install --upgrade "labelprep[report]"'


def test_two_opencv_packages_are_found(place):
    place("opencv-python-headless", "4.1")
    check = check_opencv()
    assert check.state == "bad"
    assert "overwrite each other" in check.found
    assert "uninstall -y opencv-python opencv-python-headless" in check.mend


def test_an_opencv_without_libgl_is_found(place):
    text = "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    place("opencv-python", "4.99", "cv2", text)
    check = check_opencv()
    assert (check.state, check.mend.split(",")[0]) == ("bad", "apt-get install libgl1")
    assert "libGL.so.1" in check.found


def test_a_torch_that_crashes_is_named(place):
    place("torch", "2.99", "torch", "import os; os.abort()")
    check = check_torch()
    assert check.state == "bad"
    assert "torch 2.99" in check.found


def test_a_machine_without_opencv_or_torch_lacks_nothing_that_is_needed(monkeypatch):
    def nowhere(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(libraries.metadata, "version", nowhere)
    assert {check_opencv().state, check_torch().state} == {"absent"}
