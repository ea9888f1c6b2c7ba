"""Damaged and malicious class tables: one message with the file and, where it can be told, the line; no traceback."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelprep.errors import ClassTableError, UsageError
from labelprep.formats.class_tables import build_table, load_table, read_rows
from labelprep.formats.tables.dialects import DIALECTS, File, read_as
from labelprep.formats.tables.text import Problems


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[" * 100_000, "nested too deep"),
        ("a.json", '{"a":' * 30 + "1" + "}" * 30, ":1: no class table: nested too deep"),
        ("a.yaml", "names: " + "[" * 1000, "nested too deep"),
        ("a.py", "CLASSES = " + "[" * 5000, "nested too deep|too many nested"),
        ("a.py", "CLASSES = " + "-" * 50_000 + "1", "nested too deep|no valid Python"),
        ("a.json", '{\n"0": ' + "9" * 5000 + "}", ":2: no number for a class table"),
        (
            "a.json",
            '{"labels": {"a":\n 99999999999999999999}}',
            "expected an id, a whole number, got 99999999999999999999",
        ),
        ("a.json", '{"labels":\n{"a": NaN}}', ":2: no number for a class table: NaN"),
        ("a.json", '{"labels": {"a": 1e400}}', "expected an id, a whole number, got inf"),
        ("a.json", '{"0": "a",\n"1": "b",\n"0": "c"}', ":3: the key '0' is given twice, first in line 1"),
        ("a.json", '{"0": "\\ud800"}', ":1: .*got half of a character: '.ud800'"),
        ("a.json", '{"classes": ["a"], "palette": [["x", {}, []]]}', r"palette\[0\]: expected \[r, g, b\]"),
        ("a.json", '{"0": "a"', ":1: no valid JSON"),
        ("a.json", '{"0": "a"}\n{"1": "b"}', ":2: no valid JSON: Extra data"),
        ("a.json", "nothing", "no valid JSON"),
        ("a.json", b'{"0": "\xe4"}', ":1: expected UTF-8 text, got the byte 0xe4"),
        ("a.yaml", "names: {0: a, 0: b}", "duplicate key"),
        ("a.yaml", "names: &n [a]\nlabel_mapping: *n", ":2: aliases are not read"),
        ("a.yaml", "names: !!python/object/apply:os.abort []", r"expected `names`|no classes|expected a list"),
        ("a.py", "CLASSES = ['a'] + ['b']", ":1: expected plain lists, names and numbers"),
        ("a.py", "METAINFO = dict(**{'classes': ['a']})", ":1: expected plain lists"),
        ("a.py", "METAINFO = {['a']: 1}", ":1: expected plain lists"),
        ("a.py", "CLASSES = ['a']\0", "binary"),
        ("labels.txt", "a\n__ignore__\n", ":2: __ignore__ stands behind 'a'; labelme has it first"),
        ("labels.txt", "__ignore__\na\n_background_\n", ":3: _background_ would have id 1; labelme has it as id 0"),
        ("labels.txt", "__ignore__\n", "no classes in it"),
        (
            "objectInfo150.txt",
            "Idx\tRatio\tName\nx\t1\twall\n2\t1\t\n",
            ":2: Idx: expected a whole number from 1, got x",
        ),
    ],
)
def test_a_trap_is_one_message_with_its_place(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ClassTableError, match=message) as caught:
        read_rows(path)
    assert name in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("id2label.json", '{"0": "räd",\n"1": "b"}\n'),
        ("data.yaml", "names:\n  0: räd\n  1: b\n"),
        ("metainfo.py", "CLASSES = [\n    'räd',\n    'b']\n"),
        ("labels.txt", "__ignore__\nräd\nb\n"),
        ("dataset.json", '{"labels":\n{"räd": 0, "b": 1}}'),
    ],
)
def test_marks_encodings_and_line_ends_do_not_matter(tmp_path, name, content, encoding, end):
    data = content.replace("\n", end).encode(encoding)
    if encoding.startswith("utf-16-"):
        data = (b"\xff\xfe" if encoding.endswith("le") else b"\xfe\xff") + data
    (tmp_path / name).write_bytes(data)
    assert load_table(tmp_path / name).names == ("räd", "b")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.floats()
    | st.sampled_from(["a", "", "#ff0000", "0", "ignore"]),
    lambda some: (
        st.lists(some, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["classes", "labels", "names", "name", "title", "color", "palette", "label_map", "id2label", "0", "1"]
            )
            | st.sampled_from(
                ["segmentation_colors", "label_mapping", "png_index", "class_name", "evaluate", "METAINFO", "id"]
            ),
            some,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(JSON)
def test_any_json_is_a_table_or_a_message(value):
    try:
        raw = read_as(File("a.json", json.dumps(value), Problems("a.json")))
        build_table(raw, index_output=True)
    except UsageError as error:
        assert "a.json" in str(error)  # noqa: PT017 - either way is right


@settings(max_examples=100)
@given(
    st.sampled_from([d.files[0] for d in DIALECTS]),
    st.text(st.sampled_from(list("abc019:,;\t\n #{}[]()'\"=-_\\")), min_size=1, max_size=40).filter(str.strip),
)
def test_any_text_is_a_table_or_a_message(name, text):
    try:
        build_table(read_as(File(name, text, Problems(name))), index_output=True)
    except UsageError as error:
        assert name in str(error)  # noqa: PT017 - either way is right
