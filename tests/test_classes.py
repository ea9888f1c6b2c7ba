"""What becomes of the rows of a class table: ids, merges, maps, shared colours, what is ignored."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep.class_rows import voc_colormap
from labelprep.classes import ClassRow, ClassTable
from labelprep.errors import ClassTableError, MismatchError

RED, GREEN, BLUE, GRAY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


def rows(*names, **more):
    colors = [RED, GREEN, BLUE, GRAY]
    return [ClassRow(name, (colors[i],), line=i + 2, **more) for i, name in enumerate(names)]


def build(some, **options):
    return ClassTable.build(some, source="t.csv", **options)


def problems(some, **options):
    with pytest.raises(ClassTableError) as caught:
        build(some, **options)
    return caught.value.message.splitlines()


# --- names, colours, ids ----------------------------------------------------------------------------------------


def test_the_order_of_the_rows_is_the_id_and_kept_classes_close_up():
    table = build(rows("a", "b", "c"), ignore=("b",))
    assert [(c.id, c.name, c.color, c.colors, c.source_ids) for c in table.classes] == [
        (0, "a", RED, (RED,), (0,)),
        (1, "c", BLUE, (BLUE,), (2,)),
    ]
    assert table.source_ids == {0: 0, 1: 255, 2: 1, 255: 255}
    assert table.color_ids == {RED: 0, GREEN: 255, BLUE: 1}
    assert table.color_names[GREEN] == "b"


def test_every_problem_of_a_table_is_listed_with_its_line():
    some = [
        ClassRow("a", (RED,), 0, line=1),
        ClassRow("a", (GREEN,), 1, line=2),
        ClassRow("b", ((0, 300, 0),), 1, line=3),
        ClassRow("c", (GRAY,), line=4),
        ClassRow("d", (BLUE,), 4, merge_into="e", line=5),
    ]
    assert problems(some, ignore=("A", "zz")) == [
        "t.csv:2: the name 'a' stands for two classes, first at t.csv:1",
        "t.csv:3: colour (0, 300, 0) is out of range; expected three values 0..255",
        "t.csv:3: id 1 is given twice, first at t.csv:2",
        "t.csv:4: 'c' has no id, other rows have; give every row one, or none",
        "t.csv: --ignore: no class named 'A'; did you mean 'a'? (classes: a, a, b, c, d)",
        "t.csv: --ignore: no class named 'zz' (classes: a, a, b, c, d)",
        "t.csv:5: merge_into: no class named 'e' (classes: a, a, b, c, d)",
    ]


def test_a_table_of_nothing_or_of_ignored_classes_alone_is_an_error():
    assert problems([]) == ["t.csv: no classes in it"]
    assert problems(rows("a", "b"), ignore=("a", "b")) == ["t.csv: every class is ignored; nothing is left to train on"]


def test_a_name_is_found_in_another_case_where_only_one_fits_and_guessed_where_none_does():
    assert build(rows("Void", "Road"), ignore=("void",)).names == ("Road",)
    (problem,) = problems(rows("Void", "Road"), ignore=("Rode",))
    assert "did you mean 'Road'?" in problem


def test_given_ids_stay_where_ignoring_leaves_no_gap():
    some = [ClassRow("a", (RED,), 2), ClassRow("b", (GREEN,), 0), ClassRow("c", (BLUE,), 1)]
    table = build(some, ignore=("a",))
    assert [(c.id, c.name) for c in table.classes] == [(0, "b"), (1, "c")]


def test_a_gap_in_given_ids_is_an_error_that_shows_the_renumbering():
    some = [ClassRow("a", (RED,), 7), ClassRow("b", (GREEN,), 3)]
    (problem,) = problems(some)
    assert problem.startswith("t.csv: the kept ids are not 0..1; accept the renumbering with --renumber")
    assert problem.endswith("7->0 a, 3->1 b")
    assert build(some, renumber=True).source_ids == {7: 0, 3: 1, 255: 255}


def test_ids_below_zero_name_the_classes_to_ignore_and_mean_no_pixel_value():
    some = [ClassRow("no label", (RED,), -1), ClassRow("b", (GREEN,), 0)]
    assert "--ignore 'no label' leaves 0..0 as they are" in problems(some)[0]
    assert build(some, ignore=("no label",)).source_ids == {0: 0, 255: 255}


def test_a_row_with_id_255_is_ignored():
    table = build([ClassRow("a", (RED,), 0), ClassRow("void", (GREEN,), 255)])
    assert (table.names, [c.name for c in table.ignored], table.source_ids[255]) == (("a",), ["void"], 255)


def test_merged_and_ignored_rows_need_no_id_where_others_have_one():
    some = [
        ClassRow("a", (RED,), 0),
        ClassRow("b", (GREEN,), merge_into="a"),
        ClassRow("void", (BLUE,), ignore=True),
    ]
    table = build(some)
    assert table.source_ids == {0: 0, 255: 255}
    assert table.color_ids == {RED: 0, GREEN: 0, BLUE: 255}


def many(count):
    return [ClassRow(f"c{i}", ((i >> 8, i & 255, 7),)) for i in range(count)]


def test_more_than_255_classes_need_index_masks():
    assert build(many(255)).dtype == np.uint8
    assert problems(many(256)) == [
        "t.csv: 256 classes; at most 255 fit; write 16-bit index masks instead: --mask-mode index"
    ]
    table = build(many(300), index_output=True)
    assert (len(table), table.dtype, table.ignore_index) == (300, np.uint16, 65535)
    with pytest.raises(ClassTableError, match="300 classes do not fit a palette"):
        _ = table.palette


def test_256_given_ids_are_all_kept_in_index_masks():
    some = [ClassRow(f"c{i}", (), i) for i in range(256)]
    assert len(build(some)) == 255
    assert len(build(some, index_output=True)) == 256


def test_a_large_table_is_built_in_time_proportional_to_its_size():
    assert len(build(many(20_000), index_output=True)) == 20_000


# --- merging ----------------------------------------------------------------------------------------------------


def test_merged_classes_give_their_colours_and_ids_along_the_whole_chain():
    some = rows("a", "b", "c", "d")
    some[3] = ClassRow("d", (GRAY,), merge_into="b")
    some[1] = ClassRow("b", (GREEN,), merge_into="a")
    table = build(some)
    assert [(c.name, c.colors, c.source_ids) for c in table.classes] == [
        ("a", (RED, GREEN, GRAY), (0, 1, 3)),
        ("c", (BLUE,), (2,)),
    ]


def test_a_class_merged_into_an_ignored_one_is_ignored():
    some = rows("a", "b", "c")
    some[1] = ClassRow("b", (GREEN,), merge_into="c")
    table = build(some, ignore=("c",))
    assert (table.names, [c.name for c in table.ignored]) == (("a",), ["b", "c"])


def test_merging_in_a_circle_or_into_itself_is_an_error():
    some = [ClassRow(n, (), merge_into=m, line=i) for i, (n, m) in enumerate(["ab", "bc", "cb", "dd"], 1)]
    assert problems(some)[:4] == [
        "t.csv:4: 'd' is merged into itself",
        "t.csv:1: merge_into goes round in a circle: 'a' -> 'b' -> 'c' -> 'b'",
        "t.csv:2: merge_into goes round in a circle: 'b' -> 'c' -> 'b'",
        "t.csv:3: merge_into goes round in a circle: 'c' -> 'b' -> 'c'",
    ]


# --- --map ------------------------------------------------------------------------------------------------------


def test_maps_apply_all_at_once_so_that_two_classes_can_swap():
    table = build(rows("a", "b"), maps=(("0", "1"), ("b", "a")))
    assert table.names == ("a", "b")
    assert table.source_ids == {0: 1, 1: 0, 255: 255}
    assert table.color_ids == {RED: 1, GREEN: 0}


def test_ids_shift_down_by_one_all_at_once():
    table = build(rows("a", "b", "c"), maps=(("0", "ignore"), ("1", "0"), ("2", "1")))
    assert table.names == ("a", "b")
    assert table.source_ids == {0: 255, 1: 0, 2: 1, 255: 255}


def test_a_map_merges_and_the_class_without_pixels_goes():
    table = build(rows("a", "b", "c"), maps=(("b", "a"),))
    assert [(c.name, c.source_ids) for c in table.classes] == [("a", (0, 1)), ("c", (2,))]


def test_255_can_be_made_a_class():
    table = build(rows("background", "person"), maps=(("255", "1"),))
    assert table.source_ids == {0: 0, 1: 1, 255: 1}
    only = build(rows("background", "person"), maps=(("255", "person"), ("1", "ignore")))
    assert only.source_ids == {0: 0, 1: 255, 255: 1}


def test_a_value_that_no_class_has_can_be_ignored():
    assert build(rows("a"), maps=(("9", "255"),)).source_ids == {0: 0, 9: 255, 255: 255}


def test_maps_that_name_nothing_or_contradict_each_other_are_errors():
    maps = (("a", "9"), ("x", "a"), ("b", "a"), ("1", "c"), ("77", "a"), ("77", "b"), ("c", "²"))
    assert problems(rows("a", "b", "c"), maps=maps) == [
        "t.csv: --map: no class with id 9; ids are 0, 1, 2",
        "t.csv: --map: no class named 'x' (classes: a, b, c)",
        "t.csv: --map: 'b' is mapped twice, to 'a' and 'c'",
        "t.csv: --map: 77 is mapped twice, to different classes",
        "t.csv: --map: no class named '²' (classes: a, b, c)",
    ]


# --- one colour, two classes ------------------------------------------------------------------------------------


def shared():
    return [ClassRow("a", (RED,)), ClassRow("b", (GREEN,)), ClassRow("c", (RED, BLUE))]


def test_a_shared_colour_is_an_error_with_the_choices():
    with pytest.raises(ClassTableError, match="'a' and 'c' share the colour") as caught:
        build(shared())
    assert all(word in str(caught.value) for word in ("--on-duplicate-color", "first", "merge", "ignore"))


@pytest.mark.parametrize(
    ("policy", "names", "red", "blue"),
    [("first", ("a", "b", "c"), 0, 2), ("merge", ("a", "b"), 0, 0), ("ignore", ("a", "b", "c"), 255, 2)],
)
def test_a_shared_colour_goes_where_it_is_told_to(policy, names, red, blue):
    table = build(shared(), on_duplicate_color=policy)
    assert table.names == names
    assert (table.color_ids[RED], table.color_ids[BLUE]) == (red, blue)
    assert len(table.notes) == 1
    assert "'a' and 'c' share the colour (255, 0, 0)" in table.notes[0]


def test_a_colour_shared_by_ignored_classes_or_by_merged_ones_is_no_question():
    some = [ClassRow("a", (RED,)), ClassRow("b", (GREEN,), merge_into="c"), ClassRow("c", (GREEN,))]
    assert build([*some, ClassRow("d", (RED,))], ignore=("a", "d")).names == ("c",)


def test_an_unknown_policy_is_an_error():
    with pytest.raises(ClassTableError, match="expected one of error, first, merge, ignore, got 'last'"):
        build(shared(), on_duplicate_color="last")


# --- palette ----------------------------------------------------------------------------------------------------


def test_entry_255_is_the_colour_of_the_only_ignored_class():
    assert tuple(build(rows("a", "b"), ignore=("b",)).palette[255]) == GREEN
    assert tuple(build(rows("a", "b", "c"), ignore=("b", "c")).palette[255]) == (224, 224, 192)
    assert tuple(build(rows("a", "b")).palette[255]) == (224, 224, 192)
    assert tuple(build([ClassRow("a", (RED,)), ClassRow("b", ignore=True)]).palette[255]) == (224, 224, 192)


def test_the_palette_paints_classes_first_and_the_voc_colormap_behind_them_and_cannot_be_changed():
    palette = build(rows("a", "b")).palette
    assert palette[:2].tolist() == [list(RED), list(GREEN)]
    assert (palette[2:255] == voc_colormap()[2:255]).all()
    with pytest.raises(ValueError, match="read-only"):
        palette[0] = 0


def test_classes_without_colours_are_painted_from_the_voc_colormap_and_never_alike():
    assert [c.color for c in build([ClassRow("a"), ClassRow("b")]).classes] == [(0, 0, 0), (128, 0, 0)]
    table = build([ClassRow("a", ((128, 0, 0),)), ClassRow("b"), ClassRow("c", (RED,), merge_into="d"), ClassRow("d")])
    assert [c.color for c in table.classes] == [(128, 0, 0), (0, 128, 0), RED]


def test_the_voc_colormap_follows_the_bit_rule():
    def slow(i):
        r = g = b = 0
        for j in range(8):
            r |= (i & 1) << (7 - j)
            g |= (i >> 1 & 1) << (7 - j)
            b |= (i >> 2 & 1) << (7 - j)
            i >>= 3
        return [r, g, b]

    assert voc_colormap().tolist() == [slow(i) for i in range(256)]


# --- one table or two -------------------------------------------------------------------------------------------


def test_the_hash_depends_on_kept_ids_names_and_colours_alone():
    table = build(rows("a", "b"))
    assert table.hash == ClassTable.build(rows("a", "b"), source="elsewhere").hash
    assert table.hash == build(rows("a", "b", "c"), ignore=("c",)).hash
    assert len({table.hash, build(rows("b", "a")).hash, build(rows("a")).hash, build(rows("a", "x")).hash}) == 4


def test_two_tables_where_one_is_needed_are_refused_with_both_named():
    one, two = build(rows("a", "b")), build(rows("a", "c", "d"))
    one.require_same(build(rows("a", "b")), mine="x", theirs="y")
    with pytest.raises(MismatchError) as caught:
        one.require_same(two, mine="run/best.pt", theirs="build/masks")
    message = str(caught.value)
    assert f"run/best.pt has 2 classes (table {one.hash[:12]})" in message
    assert f"build/masks has 3 (table {two.hash[:12]})" in message
    assert "id 1 is 'b' (0, 255, 0) here and 'c' (0, 255, 0) there" in message
    with pytest.raises(MismatchError, match="only one of them has 'c'"):
        one.require_same(build(rows("a", "b", "c")), mine="x", theirs="y")


@st.composite
def tables(draw):
    count = draw(st.integers(1, 8))
    names = draw(st.lists(st.text(min_size=1), min_size=count, max_size=count, unique=True))
    colors = draw(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=count, max_size=count, unique=True))
    kinds = draw(st.lists(st.sampled_from(["keep", "ignore", "merge"]), min_size=count, max_size=count))
    return ClassTable.build(
        [
            ClassRow(n, (c,), ignore=i > 0 and k == "ignore", merge_into=names[0] if i > 0 and k == "merge" else None)
            for i, (n, c, k) in enumerate(zip(names, colors, kinds, strict=True))
        ]
    )


@given(tables())
def test_a_table_comes_back_from_json(table):
    again = ClassTable.from_dict(json.loads(json.dumps(table.to_dict())))
    assert again == table
    assert again.hash == table.hash


@given(tables())
def test_ids_have_no_gap_and_every_colour_has_one_meaning(table):
    assert [c.id for c in table.classes] == list(range(len(table)))
    assert all(table.color_ids[c.color] == c.id for c in table.classes)
    colors = [color for c in (*table.classes, *table.ignored) for color in c.colors]
    assert len(colors) == len(set(colors)) == len(table.color_ids)
