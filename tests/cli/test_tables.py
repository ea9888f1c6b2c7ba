"""What a person reads at the end of a run."""

from labelprep.cli.tables import class_rows, class_table, grid

SUMMARIES = {
    "convert": {
        "classes": [
            {"id": 0, "name": "road", "pixels": 1_200_000, "share": 0.75},
            {"id": 1, "name": "a very long name that nobody ever shortened", "pixels": 400_000, "share": 0.25},
            {"id": 2, "name": "[sign]", "pixels": 0, "share": 0.0},
        ]
    },
    "weights": {"weights": [0.5, 1.5, 0.0]},
    "eval": {
        "metrics": {
            "mean_iou": 0.61234,
            "classes": [{"id": 0, "iou": 0.9}, {"id": 1, "iou": 0.3246}, {"id": 2, "iou": None}],
        },
        "baseline": {"mean_iou": 0.125},
    },
}


def test_the_class_table_shows_pixels_share_weight_and_iou_and_the_baseline():
    lines = class_table(SUMMARIES).splitlines()
    assert lines[0].split() == ["id", "class", "pixels", "share", "weight", "IoU"]
    assert lines[2].split() == ["0", "road", "1,200,000", "75.00%", "0.5", "0.900"]
    assert lines[3].split()[-4:] == ["400,000", "25.00%", "1.5", "0.325"]
    assert lines[4].split() == ["2", "[sign]", "0", "0.00%", "0", "-"]
    assert lines[5] == "mean IoU: 0.612 (majority-class baseline: 0.125)"


def test_columns_that_no_stage_filled_are_left_out():
    lines = class_table({"convert": SUMMARIES["convert"]}).splitlines()
    assert lines[0].split() == ["id", "class", "pixels", "share"]
    assert len(lines) == 5
    assert class_rows({}) == []


def test_long_reasons_are_not_cut_and_markup_is_text():
    why = "on_unknown: nearest:3 -> ignore, " * 10 + "[bold]x[/bold]"
    assert why in grid(["stage", "why"], [["masks", why]])


def test_weights_of_one_split_stand_beside_the_pixels_they_were_made_from():
    weights = {"weights": [1.0, 1.0, 0.0], "pixels": [900_000, 30, 0], "split": "train"}
    lines = class_table(SUMMARIES | {"weights": weights}).splitlines()
    assert lines[0].split() == ["id", "class", "pixels", "share", "in", "train", "weight", "IoU"]
    assert lines[2].split()[2:6] == ["1,200,000", "75.00%", "900,000", "1"]
    whole = class_table(SUMMARIES | {"weights": weights | {"pixels": [1_200_000, 400_000, 0], "split": None}})
    assert whole.splitlines()[0].split() == ["id", "class", "pixels", "share", "weight", "IoU"]
