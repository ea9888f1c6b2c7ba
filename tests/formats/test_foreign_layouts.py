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


def test_real_masks_give_the_same_ids_from_a_mirror_and_from_inside_shards(tmp_path, shared_data):
    import pyarrow as pa
    import pyarrow.parquet as pq

    real = sorted((shared_data / "camseq/masks").iterdir())[:2]
    masks = {path.stem.removesuffix("_L"): path.read_bytes() for path in real}
    table = (shared_data / "camseq/label_colors.txt").read_bytes()
    for name, data in masks.items():
        foreign.put(tmp_path / "mirror", f"masks/{name}.png", data)
    foreign.put(tmp_path / "wds", "a.tar", foreign.tar([(f"{n}.mask.png", data) for n, data in masks.items()]))
    rows = [{"key": name, "mask": {"bytes": data, "path": None}} for name, data in masks.items()]
    foreign.put(tmp_path / "parquet", "label_colors.txt", table)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "parquet/a.parquet")
    found = []
    for name in ("mirror", "wds", "parquet"):
        foreign.put(tmp_path / name, "label_colors.txt", table)
        converted(tmp_path / name, tmp_path / f"{name}.out", "--ignore", "Void")
        rows_of = Prepared.open(tmp_path / f"{name}.out").rows()
        found.append([(row.key, row.xxh3, row.pixels, row.ignored, row.sha256) for row in rows_of])
    assert len(found[0]) == 2
    assert found[0] == found[1] == found[2]
