"""Who may import whom: the house as DESIGN draws it, read from the imports themselves."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "labelprep"

# A room may import rooms of its own floor and of those below.
FLOORS = (
    {"errors", "class_rows", "class_draft", "classes", "findings", "interrupts", "loss_terms", "nearest"} | {"storage"},
    {"spec", "formats", "png", "presets", "drawing", "suspects"},
    {"steps", "weights", "weight_schemes", "dominance", "metrics", "scoring"},
    {"prepared"},
    {"batch"},
    {
        "prepare",
        "journal",
        "ledger",
        "setwide",
        "publish",
        "stale",
        "inspection",
        "proposal",
        "split",
        "score",
        "verify",
    }
    | {"journal", "lookalikes"}
    | {"exports", "tiling"},
    {"execution"},
    {"stages"},
    {"pipeline", "doctor"},
    {"cli", "__main__"},
)
# The learning half knows the prepared folder and never raw files; report reads plain values.
LEARNING = {"prepared", "classes", "class_rows", "weights", "metrics", "findings", "errors", "png", "storage"}
LEARNING |= {"scoring", "loss_terms", "suspects"}
ALSO = {"labelprep.steps.palette", "labelprep.steps.count", "labelprep.__version__"}
REPORT = {"prepared", "classes", "weights", "findings", "suspects", "errors", "storage"}
HEAVY = {"torch": {"learning"}, "torchvision": {"learning"}, "dask": {"execution"}, "distributed": {"execution"}}
HEAVY |= {
    "cv2": {"learning"},
    "matplotlib": {"report"},
    "click": {"cli"},
    "rich": {"cli"},
    "numba": {"png", "learning"},
}
HEAVY |= {"jinja2": {"report"}}
HEAVY |= {"triton": {"learning"}, "pyarrow": {"exports", "storage"}}
HEAVY |= {"fsspec": {"storage"}, "psutil": {"storage"}}
# formats writes .pt files with torch's own writer, imported inside the function
EXCEPTIONS = {("formats/weight_files.py", "torch")}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(module):
    return module.split(".")[1] if module.count(".") else "__init__"


def imports(path):
    """Every module that a file imports, at its top or inside functions, but not for type checking alone."""
    tree = ast.parse(path.read_text("utf-8"))
    quiet = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            quiet |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in quiet:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "labelprep":
                yield from (f"labelprep.{alias.name}" for alias in node.names)


def name_of(path):
    return ".".join(("labelprep", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def house():
    """room -> rooms of ours that it imports."""
    graph = {}
    for path in modules():
        here = room(name_of(path))
        ours = {room(m) for m in imports(path) if m.startswith("labelprep.")}
        graph.setdefault(here, set()).update(ours - {here})
    return graph


def test_every_room_has_its_floor():
    known = set().union(*FLOORS) | {"learning", "report", "__init__"}
    assert set(house()) <= known


def test_nobody_imports_a_floor_above():
    floor = {name: n for n, names in enumerate(FLOORS) for name in names}
    for here, others in house().items():
        if here in floor:
            above = {o for o in others if floor.get(o, len(FLOORS)) > floor[here] and o not in ("learning", "report")}
            assert not above, f"{here} imports {above}"
        if here in floor and floor[here] < floor["stages"]:
            assert not others & {"learning", "report"}, f"{here} imports {others & {'learning', 'report'}}"


def test_no_two_rooms_import_each_other():
    TopologicalSorter(house()).prepare()  # raises CycleError with the circle


def test_learning_knows_the_prepared_folder_alone():
    for path in (PACKAGE / "learning").rglob("*.py"):
        ours = {m for m in imports(path) if m.startswith("labelprep.") and room(m) != "learning"}
        strange = {m for m in ours if room(m) not in LEARNING} - ALSO
        assert not strange, f"{path.name} imports {strange}"


def test_report_reads_plain_values():
    assert house()["report"] <= REPORT


def test_nothing_imports_the_command_line():
    for here, others in house().items():
        assert "cli" not in others or here in ("__main__",)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path):
    here = room(name_of(path))
    relative = path.relative_to(PACKAGE).as_posix()
    for module in imports(path):
        library = module.split(".")[0]
        allowed = here in HEAVY.get(library, {here}) or (relative, library) in EXCEPTIONS
        assert allowed, f"{relative} imports {library}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_assert_print_or_bare_except(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        assert not isinstance(node, ast.Assert)
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            assert any(k.arg == "file" for k in node.keywords), "print to stdout"


@pytest.mark.parametrize("words", [("-c", "import labelprep"), ("-m", "labelprep", "--help")])
def test_import_and_help_load_nothing_heavy(words):
    code = [sys.executable, "-X", "importtime", *words]
    loaded = subprocess.run(code, capture_output=True, text=True, check=True).stderr
    names = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in loaded.splitlines() if "|" in line}
    assert not names & {
        "torch",
        "torchvision",
        "dask",
        "distributed",
        "cv2",
        "numba",
        "numpy",
        "PIL",
        "pydantic",
        "rich",
        "fsspec",
        "psutil",
    }


def test_public_names_are_all_there():
    import labelprep

    for name in labelprep.__all__:
        assert getattr(labelprep, name) is not None
    assert set(labelprep.__all__) <= set(dir(labelprep))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        labelprep.nothing  # noqa: B018
