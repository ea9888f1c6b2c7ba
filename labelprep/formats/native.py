"""labelprep's own class tables: YAML with a list `classes`, safe and with the line of every row.

```yaml
renumber: true              # optional: accept new ids where ignoring leaves gaps
classes:
  - {id: 7, name: road, color: [128, 64, 128], aliases: ["#804081"]}
  - {id: 8, name: kerb, color: "#F423E8", merge_into: road}
  - {id: 0, name: unlabeled, ignore: true}
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from labelprep.class_rows import RGB, ClassRow
from labelprep.classes import ClassTable
from labelprep.formats.table_text import Problems, RawTable, color_from_text, color_of, did_you_mean

_MAX_DEPTH = 20
_NESTED = "no class table: nested too deep; expected a list `classes` of rows"
_TABLE_KEYS = ("classes", "renumber")
_ROW_KEYS = ("id", "name", "color", "ignore", "aliases", "merge_into")
_COLOR = '[r, g, b] with values 0..255 or "#RRGGBB" in quotes'


def read_native(text: str, source: str) -> RawTable:
    """Rows of a YAML class table.

    A row has a `name` and may have `id`, `color`, `ignore`, `aliases` (further colours that mean the class) and
    `merge_into` (the name of the class that takes its pixels). Without ids, the order of the rows is the id.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    problems = Problems(source)
    root = _load(text, problems)
    if not isinstance(root, Mapping) or "classes" not in root:
        keys = (
            f"; got the keys {', '.join(map(str, root)) or '(none)'}"
            if isinstance(root, Mapping)
            else f"; got {_seen(root)}"
        )
        raise problems.stop(1, f"no class table: expected a mapping with a list `classes`{keys}")
    _unknown_keys(root, _TABLE_KEYS, "", problems)
    renumber = root.get("renumber", False)
    if not isinstance(renumber, bool):
        problems.add(_line(root, "renumber"), f"renumber: expected true or false, got {_seen(renumber)}")
    entries = root["classes"]
    if not _is_list(entries) or not entries:
        raise problems.stop(_line(root, "classes"), f"classes: expected a list of classes, got {_seen(entries)}")
    rows = [_Row(entry, entries.lc.item(i)[0] + 1, f"classes[{i}]", problems).read() for i, entry in enumerate(entries)]
    problems.raise_if_any()
    return RawTable(tuple(row for row in rows if row is not None), source, renumber is True)


def _load(text: str, problems: Problems) -> Any:
    """The document as ruamel's round-trip types, which know their lines and build no objects of other kinds."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        deep = max(accumulate((c in "[{") - (c in "]}") for c in text))
        if "*" in text or deep > _MAX_DEPTH:
            _refuse_tricks(YAML(typ="rt").parse(text), problems)
        return YAML(typ="rt").load(text)
    except RecursionError:
        raise problems.stop(1, _NESTED) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise problems.stop(mark.line + 1 if mark else 1, f"no valid YAML: {what}") from None


def _refuse_tricks(events: Iterable[Any], problems: Problems) -> None:
    """Aliases and deep nesting: a few lines of them can stand for gigabytes, or take minutes to read."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if kind == "AliasEvent":
            raise problems.stop(event.start_mark.line + 1, "aliases are not read here; write the value out")
        if depth > _MAX_DEPTH:
            raise problems.stop(event.start_mark.line + 1, _NESTED)


@dataclass
class _Row:
    """One entry of `classes` on its way to a `ClassRow`."""

    entry: Any
    line: int
    where: str
    problems: Problems

    def read(self) -> ClassRow | None:
        if not isinstance(self.entry, Mapping):
            example = "{name: road, color: [128, 64, 128]}"
            self.problems.add(self.line, f"{self.where}: expected a mapping such as {example}, got {_seen(self.entry)}")
            return None
        _unknown_keys(self.entry, _ROW_KEYS, f"{self.where}.", self.problems)
        name = self.text("name")
        if "name" not in self.entry:
            self.problems.add(
                self.line, f"{self.where}: expected a name, got the keys {', '.join(map(str, self.entry))}"
            )
        return ClassRow(
            name or "", self.colors(), self.id(), self.flag("ignore"), self.text("merge_into"), line=self.line
        )

    def wrong(self, key: str, expected: str, got: Any) -> None:
        self.problems.add(_line(self.entry, key), f"{self.where}.{key}: expected {expected}, got {_seen(got)}")

    def text(self, key: str) -> str | None:
        value = self.entry.get(key)
        if key in self.entry and (not isinstance(value, str) or not value.strip()):
            number = isinstance(value, int | float)
            self.wrong(key, "a class name in quotes" if number else "a class name", value)
        return str(value).strip() if isinstance(value, str) and value.strip() else None

    def flag(self, key: str) -> bool:
        value = self.entry.get(key, False)
        if not isinstance(value, bool):
            self.wrong(key, "true or false", value)
        return value is True

    def id(self) -> int | None:
        value = self.entry.get("id")
        if "id" in self.entry and not _is_int(value):
            self.wrong("id", "a whole number", value)
        return int(value) if _is_int(value) else None

    def colors(self) -> tuple[RGB, ...]:
        """The colour and behind it its aliases."""
        found = []
        aliases = self.entry.get("aliases", [])
        if not _is_list(aliases):
            self.wrong("aliases", f"a list of colours, each {_COLOR}", aliases)
            aliases = []
        written = [("color", self.entry["color"])] if "color" in self.entry else []
        for key, value in [*written, *(("aliases", alias) for alias in aliases)]:
            color = _color(value)
            if color is None:
                self.wrong(key, _COLOR, value)
            else:
                found.append(color)
        return tuple(dict.fromkeys(found))


def _color(value: Any) -> RGB | None:
    if isinstance(value, str):
        return color_from_text(value)
    return color_of(int(v) if _is_int(v) else None for v in value) if _is_list(value) and len(value) == 3 else None


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _line(mapping: Any, key: str) -> int:
    return int(mapping.lc.key(key)[0]) + 1


def _unknown_keys(mapping: Any, known: Sequence[str], where: str, problems: Problems) -> None:
    for key in mapping:
        if key not in known:
            guess = did_you_mean(str(key), known) or f"; known are {', '.join(known)}"
            problems.add(_line(mapping, key), f"{where}{key}: unknown key{guess}")


def _seen(value: Any) -> str:
    """A value as a person reads it in a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    text = repr(str(value)) if isinstance(value, str) else str(list(value) if _is_list(value) else value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def dump_native(table: ClassTable) -> str:
    """A table as YAML that reads back as the same kept and ignored classes.

    Rows that were merged come back as colours (`aliases`) and ids (rows named `class (id)`) of the class that took
    them: a table does not keep their names.
    """
    body = []
    for c in table.classes:
        color, *aliases = c.colors or (None,)
        if c.color in c.colors:
            color, aliases = c.color, [x for x in c.colors if x != c.color]
        body.append(_entry(c.name, c.source_ids[:1], color, aliases))
    body += [
        _entry(f"{c.name} ({value})", (value,), None, (), f"merge_into: {_quoted(c.name)}")
        for c in table.classes
        for value in c.source_ids[1:]
    ]
    for void in table.ignored:
        color, *aliases = void.colors or (None,)
        body.append(_entry(void.name, void.source_ids[:1], color, aliases, "ignore: true"))
    moved = any(c.source_ids[:1] != (c.id,) for c in table.classes)
    return "\n".join([*(["renumber: true"] if moved else []), "classes:", *body, ""])


def _entry(name: str, ids: Sequence[int], color: RGB | None, aliases: Sequence[RGB | None], *more: str) -> str:
    parts = [*(f"id: {v}" for v in ids), f"name: {_quoted(name)}"]
    parts += [] if color is None else [f"color: {list(color)}"]
    parts += [f"aliases: {[list(a) for a in aliases if a is not None]}"] if aliases else []
    return f"  - {{{', '.join([*parts, *more])}}}"


def _quoted(name: str) -> str:
    """A name as a YAML scalar: plain where that is safe, else in double quotes."""
    if re.fullmatch(r"[A-Za-z][\w-]*(?: [\w-]+)*", name, re.ASCII) and name.casefold() not in ("true", "false", "null"):
        return name
    safe = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in name)
    return f'"{"".join(safe)}"'
