"""labelprep's own class tables: YAML or JSON with a list `classes`.

```yaml
renumber: true              # optional: accept new ids where ignoring leaves gaps
classes:
  - {id: 7, name: road, color: [128, 64, 128], aliases: ["#804081"]}
  - {id: 8, name: kerb, color: "#F423E8", merge_into: road}
  - {id: 0, name: unlabeled, ignore: true}
```
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelprep.class_rows import RGB, ClassRow
from labelprep.formats.tables.fields import color_in, keys_shown, name_in
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen
from labelprep.nearest import did_you_mean

SAYS = Says("all", "all", "marked")
_TABLE_KEYS = ("classes", "renumber")
_ROW_KEYS = ("id", "name", "color", "ignore", "aliases", "merge_into")


def misfit(root: Value) -> Misfit:
    """Why a file is no native class table: line and reason."""
    if "classes" in root.mapping:
        return None
    return root.line, f"expected a mapping with a list `classes`; got {keys_shown(root)}"


def read(root: Value, problems: Problems) -> RawTable:
    """Rows of a native class table.

    A row has a `name` and may have `id`, `color`, `ignore`, `aliases` (further colours that mean the class) and
    `merge_into` (the name of the class that takes its pixels). Without ids, the order of the rows is the id.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    _unknown_keys(root, _TABLE_KEYS, "", problems)
    renumber = root.mapping.get("renumber", Value(False, 1))
    if not isinstance(renumber.plain, bool):
        problems.add(renumber.line, f"renumber: expected true or false, got {seen(renumber)}")
    entries = root.mapping["classes"]
    if not entries.items:
        raise problems.stop(entries.line, f"classes: expected a list of classes, got {seen(entries)}")
    rows = [_Row(entry, f"classes[{i}]", problems).read() for i, entry in enumerate(entries.items)]
    problems.raise_if_any()
    return RawTable(tuple(row for row in rows if row is not None), problems.source, renumber.plain is True)


@dataclass
class _Row:
    """One entry of `classes` on its way to a `ClassRow`."""

    entry: Value
    where: str
    problems: Problems

    def read(self) -> ClassRow | None:
        entry = self.entry
        if not entry.is_mapping:
            example = "{name: road, color: [128, 64, 128]}"
            message = f"{self.where}: expected a mapping such as {example}, got {seen(entry)}"
            self.problems.add(entry.line, message)
            return None
        _unknown_keys(entry, _ROW_KEYS, f"{self.where}.", self.problems)
        name = self.text("name")
        if "name" not in entry.mapping:
            keys = ", ".join(map(str, entry.mapping))
            self.problems.add(entry.line, f"{self.where}: expected a name, got the keys {keys}")
        return ClassRow(
            name or "", self.colors(), self.id(), self.flag("ignore"), self.text("merge_into"), line=entry.line
        )

    def wrong(self, key: str, expected: str) -> None:
        value = self.entry.mapping[key]
        self.problems.add(value.line, f"{self.where}.{key}: expected {expected}, got {seen(value)}")

    def text(self, key: str) -> str | None:
        value = self.entry.mapping.get(key)
        return None if value is None else name_in(value, f"{self.where}.{key}", self.problems) or None

    def flag(self, key: str) -> bool:
        value = self.entry.mapping.get(key)
        if value is not None and not isinstance(value.plain, bool):
            self.wrong(key, "true or false")
        return value is not None and value.plain is True

    def id(self) -> int | None:
        value = self.entry.mapping.get("id")
        number = None if value is None or isinstance(value.plain, float) else value.number
        if value is not None and number is None:
            self.wrong("id", "a whole number")
        return number

    def colors(self) -> tuple[RGB, ...]:
        """The colour and behind it its aliases."""
        aliases = self.entry.mapping.get("aliases")
        if aliases is not None and not aliases.is_list:
            self.wrong("aliases", 'a list of colours, each [r, g, b] with values 0..255 or "#RRGGBB" in quotes')
        written = [("color", self.entry.mapping["color"])] if "color" in self.entry.mapping else []
        written += [("aliases", alias) for alias in (aliases.items if aliases else ())]
        found = [c for key, value in written for c in color_in(value, f"{self.where}.{key}", self.problems)]
        return tuple(dict.fromkeys(found))


def _unknown_keys(value: Value, known: Sequence[str], where: str, problems: Problems) -> None:
    for key, held in value.mapping.items():
        if key not in known:
            guess = did_you_mean(str(key), known) or f"; known are {', '.join(known)}"
            problems.add(held.line, f"{where}{key}: unknown key{guess}")


def dump(table: RawTable) -> str:
    """Rows as YAML that reads back as the same rows."""
    body = [f"  - {{{', '.join(_parts(row))}}}" for row in table.rows]
    return "\n".join([*(["renumber: true"] if table.renumber else []), "classes:", *body, ""])


def _parts(row: ClassRow) -> list[str]:
    entry = _entry(row)
    words = {"name": _quoted(row.name), "ignore": "true", "merge_into": _quoted(row.merge_into or "")}
    return [f"{key}: {words.get(key, value)}" for key, value in entry.items()]


def dump_json(table: RawTable) -> str:
    """Rows as JSON, a row a line."""
    rows = ",\n".join(f"    {json.dumps(_entry(row), ensure_ascii=False)}" for row in table.rows)
    head = '  "renumber": true,\n' if table.renumber else ""
    return f'{{\n{head}  "classes": [\n{rows}\n  ]\n}}\n'


def _entry(row: ClassRow) -> dict[str, Any]:
    entry: dict[str, Any] = {} if row.id is None else {"id": row.id}
    entry["name"] = row.name
    if row.colors:
        entry["color"] = list(row.colors[0])
    if row.colors[1:]:
        entry["aliases"] = [list(color) for color in row.colors[1:]]
    if row.merge_into is not None:
        entry["merge_into"] = row.merge_into
    return entry | ({"ignore": True} if row.ignore else {})


def _quoted(name: str) -> str:
    """A name as a YAML scalar: plain where that is safe, else in double quotes."""
    if re.fullmatch(r"[A-Za-z][\w-]*(?: [\w-]+)*", name, re.ASCII) and name.casefold() not in ("true", "false", "null"):
        return name
    safe = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in name)
    return f'"{"".join(safe)}"'
