"""Every dialect of class tables, as people write them, and the messages for those that cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep.classes import ClassRow, ClassTable
from labelprep.errors import ClassTableError, UsageError
from labelprep.formats.class_tables import dump_table, load_table, presets, read_rows, write_table
from labelprep.formats.tables.dialects import File, read_as
from labelprep.formats.tables.text import Problems


@pytest.fixture
def table_file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def problems_of(path):
    with pytest.raises(ClassTableError) as caught:
        read_rows(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.message.splitlines()]


def rows_of(path):
    return [(row.name, row.colors, row.id) for row in read_rows(path).rows]


# --- class_dict.csv ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "name,r,g,b\nroad,128,64,128\nsky,0,0,1\n",
        "name, r, g, b\r\nroad, 128, 64, 128\r\nsky, 0, 0, 1",
        "\ufeffName;R;G;B\nroad;128.0;64.0;128.\n\n sky ; 0;0; 1;\n",
        "class_names\tred\tgreen\tblue\nroad\t128\t64\t128\nsky\t0\t0\t1\n",
        'Label,color\nroad,"#804080"\nsky,#000001\n',
        'class,COLOR\nroad,"128, 64, 128"\n"sky",(0 0 1)\n',
        "trainId,b,g,r,name,weight\n255,128,64,128,road,0.1\n0,1,0,0,sky,\n",
    ],
)
def test_a_csv_table_is_read_however_its_header_and_cells_are_written(table_file, content):
    assert rows_of(table_file("class_dict.csv", content)) == [
        ("road", ((128, 64, 128),), None),
        ("sky", ((0, 0, 1),), None),
    ]


def test_an_id_column_gives_the_ids_and_an_empty_one_gives_none(table_file):
    with_ids = table_file("a.csv", "id,name,r,g,b\n-1,void,0,0,0\n0,road,1,1,1\n")
    empty = table_file("b.csv", "name;r;g;b;id;\nvoid;0;0;0;\nroad;1;1;1;\n")
    assert [row.id for row in read_rows(with_ids).rows] == [-1, 0]
    assert [row.id for row in read_rows(empty).rows] == [None, None]


def test_rows_know_their_line_in_the_file_past_blank_lines_and_quoted_line_ends(table_file):
    path = table_file("a.csv", 'name,r,g,b,remark\n\nroad,1,1,1,"two\nlines"\nsky,2,2,2,\n')
    assert [row.line for row in read_rows(path).rows] == [3, 5]


def test_every_wrong_cell_of_a_csv_table_is_listed_at_once(table_file):
    path = table_file("a.csv", "id,name,r,g,b\n0,road,300,1,2\n1,sky,1,2\nx,,1,2,0.5\n3,a,b,1,2,3\n4,ok,1,2,3\n")
    assert problems_of(path) == [
        "2: colour of 'road': expected three whole numbers 0..255, got 300, 1, 2",
        "3: expected 5 cells as in the header, got 4: 1, sky, 1, 2",
        "4: expected a class name, got nothing",
        "4: colour of '': expected three whole numbers 0..255, got 1, 2, 0.5",
        "4: id of '': expected a whole number, got x",
        "5: expected 5 cells as in the header, got 6; quote a name that holds a comma",
    ]


def test_a_csv_file_that_is_no_colour_table_names_the_columns_found_and_expected(table_file):
    path = table_file("a.csv", "class_index,class,height\n0,Xylophone,224\n")
    (problem,) = problems_of(path)
    assert "got the columns class_index, class, height: no colour among them" in problem
    assert "the columns r, g, b" in problem


def test_a_csv_table_without_a_header_is_told_to_add_one(table_file):
    with pytest.raises(ClassTableError, match="add a header line such as name,r,g,b"):
        read_rows(table_file("a.csv", "road,128,64,128\n"))


# --- labelmap.txt and label_colors.txt --------------------------------------------------------------------------


def test_a_labelmap_of_cvat_may_leave_colours_out(table_file):
    content = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nstreet lamp:128,64,128::\nbare:::\n"
    assert rows_of(table_file("labelmap.txt", content)) == [
        ("background", ((0, 0, 0),), None),
        ("street lamp", ((128, 64, 128),), None),
        ("bare", (), None),
    ]


def test_wrong_lines_of_a_labelmap_are_listed_at_once(table_file):
    path = table_file("labelmap.txt", "# label:color_rgb:parts:actions\na:1,2::\n:1,2,3::\na:b:1,2,3:c:d\nplain\n")
    assert problems_of(path) == [
        "2: colour of 'a': expected r,g,b with values 0..255, got '1,2'",
        "3: expected a label before the first colon, got ':1,2,3::'",
        "4: expected label:color_rgb:parts:actions, got 'a:b:1,2,3:c:d'",
        "5: expected label:color_rgb:parts:actions, got 'plain'",
    ]


def test_label_colors_hold_names_with_blanks_behind_tabs_or_blanks(table_file):
    path = table_file("label_colors.txt", "64 128 64\tAnimal\r\n 0   0 192   Side walk \n")
    assert rows_of(path) == [("Animal", ((64, 128, 64),), None), ("Side walk", ((0, 0, 192),), None)]


def test_wrong_lines_of_label_colors_are_listed_at_once(table_file):
    path = table_file("label_colors.txt", "1 2 3 a\n1 2 3\n1 2 300 b\n\nc\n")
    assert problems_of(path) == [
        "2: expected a name behind the colour, got '1 2 3'",
        "3: expected R G B with values 0..255 and a name, got '1 2 300 b'",
        "5: expected R G B with values 0..255 and a name, got 'c'",
    ]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("1 2 3\tsky\n", ["sky"]),
        ("sky:1,2,3::\n", ["sky"]),
        ("# a comment\nname,r,g,b\nsky,1,2,3\n", None),
        ("name,r,g,b\nsky,1,2,3\n", ["sky"]),
        ("classes:\n  - {name: sky}\n", ["sky"]),
    ],
)
def test_a_text_file_of_any_name_is_told_by_its_content(table_file, content, names):
    path = table_file("colours.txt", content)
    if names is None:
        problems_of(path)
    else:
        assert [row.name for row in read_rows(path).rows] == names


# --- native YAML ------------------------------------------------------------------------------------------------


def test_a_native_table_says_ids_colours_aliases_merges_and_what_is_ignored(table_file):
    path = table_file(
        "t.yaml",
        """renumber: true
classes:
  - {id: 7, name: road, color: [128, 64, 128], aliases: ["#010203", [4, 5, 6]]}
  - name: kerb
    color: "#f423e8"
    merge_into: road
  - {id: 0, name: unlabeled, ignore: true}
""",
    )
    raw = read_rows(path)
    assert raw.renumber
    assert raw.rows == (
        ClassRow("road", ((128, 64, 128), (1, 2, 3), (4, 5, 6)), 7, line=3),
        ClassRow("kerb", ((244, 35, 232),), merge_into="road", line=4),
        ClassRow("unlabeled", (), 0, ignore=True, line=7),
    )
    table = load_table(path)
    assert table.source_ids == {255: 255, 0: 255, 7: 0}
    assert table.color_ids == {(128, 64, 128): 0, (1, 2, 3): 0, (4, 5, 6): 0, (244, 35, 232): 0}


def test_everything_wrong_in_a_native_table_is_listed_in_line_order(table_file):
    path = table_file(
        "t.yaml",
        """renumbr: true
classes:
  - {name: road, colour: [1, 2, 3]}
  - sky
  - {color: [1, 2, 300]}
  - name: 3
    color: #ffffff
    ignore: yes
    id: 1.5
    merge_into:
    aliases: red
renumber: 1
""",
    )
    colour = 'expected [r, g, b] with values 0..255 or "#RRGGBB" in quotes'
    assert problems_of(path) == [
        "1: renumbr: unknown key; did you mean 'renumber'?",
        "3: classes[0].colour: unknown key; did you mean 'color'?",
        "4: classes[1]: expected a mapping such as {name: road, color: [128, 64, 128]}, got 'sky'",
        "5: classes[2]: expected a name, got the keys color",
        f"5: classes[2].color: {colour}, got [1, 2, 300]",
        "6: classes[3].name: expected a class name in quotes, got 3",
        f"7: classes[3].color: {colour}, got nothing",
        "8: classes[3].ignore: expected true or false, got 'yes'",
        "9: classes[3].id: expected a whole number, got 1.5",
        "10: classes[3].merge_into: expected a class name, got nothing",
        f"11: classes[3].aliases: expected a list of colours, each {colour[9:]}, got 'red'",
        "12: renumber: expected true or false, got 1",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("classes: [\n", "no valid YAML"),
        ("- a\n", "expected a mapping with a list `classes`"),
        ("class: []\n", "got the keys class"),
        ("classes: []\n", "expected a list of classes"),
        ("a: &x [1, 1]\nclasses: [*x, *x]\n", ":2: aliases are not read"),
        ("[" * 20_000, "nested too deep"),
        ("classes:\n" + "\n".join(" " * 2 * i + "- - a" for i in range(1, 400)), "no valid YAML|nested too deep"),
        ("classes:\n  - {name: a, name: b}\n", "duplicate key"),
        ("classes:\n  - {name: !!python/object/apply:os.getcwd []}\n", "expected a class name"),
    ],
)
def test_a_yaml_file_that_is_no_class_table_or_a_trap_is_one_message(table_file, content, message):
    with pytest.raises(ClassTableError, match=message):
        read_rows(table_file("t.yaml", content))


# --- any file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", " \n\n", "is empty"),
        ("a.csv", b"name,r\0", "binary"),
        ("a.csv", "name,r,g,b\n\xe4,1,2,3\n".encode("latin-1"), ":2: expected UTF-8 text, got the byte 0xe4"),
        ("a.csv", "x" * 1_000_001, "more than 1,000,000 bytes"),
        ("a.txt", "hello world\n", "(?s)tried.*CVAT labelmap.txt: line 1: expected label:.*, got 'hello world'"),
    ],
)
def test_files_that_are_no_text_tables_are_refused_in_one_line(table_file, name, content, message):
    with pytest.raises(ClassTableError, match=message):
        read_rows(table_file(name, content))


def test_a_table_saved_as_utf_16_is_read(table_file):
    assert rows_of(table_file("a.csv", "name,r,g,b\näg,1,2,3".encode("utf-16"))) == [("äg", ((1, 2, 3),), None)]


def test_a_missing_file_and_a_folder_are_one_message_each(tmp_path):
    with pytest.raises(ClassTableError, match="no such class table"):
        read_rows(tmp_path / "none.csv")
    with pytest.raises(ClassTableError, match="cannot read the class table"):
        read_rows(tmp_path)


def test_an_unknown_preset_names_those_there_are(monkeypatch, tmp_path):
    with pytest.raises(ClassTableError, match=r"did you mean 'camvid'\?; there are: ade20k, camvid, .*, voc"):
        load_table("preset:camvd")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClassTableError, match="did you mean preset:voc"):
        load_table("voc")


def test_a_map_is_split_at_its_last_equals_sign_and_a_malformed_one_is_an_error(table_file):
    path = table_file("a.csv", "name,r,g,b\na=b,1,1,1\nc,2,2,2\n")
    assert load_table(path, maps=("a=b=c",)).names == ("c",)
    for text in ("a", "=c", "c=", ""):
        with pytest.raises(UsageError, match="expected SRC=DST"):
            load_table(path, maps=(text,))


# --- tables as people write them --------------------------------------------------------------------------------

READ = {
    "741973880_colormap.csv": 31,
    "LanPangZi-lff_class_dict.csv": 16,
    "MeriemTerki_class_dict.csv": 2,
    "N3uralKi11ers_class_dict.csv": 2,
    "altimerk_class_dict_seg.csv": 24,
    "dxtprashant07_class_dict_seg.csv": 9,
    "geoai4cities_class_dict.csv": 6,
    "gumpsky_class_dict.csv": 2,
    "kbali1297_class_dict_seg.csv": 24,
    "mdarestani98_class_dict.csv": 32,
    "mpantelidakis_class_dict.csv": 2,
    "nassimaliou_class.csv": 6,
    "noisrucer_class_dict.csv": 2,
    "saatvik-t_class_dict.csv": 7,
    "sayanmandal_class_dict.csv": 13,
    "sky3139_class_dict.csv": 4,
    "vipingoyat_class_dict.csv": 2,
}


@pytest.mark.parametrize("name", READ)
def test_tables_from_many_repositories_are_read(shared_data, name):
    rows = read_rows(shared_data / "badpng_tables" / "class_tables" / name).rows
    assert len(rows) == READ[name]
    assert all(row.name and len(row.colors) == 1 for row in rows)


def test_a_real_csv_file_about_other_things_says_that_it_has_no_colours(shared_data):
    with pytest.raises(ClassTableError, match="got the columns class_index, class, height, width, scale by"):
        read_rows(shared_data / "badpng_tables" / "class_tables" / "senku-kz_class_dict.csv")


def test_real_ids_from_minus_one_stay_when_the_class_below_zero_is_ignored(shared_data):
    path = shared_data / "badpng_tables" / "class_tables" / "kbali1297_class_dict_seg.csv"
    with pytest.raises(ClassTableError, match=r"--ignore unlabeled leaves 0\.\.22 as they are; or accept.*--renumber"):
        load_table(path)
    assert [(c.id, c.source_ids) for c in load_table(path, ignore=("unlabeled",)).classes][:2] == [(0, (0,)), (1, (1,))]
    assert load_table(path, renumber=True).source_ids[0] == 1


def test_a_real_colour_that_stands_for_two_classes_is_an_error_with_the_choices(shared_data):
    path = shared_data / "badpng_tables" / "class_tables" / "altimerk_class_dict_seg.csv"
    with pytest.raises(ClassTableError) as caught:
        load_table(path)
    assert str(caught.value).splitlines() == [
        f"{path}:25: 'person' and 'conflicting' share the colour (255, 0, 0), first at {path}:17",
        "  choose --on-duplicate-color first (the first class keeps the colour), merge (the classes become one) "
        "or ignore (its pixels are ignored)",
    ]
    assert load_table(path, on_duplicate_color="merge").names[-1] == "obstacle"


def test_the_label_colors_of_the_real_sets_are_read(shared_data):
    assert len(load_table(shared_data / "camseq" / "label_colors.txt")) == 32
    garden = load_table(shared_data / "quintal" / "label_colors.txt")
    assert (len(garden), garden.classes[0].name, garden.classes[0].color) == (11, "areia", (255, 233, 87))


# --- writing ----------------------------------------------------------------------------------------------------


def plain_table():
    rows = [ClassRow("road", ((128, 64, 128),)), ClassRow("side walk", ((0, 0, 192),))]
    return ClassTable.build(rows)


@pytest.mark.parametrize("name", ["t.yaml", "class_dict.csv", "labelmap.txt", "label_colors.txt"])
def test_a_plain_table_reads_back_from_every_dialect_and_loses_nothing(tmp_path, name):
    assert write_table(tmp_path / name, plain_table()) == ()
    assert load_table(tmp_path / name) == plain_table()


@pytest.mark.parametrize("name", presets())
def test_presets_read_back_from_native_yaml(tmp_path, name):
    table = load_table(f"preset:{name}")
    assert write_table(tmp_path / "t.yaml", table) == ()
    assert load_table(tmp_path / "t.yaml") == table


def test_what_a_dialect_cannot_say_is_told(tmp_path):
    rows = [
        ClassRow("road", ((1, 1, 1), (2, 2, 2)), 7),
        ClassRow("kerb", ((3, 3, 3),), 9, merge_into="road"),
        ClassRow("sky", (), 8),
        ClassRow("void", (), 0, ignore=True),
    ]
    table = ClassTable.build(rows, renumber=True)
    assert [loss.message for loss in write_table(tmp_path / "a.csv", table)] == [
        "which classes are ignored (--ignore NAME): void",
        "ignored classes without a colour of their own: void",
        "further colours of road",
        "which classes have no colour (the painted one is written): sky",
        "further ids of road",
        "that ids are numbered anew (--renumber)",
    ]
    assert (tmp_path / "a.csv").read_text() == "name,r,g,b,id\nroad,1,1,1,7\nsky,128,0,0,8\n"
    lost = write_table(tmp_path / "labelmap.txt", table)
    assert lost[-1].message == "ids in source masks of road, sky, void"
    assert (tmp_path / "labelmap.txt").read_text().splitlines()[1:] == ["road:1,1,1::", "sky:::", "void:::"]


def test_names_that_a_dialect_cannot_hold_and_names_of_no_dialect_are_errors(tmp_path):
    table = ClassTable.build([ClassRow("a:b", ((1, 2, 3),)), ClassRow("c\nd", ((1, 2, 4),))])
    with pytest.raises(ClassTableError, match=r"labelmap\.txt cannot hold the class names 'a:b'"):
        write_table(tmp_path / "labelmap.txt", table)
    with pytest.raises(ClassTableError, match=r"label_colors\.txt cannot hold the class names 'c\\nd'"):
        write_table(tmp_path / "label_colors.txt", table)
    with pytest.raises(UsageError, match="the name tells no dialect"):
        write_table(tmp_path / "table.txt", table)
    assert list(tmp_path.iterdir()) == []


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda s: s.strip() == s),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(NAMES, st.data())
def test_any_table_reads_back_from_native_yaml(names, data):
    colors = data.draw(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=12, max_size=12, unique=True))
    ids = data.draw(st.lists(st.integers(0, 300), min_size=len(names), max_size=len(names), unique=True))
    rows = [
        ClassRow(
            name,
            tuple(colors[2 * i : 2 * i + data.draw(st.integers(0, 2))]),
            ids[i],
            ignore=i > 0 and data.draw(st.booleans()),
            merge_into=names[0] if i > 0 and data.draw(st.booleans()) else None,
        )
        for i, name in enumerate(names)
    ]
    try:
        table = ClassTable.build(rows, renumber=True)
    except ClassTableError:  # the only class that is not ignored has id 255
        return
    content, lost = dump_table("t.yaml", table)
    raw = read_as(File("t.yaml", content.decode(), Problems("t.yaml")))
    assert ClassTable.build(raw.rows, renumber=raw.renumber) == table
    assert lost == ()
