import json
from contextlib import closing
from itertools import chain

import numpy as np
import pytest
from PIL import Image

from labelprep.formats.class_tables import load_table
from labelprep.prepared import Prepared
from labelprep.report.collect import read_sources
from labelprep.report.html import look
from labelprep.report.mends import Places
from labelprep.report.pages import Material
from labelprep.report.pages.verdict import headline
from labelprep.report.pictures import Album
from labelprep.report.scored import Confused, Viewer, top_confusions
from labelprep.report.write import write_report


@pytest.fixture(scope="module")
def report(built, tmp_path_factory):
    return write_report([built.out, built.eval], tmp_path_factory.mktemp("html")).folder


@pytest.fixture
def viewer(built, tmp_path):
    with closing(read_sources([built.out, built.eval])) as sources:
        material = Material(sources, {}, (), None, None, Album(tmp_path), Places(), tmp_path)
        yield Viewer(sources.scores[0], material)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ({"status": "clean"}, "Ready"),
        ({"status": "warnings"}, "Usable"),
        ({"status": "errors"}, "Not ready: 1 mask left out"),
        ({"status": "unknown"}, "No data set"),
    ],
)
def test_the_verdict_can_be_read_in_a_glance(verdict, words):
    assert headline(verdict, {"failed": 1}).startswith(words)


def test_files_that_are_damaged_are_not_opened_for_a_picture(report):
    page = (report / "finding-damaged-file.html").read_text("utf-8")
    assert "No picture" in page
    assert "<img" not in page
    assert "labelprep convert" in page


def test_the_first_page_is_small_and_names_every_kind(report):
    page = (report / "index.html").read_text("utf-8")
    assert len(page) < 1_000_000
    for code in ("damaged-file", "lossy-mask"):
        assert f'href="finding-{code}.html"' in page


def test_full_lists_hold_every_finding(report, built):
    lines = (built.out / "findings.jsonl").read_text("utf-8").splitlines()
    lists = [path.read_text("utf-8").splitlines() for path in sorted((report / "lists").glob("*.jsonl"))]
    assert sorted(chain.from_iterable(lists)) == sorted(lines)


def test_top_confusions_are_the_largest_wrong_cells(built):
    matrix = built.confusion()
    cells = {(i, j): int(matrix[i, j]) for i in range(12) for j in range(12) if i != j and matrix[i, j]}
    tops = top_confusions(matrix, 10)
    assert [c.pixels for c in tops] == sorted(cells.values(), reverse=True)[:10]
    assert all(cells[c.truth, c.predicted] == c.pixels for c in tops)
    assert all(c.share == c.pixels / matrix[c.truth].sum() for c in tops)


def test_pictures_of_a_confusion_say_how_many_pixels_they_show(viewer, built):
    (top,) = top_confusions(built.confusion(), 1)
    shown = viewer.confused(top, 5)
    assert sum(pixels for _, pixels, _ in shown) == top.pixels
    assert [pixels for _, pixels, _ in shown] == sorted((p for _, p, _ in shown), reverse=True)
    assert viewer.confused(Confused(11, 11, 1, 1.0), 5) == []


def test_the_error_map_is_red_where_the_prediction_is_wrong(viewer, built, tmp_path):
    sample = viewer.scores.samples.find("val/d")
    shown = {what: figure for figure, what in viewer.five(sample)}
    assert list(shown) == ["image", "truth", "prediction", "error", "entropy"]
    with Image.open(tmp_path / shown["error"].src) as image:
        pixels = np.asarray(image.convert("RGB"))
    truth = built.truths["val/d"]
    predicted = np.roll(truth, 2, 1) % 12
    assert np.array_equal((pixels == (205, 38, 48)).all(-1), (truth != predicted) & (truth != 255))


def test_nothing_is_looked_at_without_a_prepared_folder(built):
    with closing(read_sources([built.eval])) as sources:
        looked = look(sources)
    assert (looked.kinds, looked.survey, looked.geometry) == ((), None, None)


def test_the_class_table_comes_back_with_merged_ids_and_further_colours(folders, tmp_path):
    path = folders.out / "dataset.json"
    info = json.loads(path.read_text("utf-8"))
    first = info["class_table"]["classes"][0]
    first |= {"source_ids": [0, 40], "colors": [*first["colors"], [1, 2, 3]]}
    path.write_text(json.dumps(info), encoding="utf-8")
    write_report([folders.out], tmp_path / "r")
    table, expected = load_table(str(tmp_path / "r" / "class_table.yaml")), Prepared.open(folders.out).table
    assert table.hash == expected.hash
    assert table.source_ids == expected.source_ids
    assert table.color_ids == expected.color_ids
