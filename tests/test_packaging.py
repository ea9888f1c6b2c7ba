"""What a user installs: whole, small, and nothing else in it."""

import runpy
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source distribution."""
    out = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def test_an_index_takes_both(built):
    words = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_is_small_and_holds_the_package_alone(built):
    wheel, _ = built
    assert wheel.stat().st_size < 1_000_000
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert {name.split("/")[0].removesuffix(".dist-info").split("-")[0] for name in names} == {"labelprep"}
    source = {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "labelprep").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert source <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_source_distribution_can_be_tested(built):
    _, source = built
    with tarfile.open(source) as file:
        tops = {name.split("/")[1] for name in file.getnames()}
    assert {"labelprep", "pipelines", "data", "tests", "benchmarks", "docs", "README.md", "pyproject.toml"} <= tops
    assert "shared" not in tops


def test_every_dependency_is_on_the_page_of_licences():
    page = (ROOT / "docs" / "licences.md").read_text("utf-8")
    rows = {tuple(cell.strip() for cell in line.split("|")[1:3]) for line in page.splitlines() if line.startswith("| ")}
    wanted = set(runpy.run_path(str(ROOT / "docs" / "licences.py"))["dependencies"]())
    assert wanted == rows - {("package", "for")}


@pytest.mark.chaos
def test_the_wheel_runs_the_demo_in_a_fresh_environment(built, tmp_path):
    wheel, _ = built
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{wheel}[train,report]"], check=True)
    done = subprocess.run(
        [python, "-I", "-m", "labelprep", "demo", "shown"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("shown/**/report.json"))
