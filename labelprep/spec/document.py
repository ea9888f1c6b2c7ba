"""YAML text to plain values, with the place of every key and value for messages.

The text may come from anyone: only plain YAML is taken. Tags, anchors and aliases are refused, and so are
repeated keys, texts over 1 MB and nesting past 20 levels, before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from labelprep.errors import SpecError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20

Keys = tuple[Any, ...]  # the way from the top to a value: keys and list positions
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}
_AS_WRITTEN = {f"tag:yaml.org,2002:{name}" for name in ("timestamp", "merge")}


@dataclass
class Document:
    """Plain values and where each of them stands.

    Attributes:
        source: the file's name, for messages.
        values: what the text says: dicts, lists, words, numbers, flags and None.
        keys: (line, column) of every key, from 1.
        places: (line, column) of every value, from 1.
        overrides: the `--set` option that gave a value, by its way.
    """

    source: str
    values: Any = None
    keys: dict[Keys, tuple[int, int]] = field(default_factory=dict)
    places: dict[Keys, tuple[int, int]] = field(default_factory=dict)
    overrides: dict[Keys, str] = field(default_factory=dict)

    def place(self, way: Keys, *, key: bool = False) -> tuple[str, tuple[int, int]]:
        """Where a value (or its key) stands, as text and as a sort key; else the nearest one around it."""
        marks = self.keys if key else self.places
        for length in range(len(way), -1, -1):
            around = way[:length]
            if around in self.overrides:
                return f"--set {self.overrides[around]}", (1 << 30, list(self.overrides).index(around))
            line_column = marks.get(around) or self.keys.get(around) or self.places.get(around)
            if line_column:
                return f"{self.source}:{line_column[0]}:{line_column[1]}", line_column
        return self.source, (0, 0)


def read_document(path: Path) -> Document:
    """The document in a file.

    Raises:
        SpecError: no such file, too large, not UTF-8, not YAML, or YAML that is not plain; with line and column.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        near = _near(path) or "; to make one: labelprep init DATASET -o SPEC"
        raise SpecError([f"{path}: cannot read the spec: {error.strerror or error}{near}"]) from None
    if len(data) > MAX_BYTES:
        raise SpecError([f"{path}: expected a spec of at most 1 MB, got a larger file"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpecError([f"{path}:{line}:1  expected UTF-8 text, got the byte 0x{data[error.start]:02x}"]) from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """The document in a text.

    Raises:
        SpecError: as `read_document`.
    """
    document = Document(source)
    reader = YAML(typ="safe", pure=True)
    try:
        problems = list(_not_plain(text, source))
        if problems:
            raise SpecError(problems)
        node = reader.compose(text)
        if node is not None:
            document.values = _build(node, (), document, reader, problems)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        context = f" {error.context}" if error.context else ""
        raise SpecError([f"{place}  not YAML: {error.problem}{context}"]) from None
    except (YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SpecError([f"{source}  not YAML: {reason}"]) from None
    if problems:
        raise SpecError(problems)
    return document


def _not_plain(text: str, source: str) -> Iterator[str]:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            yield f"{_at(source, event)}  expected at most {MAX_DEPTH} levels of nesting"
            return
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            mark = "*" if isinstance(event, AliasEvent) else "&"
            got = f"{mark}{event.anchor}; write the value out in both places"
            yield f"{_at(source, event)}  expected plain YAML, got {got}"
        elif tag := getattr(event, "tag", None):
            yield f"{_at(source, event)}  expected plain YAML, got the tag {tag}"


def _at(source: str, marked: Any) -> str:
    return f"{source}:{marked.start_mark.line + 1}:{marked.start_mark.column + 1}"


def _build(node: Node, way: Keys, document: Document, reader: YAML, problems: list[str]) -> Any:
    document.places[way] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, SequenceNode):
        return [_build(item, (*way, i), document, reader, problems) for i, item in enumerate(node.value)]
    if not isinstance(node, MappingNode):
        return _scalar(node, reader)
    values: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, ScalarNode):
            problems.append(f"{_at(document.source, key_node)}  expected a word as key")
            continue
        key = _scalar(key_node, reader)
        if key in values:
            first = document.keys[*way, key]
            problems.append(f"{_at(document.source, key_node)}  the key {key!r} stands in line {first[0]} already")
            continue
        document.keys[*way, key] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        values[key] = _build(value_node, (*way, key), document, reader, problems)
    return values


def _scalar(node: Node, reader: YAML) -> Any:
    if node.tag in _PLAIN:
        return reader.constructor.construct_object(node)
    if node.tag in _AS_WRITTEN:
        return node.value
    message = f"a value of the kind {node.tag}"
    raise ValueError(message)


def _near(path: Path) -> str:
    import difflib

    try:
        neighbours = sorted(p.name for p in path.parent.iterdir() if p.suffix in {".yaml", ".yml"})
    except OSError:
        return ""
    match = difflib.get_close_matches(path.name, neighbours, 1)
    return f"; did you mean {str(path.with_name(match[0]))!r}?" if match else ""
