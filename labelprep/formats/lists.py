"""Lists of files: pairs in many dialects, and split lists of names. All but one are read line by line."""

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
_FOLDS_BYTES = 100_000_000
# columns of `metadata.jsonl` that name a mask, the surest first
MASK_COLUMNS = tuple(
    f"{word}{ending}"
    for ending in ("_file_name", "")
    for word in ("mask", "label", "annotation", "segmentation", "segmentation_mask", "semantic_mask", "target", "gt")
)


@dataclass(frozen=True)
class ListedPair:
    """One line of a list of pairs; paths as written, POSIX.

    Attributes:
        line: its number, from 1.
        mask: path, or None for an image without a mask.
        image: path, or None for a mask without an image.
        split: the split that the line names, or None.
        key: the sample's name, where the line gives it.
    """

    line: int
    mask: str | None
    image: str | None
    split: str | None
    key: str | None = None


def read_pairs(path: Place) -> Iterator[ListedPair]:
    """The lines of a list with the columns image, mask and, where there, split and key; JSON Lines have keys instead.

    Raises:
        LayoutError: no header, a line that is no JSON, text that is not UTF-8; names file and line.
    """
    for line, row in _rows(path, ("image", "mask")):
        pair = ListedPair(line, *(_cell(row, name) for name in ("mask", "image", "split", "key")))
        if pair.mask or pair.image:
            yield pair


def read_metadata(path: Place, split: str | None) -> Iterator[ListedPair]:
    """The lines of Hugging Face's `metadata.jsonl` or `.csv`: `file_name` is the image, another column the mask.

    Raises:
        LayoutError: as `read_pairs`.
    """
    column = None
    for line, row in _rows(path, ("file_name",)):
        column = column or _mask_column(row)
        mask = None if column is None else _cell(row, column)
        if mask or _cell(row, "file_name"):
            yield ListedPair(line, mask, _cell(row, "file_name"), _cell(row, "split") or split, _cell(row, "key"))


def has_mask_column(path: Place) -> bool:
    """Whether the first line of a `metadata.jsonl` or `.csv` names a mask; one that cannot be read says no."""
    try:
        row = next(_rows(path, ("file_name",)), (0, {}))[1]
    except LayoutError:
        return False
    return _mask_column(row) is not None


def _mask_column(row: dict[str, Any]) -> str | None:
    return next((name for name in MASK_COLUMNS if isinstance(row.get(name), str) and split_ending(row[name])[1]), None)


def read_images(path: Place, split: str | None, masks_dir: str) -> Iterator[ListedPair]:
    """The lines of Ultralytics' list of images; a mask's path has `masks_dir` in place of the last part `images`.

    Raises:
        LayoutError: a line without such a part, or text that cannot be read.
    """
    for number, text in _lines(path):
        image = text.removeprefix("./")
        parts = split_ending(image)[0].split("/")
        if "images" not in parts:
            message = f"{path}:{number}: expected a path with a part called images, got {text!r}"
            raise LayoutError(message, path=path)
        last = len(parts) - 1 - parts[::-1].index("images")
        mask = "/".join([*parts[:last], masks_dir, *parts[last + 1 :]]) + ".png"
        key = "/".join([*parts[:last], *parts[last + 1 :]])
        yield ListedPair(number, mask, image, split, key if inside(key) == key else None)


def _rows(path: Place, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            is_json = path.suffix.lower() in (".jsonl", ".ndjson")
            yield from _json_rows(path, file, needed) if is_json else _csv_rows(path, file, needed)
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


def _csv_rows(path: Place, file: Iterator[str], needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    header = next(file, "")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in header and "," not in header else ","
    names = [n.strip().lower() for n in next(csv.reader([header], delimiter=delimiter), [])]
    if not set(needed) <= set(names):
        message = (
            f"{path}:1: the header needs the columns {' and '.join(needed)}; found {', '.join(names) or 'nothing'}"
        )
        hint = "first line: image,mask or image,mask,split" if "mask" in needed else None
        raise LayoutError(message, path=path, hint=hint)
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num + 1, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        message = f"{path}:{reader.line_num + 1}: {error}"
        raise LayoutError(message, path=path) from error


def _json_rows(path: Place, file: Iterator[str], needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            message = f"{path}:{number}: not JSON: {error}"
            raise LayoutError(message, path=path) from error
        if not isinstance(row, dict) or not set(needed) & set(row):
            example = json.dumps({name: f"a.{'png' if name == 'mask' else 'jpg'}" for name in needed})
            message = f"{path}:{number}: expected an object such as {example}"
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


def read_fold(path: Place) -> Iterator[tuple[int, str, str]]:
    """(number, case, split) of the first fold of nnU-Net's `splits_final.json`.

    Raises:
        LayoutError: where it is no list of folds with train and val.
    """
    try:
        with path.open("rb") as file:
            first = json.loads(file.read(_FOLDS_BYTES))[0]
        named = [(str(case), split) for split in ("train", "val") for case in first[split]]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        message = f"expected a list of folds, each with the lists train and val: {error!r}"
        raise LayoutError(message, path=path, hint="mend the file, or move it away") from error
    for number, (case, split) in enumerate(named, 1):
        yield number, case, split


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
