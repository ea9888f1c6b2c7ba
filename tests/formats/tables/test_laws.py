"""What dialects keep and lose: reading what was written gives the table again, less the losses that were listed."""

from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from labelprep.class_rows import ClassRow, IgnoredClass, SegClass, voc_colormap
from labelprep.classes import ClassTable
from labelprep.errors import ClassTableError
from labelprep.formats.class_tables import dump_table, load_table, presets
from labelprep.formats.tables.dialects import BY_NAME, DIALECTS, File, read_as
from labelprep.formats.tables.text import Problems

# names that every dialect can hold; those that some cannot have a test of their own
NAMES = st.lists(
    st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters=':#"'), min_size=1, max_size=6
    )
    .map(str.strip)
    .filter(lambda s: s and s not in ("__ignore__", "_background_", "ignore")),
    min_size=1,
    max_size=5,
    unique=True,
)


@st.composite
def tables(draw):
    """Tables with aliases, merged and ignored classes, ids in any order, and classes without colours."""
    names = draw(NAMES)
    colors = draw(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=10, max_size=10, unique=True))
    with_ids = draw(st.booleans())
    ids = draw(st.lists(st.integers(0, 300), min_size=len(names), max_size=len(names), unique=True))
    rows = [
        ClassRow(
            name,
            tuple(colors[2 * i : 2 * i + draw(st.integers(0, 2))]),
            ids[i] if with_ids else None,
            ignore=i > 0 and draw(st.booleans()),
            merge_into=names[0] if i > 0 and draw(st.integers(0, 3)) == 0 else None,
        )
        for i, name in enumerate(names)
    ]
    try:
        return ClassTable.build(rows, renumber=True)
    except ClassTableError:  # the only class that is not ignored has id 255
        assume(False)


def read_back(dialect, content, *, renumber):
    name = BY_NAME[dialect].files[0]
    raw = read_as(File(name, content.decode(), Problems(name)))
    return ClassTable.build(raw.rows, renumber=raw.renumber or renumber)


def without(table, losses, back):
    """The table as it must come back, each listed loss taken from it by hand."""
    lost = {loss.what: loss.classes for loss in losses}
    kept, ignored = list(table.classes), list(table.ignored)
    if "left-out" in lost or "joined" in lost:
        ignored = [IgnoredClass("ignore", (), (len(kept),))] if "joined" in lost else []
    ignored = [c for c in ignored if c.name not in lost.get("colorless", ())]
    if "ignored" in lost:
        # they stand behind the others, and are kept
        stay = [c for c in ignored if c.name in lost["ignored"]]
        kept += [
            SegClass(len(kept) + i, c.name, c.colors[0] if c.colors else (), c.colors, c.source_ids)
            for i, c in enumerate(stay)
        ]
        ignored = [c for c in ignored if c.name not in lost["ignored"]]

    def change(c, place):
        c = replace(c, colors=c.colors[:1]) if c.name in lost.get("aliases", ()) else c
        if c.name in lost.get("further-ids", ()):
            c = replace(c, source_ids=c.source_ids[:1])
        if c.name in lost.get("ids", ()):
            c = replace(c, source_ids=(place,))
        return c

    return [change(c, c.id) for c in kept], [change(c, len(kept) + i) for i, c in enumerate(ignored)]


# the ignored class is read as a kept one, and its id leaves a gap
GAP = ClassTable(
    (SegClass(0, "0", (0, 0, 0), (), (0, 1, 2, 3)),), (IgnoredClass("000", ((0, 1, 0),), (4,)),), "class table"
)


@pytest.mark.parametrize("dialect", [d.name for d in DIALECTS if d.name not in ("ultralytics", "objectinfo", "digits")])
@settings(max_examples=10)
@example(GAP)
@given(table=tables())
def test_reading_what_was_written_gives_the_table_less_what_was_listed(dialect, table):
    content, losses = dump_table("t", table, dialect)
    lost = {loss.what: loss.classes for loss in losses}
    back = read_back(dialect, content, renumber="renumbered" in lost)
    if not losses:
        assert back == table
    kept, ignored = without(table, losses, back)
    seen = {c.name: c for c in (*back.classes, *back.ignored)}
    assert sorted(seen) == sorted(c.name for c in (*kept, *ignored))
    assert sorted(c.name for c in back.ignored) == sorted(c.name for c in ignored)
    if "renumbered" not in lost and "ignored" not in lost:
        assert [c.name for c in back.classes] == [c.name for c in kept]
    for c in (*kept, *ignored):
        wanted = c.colors
        if "colors" in lost or BY_NAME[dialect].says.colors == "none":
            wanted = ()
        if c.name in lost.get("painted", ()):
            wanted = seen[c.name].colors
            assert len(wanted) == 1
        assert set(seen[c.name].colors) == set(wanted)
        if c.source_ids and "joined" not in lost:
            assert seen[c.name].source_ids == c.source_ids
    painted = [c.color for c in back.classes]
    assert len(set(painted)) == len(painted)
    if "colors" in lost or BY_NAME[dialect].says.colors == "none":
        assert [list(color) for color in painted] == voc_colormap()[: len(painted)].tolist()
    elif "paint" not in lost and not lost.get("aliases"):
        assert {c.name: c.color for c in table.classes if c.colors}.items() <= {
            c.name: c.color for c in back.classes
        }.items()


BRACKET = ClassTable((SegClass(0, "[", (0, 0, 0), (), (0,)),), (), "class table")


@pytest.mark.parametrize("dialect", BY_NAME)
@settings(max_examples=10)
@example(BRACKET)
@given(table=tables())
def test_what_came_back_is_written_without_a_loss_that_was_not_listed_before(dialect, table):
    content, losses = dump_table("t", table, dialect)
    once = read_back(dialect, content, renumber=any(loss.what == "renumbered" for loss in losses))
    again, more = dump_table("t", once, dialect)
    # what a dialect has lost once, it cannot lose again; that ids are numbered anew is said each time
    assert {loss.what for loss in more} <= {"names", "renumbered"}
    assert read_back(dialect, again, renumber=any(loss.what == "renumbered" for loss in more)) == once


@pytest.mark.parametrize("there", BY_NAME)
@settings(max_examples=5)
@given(table=tables(), here=st.sampled_from([d.name for d in DIALECTS if d.says.names]))
def test_there_and_back_again_loses_what_was_listed_on_the_way(there, here, table):
    def written(table, dialect):
        content, losses = dump_table("t", table, dialect)
        return read_back(dialect, content, renumber=any(x.what == "renumbered" for x in losses)), losses

    start, _ = written(table, here)
    middle, lost_there = written(start, there)
    end, lost_back = written(middle, here)
    if not lost_there and not lost_back:
        assert end == start
    if not any(
        loss.what in ("names", "joined", "left-out", "colorless", "ignored") for loss in (*lost_there, *lost_back)
    ):
        assert end.names == start.names
        zero = {"other"} if there == "objectinfo" else set()  # ADE20K ignores 0, said or not
        assert {c.name for c in end.ignored} - zero == {c.name for c in start.ignored} - zero
    if not any(
        loss.what in ("ids", "further-ids", "renumbered", "joined", "left-out") for loss in (*lost_there, *lost_back)
    ):
        gone = {name for loss in (*lost_there, *lost_back) for name in loss.classes if loss.what == "ignored"}
        # for Ultralytics a value that is not mapped is the class of that id: more is read than was written
        if not gone and "ultralytics" not in (there, here):
            assert end.source_ids.items() <= start.source_ids.items()


@settings(max_examples=15)
@given(table=tables())
def test_a_label_mapping_says_every_id_of_source_masks(table):
    back = read_back("ultralytics", dump_table("t", table, "ultralytics")[0], renumber=False)
    assert back.names == table.names
    # to Ultralytics a value that is not mapped means the class of that id
    more = back.source_ids.items() - table.source_ids.items()
    assert table.source_ids.items() <= back.source_ids.items()
    assert more <= {(i, i) for i in range(len(table))}


@settings(max_examples=15)
@given(table=tables())
def test_digits_keep_colours_and_order_alone(table):
    content, losses = dump_table("t", table, "digits")
    back = read_back("digits", content, renumber=False)
    assert back.names == tuple(f"class {i}" for i in range(len(back)))
    named = dump_table("t", table, "label_colors")[0].decode().split("\n")
    assert [line.rpartition("\t")[0] for line in named if line] == content.decode().splitlines()
    assert losses[0].what == "names"


@settings(max_examples=15)
@given(table=tables())
def test_ade20k_counts_from_one_and_ignores_zero(table):
    back = read_back("objectinfo", dump_table("t", table, "objectinfo")[0], renumber=False)
    assert back.names == table.names
    assert back.source_ids == {255: 255, 0: 255, **{i + 1: i for i in range(len(table))}}


TRICKY = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), min_size=1, max_size=4, unique=True
)


@pytest.mark.parametrize("dialect", [d.name for d in DIALECTS if d.says.names])
@settings(max_examples=15)
@given(names=TRICKY)
def test_any_name_reads_back_or_is_refused_by_name(dialect, names):
    table = ClassTable.build([ClassRow(name, ((i, 0, 0),)) for i, name in enumerate(names)])
    try:
        content, _ = dump_table("t", table, dialect)
    except ClassTableError as error:
        if "cannot hold the class names" not in error.message:
            raise
        return
    if "\0" not in content.decode():  # which no text file holds
        assert read_back(dialect, content, renumber=False).names == tuple(names)


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("dialect", ["native", "native-json"])
def test_native_tables_say_everything(name, dialect):
    table = load_table(f"preset:{name}")
    content, losses = dump_table("t", table, dialect)
    assert losses == ()
    assert read_back(dialect, content, renumber=False) == table
