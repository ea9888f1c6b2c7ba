import json

from labelprep.prepared import Prepared, Row
from labelprep.report.compare import changes, class_rows
from labelprep.report.write import write_report


def rewrite(folder, change):
    """Puts other lines into a manifest."""
    path = folder / "manifest.jsonl"
    rows = [Row.from_json(line) for line in path.read_text("utf-8").splitlines()]
    path.write_text("".join(f"{row.to_json()}\n" for row in change(rows)), encoding="utf-8")


def test_every_mask_is_counted_under_what_became_of_it(built, folders):
    def change(rows):
        values = [row.__dict__ for row in rows if row.key != "train/b"]
        for row in values:
            if row["key"] == "train/a":
                row |= {"xxh3": "1" * 32, "findings": ("unknown-color",)}
            elif row["key"] == "train/f":
                row |= {"xxh3": "2" * 32, "findings": (), "pixels": (0,) * 12}
            elif row["key"] == "val/d":
                row |= {"xxh3": None}
        return [*(Row(**row) for row in values), Row("val/z", "masks/val/z.png")]

    rewrite(folders.out, change)
    found = changes(Prepared.open(built.out), Prepared.open(folders.out))
    assert found.counts == {
        "same": 2, "changed": 1, "now written": 1, "no longer written": 1, "new": 1, "vanished": 1,
    }  # fmt: skip
    assert found.listed["changed"] == [{"key": "train/a", "appeared": ["unknown-color"], "gone": []}]
    assert found.listed["vanished"][0]["key"] == "train/b"
    assert found.appeared == {"unknown-color": 1}
    assert found.gone == {"damaged-file": 1}


def test_a_set_is_the_same_as_itself(built):
    one = Prepared.open(built.out)
    found = changes(one, one)
    assert found.counts == {"same": 6}
    assert not found.appeared
    assert not found.gone


def test_classes_are_compared_by_name(built, folders):
    info = json.loads((folders.out / "dataset.json").read_text("utf-8"))
    info["class_table"]["classes"][0]["name"] = "street"
    (folders.out / "dataset.json").write_text(json.dumps(info), encoding="utf-8")
    rows = {row["name"]: row for row in class_rows(Prepared.open(built.out), Prepared.open(folders.out))}
    assert rows["road"]["shares"][1] is None
    assert rows["street"]["shares"][0] is None
    assert rows["sky"]["shares"][0] == rows["sky"]["shares"][1]


def test_two_models_stand_side_by_side(built, folders, tmp_path):
    metrics = json.loads((folders.eval / "metrics.json").read_text("utf-8"))
    metrics["classes"][0]["iou"] -= 0.25
    metrics["bootstrap"] = {"level": 0.95, "replicates": 9, "seed": 0, "low": 0.1, "high": 0.2, "classes": [None] * 12}
    (folders.eval / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    report = write_report([built.eval, folders.eval], tmp_path / "r")
    assert "compare.html" in report.values["pages"]
    assert {"evaluation.html", "evaluation-2.html", "confusion-2.html", "images-2.html"} <= set(report.values["pages"])
    page = (tmp_path / "r" / "compare.html").read_text("utf-8")
    assert "−0.250" in page
    assert page.index("road") < page.index("−0.250") < page.index("sidewalk")
