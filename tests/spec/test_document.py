"""Only plain YAML, with the place of everything; nothing that grows or runs."""

import pytest

from labelprep.errors import SpecError
from labelprep.spec.document import MAX_BYTES, parse, read_document


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse(text, "a.yaml")
    return list(caught.value.problems)


def test_values_are_plain_and_places_are_kept():
    document = parse("a: 1e-3\nb: [yes, ~, '1', 2024-01-01, 0x10]\n255: {c: true}\n", "a.yaml")
    assert document.values == {"a": 0.001, "b": ["yes", None, "1", "2024-01-01", 16], 255: {"c": True}}
    assert type(document.values["a"]) is float
    assert document.place(("b", 1))[0] == "a.yaml:2:10"
    assert document.place((255, "c"), key=True)[0] == "a.yaml:3:7"
    assert document.place((255, "missing"))[0] == "a.yaml:3:6"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1,\nb: 2",
         "a.yaml:2:5  not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence"),
        ("a:\n\tb: 1", "a.yaml:2:1  not YAML: found character '\\t' that cannot start any token "
         "while scanning for the next token"),
        ("a: b: c", "a.yaml:1:5  not YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2",
         "a.yaml:2:1  not YAML: but found another document expected a single document in the stream"),
        ("a: 1\nb: 2\na: 3", "a.yaml:3:1  the key 'a' stands in line 1 already"),
        ("a: &x 1\nb: 2", "a.yaml:1:4  expected plain YAML, got &x; write the value out in both places"),
        ("a: *x", "a.yaml:1:4  expected plain YAML, got *x; write the value out in both places"),
        ("a: !!python/object:os.system x", "a.yaml:1:4  expected plain YAML, got the tag "
         "tag:yaml.org,2002:python/object:os.system"),
        ("? {a: 1}\n: 2", "a.yaml:1:3  expected a word as key"),
        ("a: " + "[" * 30 + "]" * 30, "a.yaml:1:23  expected at most 20 levels of nesting"),
    ],
)  # fmt: skip
def test_what_is_not_plain_yaml_is_refused_with_its_place(text, line):
    assert problems(text) == [line]


def test_a_billion_laughs_are_refused_before_anything_is_built():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    assert len(problems("\n".join(lines))) == 60 + 2 * 59


def test_a_large_file_and_another_encoding_are_refused(tmp_path):
    (tmp_path / "big.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SpecError, match="at most 1 MB"):
        read_document(tmp_path / "big.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: Straße".encode("latin-1"))
    with pytest.raises(SpecError, match=r"latin\.yaml:2:1  expected UTF-8 text, got the byte 0xdf"):
        read_document(tmp_path / "latin.yaml")


def test_control_characters_are_refused_in_one_line():
    assert len(problems("a: \x01")) == 1
