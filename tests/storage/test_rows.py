import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep.errors import EnvironmentFailure
from labelprep.storage.csv_lines import csv_lines
from labelprep.storage.rows import Rows

NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
KEYS = st.text(max_size=2) | st.sampled_from(["a", "b", "\udcff", "\U0001f600", "\n"])


@given(st.lists(st.tuples(KEYS, NUMBERS), max_size=12), st.integers(0, 5))
def test_rows_come_back_in_the_order_of_sorted(pairs, most):
    plain = [{"key": key, "iou": iou, "n": n} for n, (key, iou) in enumerate(pairs)]
    rows = Rows(["iou"], plain)
    having = [row for row in plain if row["iou"] is not None]
    rising = sorted(having, key=lambda row: (row["iou"], row["key"]))
    assert list(rows.rising("iou")) == rising
    assert list(rows.rising("iou", most)) == rising[:most]
    assert rows.last("iou", most) == rising[::-1][:most]
    assert list(rows.falling("iou")) == sorted(having, key=lambda row: (-row["iou"], row["key"]))
    assert rows.having("iou") == len(having)
    assert [rows.at(n) for n in range(len(rows))] == plain
    last = {row["key"]: row for row in plain}
    assert {key: rows.find(key) for key in [*last, "no such key"]} == last | {"no such key": None}
    rows.close()


def test_a_full_disk_is_told():
    rows = Rows(["iou"])
    rows._table.execute("PRAGMA max_page_count = 8")
    with pytest.raises(EnvironmentFailure, match="full"):
        rows.add({"key": "a" * 100_000})
    rows.close()


def test_rows_that_end_in_an_error_end_in_that_one():
    def some():
        yield {"key": "a"}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Rows([], some())


def test_csv_lines_are_those_of_the_csv_module():
    import csv
    import io

    draw = random.Random(1)
    rows = [{name: "".join(draw.choices('a,"\n\r é', k=3)) for name in "xy"} for _ in range(50)]
    text = io.StringIO(newline="")
    out = csv.DictWriter(text, "yx", lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
    assert "".join(f"{line}\n" for line in csv_lines("yx", rows)) == text.getvalue()
