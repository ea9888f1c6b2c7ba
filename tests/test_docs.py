"""The documents tell the truth: every block runs, every option exists, every page that is generated is fresh."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labelprep.cli.main import COMMANDS, cli
from labelprep.spec import read_spec
from tests.dataset import labelprep

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# sh: the set-up lines, which .ci/run runs on a fresh machine. text: output and trees, shown only.
# {eval-rst}: what the site is built from.
SHOWN = {"sh", "text", "", "{eval-rst}"}


def blocks(kind):
    """(page and line, text) of every block of a kind."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in FENCE.finditer(text):
            if found[1] == kind:
                yield pytest.param(found[2], id=f"{page.name}:{text[: found.start()].count(chr(10)) + 1}")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of what a reader has at hand."""
    for folder in ("data", "pipelines"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_is_of_a_kind_that_is_checked():
    kinds = {found[1] for page in PAGES for found in FENCE.finditer(page.read_text("utf-8"))}
    assert kinds <= SHOWN | {"bash", "python", "yaml"}


def commands():
    """(page, its commands in order): a reader has run those above."""
    for page in PAGES:
        found = (text for kind, text in FENCE.findall(page.read_text("utf-8")) if kind == "bash")
        lines = [line for text in found for line in text.splitlines()]
        if lines:
            yield pytest.param(lines, id=page.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("lines", list(commands()))
def test_every_command_of_the_documents_works_as_pasted(checkout, lines):
    for line in lines:
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "labelprep", line
            result = labelprep(*words[1:])
            assert result.code == 0, f"{line}\n{result.err}"


@pytest.mark.parametrize("text", list(blocks("python")))
def test_every_python_block_runs(checkout, text):
    (checkout / "block.py").write_text(text)
    runpy.run_path(str(checkout / "block.py"))


@pytest.mark.parametrize("text", list(blocks("yaml")))
def test_every_yaml_block_is_a_spec_or_a_class_table(tmp_path, text):
    path = tmp_path / "block.yaml"
    path.write_text(text)
    if "stages:" in text:
        assert read_spec(path).stages
    else:
        from labelprep.formats.class_tables import load_table

        assert len(load_table(str(path)))


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_is_in_the_readme_and_every_flag_there_exists():
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| `")]
    for name in COMMANDS:
        command = cli.get_command(None, name)
        assert any(f"`{name}" in row for row in rows), name
        flags = {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)}
        for row in rows:
            if row.startswith(f"| `{name} "):
                assert set(re.findall(r"--[a-z-]+", row)) <= flags, name


def test_every_command_has_help_that_names_every_option():
    for name in COMMANDS:
        result = labelprep(name, "--help")
        assert result.code == 0
        assert "--json" in result.out or name == "classes"


def test_the_page_of_findings_is_what_the_catalogue_says():
    page = runpy.run_path(str(ROOT / "docs" / "findings.py"))["page"]()
    assert (ROOT / "docs" / "findings.md").read_text("utf-8") == page


def test_the_site_builds_without_a_warning(tmp_path):
    words = ["-q", "-b", "html", "-W", "--keep-going", str(ROOT / "docs"), str(tmp_path / "site")]
    made = subprocess.run([sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    commands = (tmp_path / "site" / "reference" / "commands.html").read_text("utf-8")
    assert [name for name in COMMANDS if f'id="labelprep-{name}"' not in commands] == []


def test_the_table_of_formats_is_what_the_code_reads_and_writes():
    made = runpy.run_path(str(ROOT / "docs" / "formats.py"))["with_section"]
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert page == made(page), "write it anew: python docs/formats.py"


def test_ci_runs_the_two_lines_of_the_readme():
    readme, ci = (ROOT / "README.md").read_text("utf-8"), (ROOT / ".ci" / "run").read_text("utf-8")
    lines = [line for line in readme.splitlines() if line.startswith("python -m pip install")]
    assert len(lines) == 2
    assert "labelprep run pipelines/quickstart.yaml" in lines[0]
    assert lines[1].endswith("python -m pytest -n 2")
    assert "readme_line 'labelprep run'" in ci
    assert "readme_line pytest" in ci


def test_no_page_and_no_module_names_a_machine():
    for path in [*PAGES, *(ROOT / "labelprep").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        assert not re.search(r"/(work|root|home|opt)/\w", path.read_text("utf-8")), path
