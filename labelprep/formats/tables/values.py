"""JSON, YAML and Python literals as values that know their line. Nothing in such a file is ever run."""

from __future__ import annotations

import ast
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from labelprep.formats.tables.text import Problems

MAX_DEPTH = 20
_NESTED = "no class table: nested too deep"
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Value:
    """A value of a file.

    Attributes:
        plain: a string, number, truth value or None; a tuple of `Value`s; or a mapping of keys to `Value`s.
        line: its line, from 1; in a mapping that of its key.
    """

    plain: Any
    line: int

    @property
    def mapping(self) -> Mapping[Any, Value]:
        """What a mapping holds; nothing where it is none."""
        return self.plain if isinstance(self.plain, dict) else {}

    @property
    def items(self) -> tuple[Value, ...]:
        """What a list holds; nothing where it is none."""
        return self.plain if isinstance(self.plain, tuple) else ()

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.plain, dict)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.plain, tuple)

    @property
    def number(self) -> int | None:
        """The whole number that it is, also written `128.0`; None for anything else."""
        whole = isinstance(self.plain, float) and self.plain.is_integer()
        is_int = isinstance(self.plain, int) and not isinstance(self.plain, bool)
        return int(self.plain) if (is_int or whole) and abs(self.plain) < 10**9 else None


def seen(value: Value) -> str:
    """A value as a person reads it in a message."""
    plain = value.plain
    if plain is None:
        return "nothing"
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, dict):
        return "a mapping"
    text = repr(plain) if isinstance(plain, str) else str(_bare(value))
    return text if len(text) <= 60 else f"{text[:59]}…"


def _bare(value: Value) -> Any:
    if value.is_list:
        return ["…" if v.is_mapping else _bare(v) for v in value.items[:20]]
    # a number of 5000 digits cannot be printed, and need not be
    return value.plain if not isinstance(value.plain, int) or abs(value.plain) < 10**30 else "a huge number"


def read_json(text: str, problems: Problems) -> Value:
    """A JSON file; a key that is given twice is noted.

    Raises:
        ClassTableError: with its line, for text that is no JSON, NaN, numbers without end, deep nesting.
    """
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise problems.stop(error.lineno, f"no valid JSON: {error.msg}") from None
    except RecursionError:
        raise problems.stop(1, _NESTED) from None
    return _Json(text, problems).value(0, 0)[0]


class _Json:
    """A walk over text that is known to be JSON, for the lines of its values; scalars are left to the library."""

    def __init__(self, text: str, problems: Problems) -> None:
        self.text, self.problems = text, problems
        self.starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.scalars = json.JSONDecoder(parse_constant=self._constant)

    def value(self, at: int, depth: int) -> tuple[Value, int]:
        at = self._next(at)
        line = bisect_right(self.starts, at)
        if depth > MAX_DEPTH:
            raise self.problems.stop(line, _NESTED)
        if self.text[at] == "{":
            return self._mapping(at + 1, line, depth)
        if self.text[at] == "[":
            return self._list(at + 1, line, depth)
        try:
            plain, end = self.scalars.raw_decode(self.text, at)
        except ValueError as error:  # NaN, or more digits than Python reads
            raise self.problems.stop(line, f"no number for a class table: {str(error).split(':', 1)[0]}") from None
        return Value(plain, line), end

    def _mapping(self, at: int, line: int, depth: int) -> tuple[Value, int]:
        found: dict[str, Value] = {}
        at = self._next(at)
        while self.text[at] != "}":
            at = self._next(at + (self.text[at] == ","))
            here = bisect_right(self.starts, at)
            key, at = self.scalars.raw_decode(self.text, at)
            value, at = self.value(self._next(at) + 1, depth + 1)
            if key in found:
                first = found[key].line
                self.problems.add(here, f"the key {key!r} is given twice, first in line {first}")
            found[key] = Value(value.plain, here)
            at = self._next(at)
        return Value(found, line), at + 1

    def _list(self, at: int, line: int, depth: int) -> tuple[Value, int]:
        found = []
        at = self._next(at)
        while self.text[at] != "]":
            value, at = self.value(at + (self.text[at] == ","), depth + 1)
            found.append(value)
            at = self._next(at)
        return Value(tuple(found), line), at + 1

    def _next(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at

    @staticmethod
    def _constant(word: str) -> Any:
        raise ValueError(word)


def read_yaml(text: str, problems: Problems) -> Value:
    """A YAML file without aliases; objects of other kinds are not built.

    Raises:
        ClassTableError: with its line, for text that is no YAML, keys given twice, aliases and deep nesting.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        deep = max(accumulate((c in "[{") - (c in "]}") for c in text))
        if "*" in text or deep > MAX_DEPTH:
            _refuse_tricks(YAML(typ="rt").parse(text), problems)
        return _from_yaml(YAML(typ="rt").load(text), 1, 0, problems)
    except RecursionError:
        raise problems.stop(1, _NESTED) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise problems.stop(mark.line + 1 if mark else 1, f"no valid YAML: {what}") from None
    except ValueError as error:  # a date that there is not, more digits than Python reads
        raise problems.stop(1, f"no valid YAML: {str(error).splitlines()[0]}") from None


def _refuse_tricks(events: Iterable[Any], problems: Problems) -> None:
    """Aliases and deep nesting: a few lines of them can stand for gigabytes, or take minutes to read."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if kind == "AliasEvent":
            raise problems.stop(event.start_mark.line + 1, "aliases are not read here; write the value out")
        if depth > MAX_DEPTH:
            raise problems.stop(event.start_mark.line + 1, _NESTED)


def _from_yaml(node: Any, line: int, depth: int, problems: Problems) -> Value:
    """Ruamel's round-trip types, which know their lines, as values."""
    if depth > MAX_DEPTH:
        raise problems.stop(line, _NESTED)
    lc = getattr(node, "lc", None)
    if lc is not None and isinstance(node, Mapping):
        lines = {key: int(lc.key(key)[0]) + 1 for key in node}
        return Value({_scalar(k): _from_yaml(v, lines[k], depth + 1, problems) for k, v in node.items()}, line)
    if lc is not None and isinstance(node, Sequence):
        found = (_from_yaml(v, int(lc.item(i)[0]) + 1, depth + 1, problems) for i, v in enumerate(node))
        return Value(tuple(found), line)
    return Value(_scalar(node), line)


def _scalar(node: Any) -> Any:
    """A scalar without ruamel's memory of how it was written."""
    if isinstance(node, bool):
        return node
    return next((kind(node) for kind in (str, int, float) if isinstance(node, kind)), node)


def read_python(text: str, names: Sequence[str], problems: Problems) -> Value:
    """The literals that a Python file assigns to some names, at its top or in its classes; the file is not run.

    Returns:
        A mapping of the names that were found, as written, to their values; `dict(a=1)` counts as a literal.

    Raises:
        ClassTableError: with its line, for text that is no Python, names assigned twice, or no literals.
    """
    try:
        tree = ast.parse(text)
        blocks = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
        found: dict[str, Value] = {}
        for name, value in (pair for body in blocks for pair in _assigned(body)):
            if name in names:
                if name in found:
                    raise problems.stop(value.lineno, f"{name} is assigned twice, first in line {found[name].line}")
                found[name] = _from_python(value, 0, problems)
    except SyntaxError as error:
        raise problems.stop(error.lineno or 1, f"no valid Python: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise problems.stop(1, _NESTED) from None
    except ValueError as error:
        raise problems.stop(1, f"no valid Python: {error}") from None
    return Value(found, 1)


def _assigned(body: Sequence[ast.stmt]) -> Iterable[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign):
            yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _from_python(node: ast.expr, depth: int, problems: Problems) -> Value:
    if depth > MAX_DEPTH:
        raise problems.stop(node.lineno, _NESTED)
    if isinstance(node, ast.List | ast.Tuple):
        return Value(tuple(_from_python(item, depth + 1, problems) for item in node.elts), node.lineno)
    pairs: list[tuple[ast.expr | str | None, ast.expr]] = []
    if isinstance(node, ast.Dict):
        pairs = list(zip(node.keys, node.values, strict=True))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        pairs = [(k.arg, k.value) for k in node.keywords]
    else:
        try:
            return Value(ast.literal_eval(node), node.lineno)
        except (ValueError, TypeError):
            raise _no_literal(node, problems) from None
    found = {}
    for key, value in pairs:
        if key is None:
            raise _no_literal(node, problems)
        plain = key if isinstance(key, str) else _from_python(key, depth + 1, problems).plain
        if isinstance(plain, tuple | dict | list | set):
            raise _no_literal(node, problems)
        found[plain] = _from_python(value, depth + 1, problems)
    return Value(found, node.lineno)


def _no_literal(node: ast.expr, problems: Problems) -> Exception:
    text = ast.unparse(node)
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    return problems.stop(
        node.lineno, f"expected plain lists, names and numbers, which are read and not run; got {shown}"
    )
