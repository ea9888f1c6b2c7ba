"""Every layout of another tool, laid out by hand, is told by its folders and gives the ids that were drawn."""

import numpy as np
import pytest
from PIL import Image

from labelprep.prepared import Prepared
from labelprep.spec import DatasetSpec
from labelprep.steps.discover import discover
from tests import foreign
from tests.dataset import labelprep

HERE = ("--scheduler", "inline", "--no-guard", "--json")


def converted(root, out, *words):
    done = labelprep("convert", root, "-o", out, *HERE, *words)
    assert done.code in (0, 3), done.err
    return done


def read(out):
    prepared = Prepared.open(out)
    return {row.key: np.array(Image.open(prepared.mask_path(row.key))) for row in prepared.rows() if row.written}


@pytest.mark.parametrize("layout", foreign.LAYOUTS)
def test_a_set_is_told_by_its_folders_and_converts_to_the_ids_that_were_drawn(tmp_path, layout):
    foreign.LAYOUTS[layout](tmp_path / "set")
    words = ("--on-unknown", "ignore") if layout == "datumaro" else ()
    done = converted(tmp_path / "set", tmp_path / "out", *words)
    assert done.summary["layout"] == layout
    prepared = Prepared.open(tmp_path / "out")
    rows = {row.key: row for row in prepared.rows()}
    x = {"nnunet": "{split}__{name}"}.get(layout, "{split}/x/{name}" if "city" in layout else "{split}/{name}")
    expected = {x.format(split=s, name=n): (s, foreign.ids(n)) for s, n in foreign.SAMPLES}
    assert {key: row.split for key, row in rows.items()} == {key: split for key, (split, _) in expected.items()}
    found = read(tmp_path / "out")
    wanted = {"nnunet": ("background", *foreign.NAMES[1:])}.get(layout, foreign.NAMES)
    assert prepared.table.names == wanted
    for key, (_, ids) in expected.items():
        np.testing.assert_array_equal(found[key], ids)
        assert rows[key].image is not None
    plans = [discover(DatasetSpec(root=tmp_path / "set", layout=name), tmp_path / name) for name in ("auto", layout)]
    assert [p.layout for p in plans] == [layout] * 2
    assert list(plans[0].samples()) == list(plans[1].samples())
    assert plans[0].class_table_candidates == plans[1].class_table_candidates
