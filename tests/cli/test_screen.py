"""Lines that a terminal is too narrow for."""

from rich.cells import cell_len

from labelprep.cli.screen import fitted
from labelprep.cli.tables import grid


def test_the_columns_of_a_table_that_is_too_wide_stay_under_their_heads():
    rows = [["road", f"{n:,}", f"images/street/{n:08}_left_of_two.png"] for n in (7, 12_345, 6_385_939)]
    text = grid(["class", "pixels", "example"], rows, right=(1,))
    lines = fitted(text, 40).splitlines()
    assert max(map(cell_len, text.splitlines())) > 40 >= max(map(cell_len, lines))
    assert len(lines) == 5
    assert set(lines[1]) == {"─"}
    start = lines[0].index("example")
    assert [line[:start] for line in lines] == [line[:start] for line in text.splitlines()]
    assert all(line[start:].startswith("images/") and line.endswith(".png") for line in lines[2:])
