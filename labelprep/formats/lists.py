"""Lists of files: pairs as CSV, TSV, JSON Lines or SegNet's text, and split lists of names. All read line by line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labelprep.errors import LayoutError
from labelprep.formats.layouts import split_ending
from labelprep.storage.place import Place

_WORD = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True)
class ListedPair:
    """One line of a list of pairs; paths as written, POSIX.

    Attributes:
        line: its number, from 1.
        mask: path, or None for an image without a mask.
        image: path, or None for a mask without an image.
        split: the split that the line names, or None.
    """

    line: int
    mask: str | None
    image: str | None
    split: str | None


def read_pairs(path: Place) -> Iterator[ListedPair]:
    """The lines of a list with the columns image, mask and, where there, split; JSON Lines have keys instead.

    Raises:
        LayoutError: no header, a line that is no JSON, text that is not UTF-8; names file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _json_rows(path, file) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(path, file)
            for line, row in rows:
                pair = ListedPair(line, _cell(row, "mask"), _cell(row, "image"), _cell(row, "split"))
                if pair.mask or pair.image:
                    yield pair
    except OSError as error:
        message = f"the list of pairs cannot be read: {error.strerror or error}"
        raise LayoutError(message, path=path) from error
    except UnicodeDecodeError as error:
        message = f"the list of pairs is not UTF-8 text: {error.reason} at byte {error.start}"
        raise LayoutError(message, path=path, hint="save it as UTF-8") from error


def _cell(row: dict[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None or str(value).strip() == "":
        return None
    return str(value).strip() if name == "split" else str(value)


def _csv_rows(path: Place, file: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    header = next(file, "")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in header and "," not in header else ","
    names = [n.strip().lower() for n in next(csv.reader([header], delimiter=delimiter), [])]
    missing = [n for n in ("image", "mask") if n not in names]
    if missing:
        message = f"{path}:1: the header needs the columns image and mask; found {', '.join(names) or 'nothing'}"
        raise LayoutError(message, path=path, hint="first line: image,mask or image,mask,split")
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num + 1, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        message = f"{path}:{reader.line_num + 1}: {error}"
        raise LayoutError(message, path=path) from error


def _json_rows(path: Place, file: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            message = f"{path}:{number}: not JSON: {error}"
            raise LayoutError(message, path=path) from error
        if not isinstance(row, dict) or not {"image", "mask"} & set(row):
            message = f'{path}:{number}: expected an object such as {{"image": "a.jpg", "mask": "a.png"}}'
            raise LayoutError(message, path=path)
        yield number, row


def read_camvid(path: Place, split: str | None) -> Iterator[ListedPair]:
    """The lines `image mask` of a SegNet list; paths with blanks stand in double quotes.

    Raises:
        LayoutError: a line of more than two paths.
    """
    for number, text in _lines(path):
        words = [quoted or plain for quoted, plain in _WORD.findall(text)]
        if len(words) > 2:
            message = f"{path}:{number}: expected an image and a mask, found {len(words)} words"
            raise LayoutError(message, path=path, hint='paths with blanks stand in double quotes: "a b.png"')
        yield ListedPair(number, words[1].lstrip("/") if len(words) == 2 else None, words[0].lstrip("/"), split)


def read_names(path: Place) -> Iterator[tuple[int, str]]:
    """The lines of a split list: number and name, without a picture's ending, quotes, comments and blanks."""
    for number, text in _lines(path):
        name = text[1:].split('"')[0] if text.startswith('"') else text
        yield number, split_ending(name.removeprefix("./").lstrip("/"))[0]


def _lines(path: Place) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, text in enumerate(file, 1):
                if text.strip() and not text.startswith("#"):
                    yield number, text.strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"the list cannot be read: {error}"
        raise LayoutError(message, path=path) from error


def inside(text: str) -> str | None:
    """A listed path in plain form, or None where it is absolute or climbs out with `..`.

    Backslashes separate folders too: lists are written on Windows and read elsewhere.

    >>> inside("a/./b/../c.png"), inside("a\\\\c.png"), inside("../c.png"), inside("/c.png"), inside("C:/c.png")
    ('a/c.png', 'a/c.png', None, None, None)
    """
    text = text.replace("\\", "/")
    if text.startswith("/") or text[1:2] == ":":
        return None
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or None
