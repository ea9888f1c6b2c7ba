"""What all dialects of class tables share: the text of a file, one list of problems, colours and numbers as written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from labelprep.class_rows import RGB, ClassRow
from labelprep.errors import ClassTableError
from labelprep.storage.place import Place

MAX_BYTES = 1_000_000  # a class table is a page of text; anything longer is another file
_SHOWN = 40


@dataclass(frozen=True)
class RawTable:
    """A class table as it was read.

    Attributes:
        rows: its rows in file order.
        source: the file, or `preset:NAME`, for messages.
        renumber: the table itself accepts new ids where ignoring leaves gaps.
        left_out: what else the file says and no class table of ours holds, and what was made of odd forms.
        dialect: what the file was read as, for people.
    """

    rows: tuple[ClassRow, ...]
    source: str
    renumber: bool = False
    left_out: tuple[str, ...] = ()
    dialect: str = ""


@dataclass
class Problems:
    """Everything wrong in one file, listed at once."""

    source: str
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, text: str) -> None:
        """Notes a problem in a line, counted from 1."""
        self.found.append((line, f"{self.source}:{line}: {text}"))

    def stop(self, line: int, text: str, *, hint: str | None = None) -> ClassTableError:
        """The error for a file that cannot be read any further."""
        self.add(line, text)
        return self._error(hint)

    def raise_if_any(self) -> None:
        """Raises what was noted.

        Raises:
            ClassTableError: with a line for every problem.
        """
        if self.found:
            raise self._error(None)

    def _error(self, hint: str | None) -> ClassTableError:
        lines = [text for _, text in sorted(self.found, key=lambda pair: pair[0])]
        more = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        return ClassTableError("\n".join([*lines[:_SHOWN], *more]), path=self.source, hint=hint)


def read_text(path: Place) -> str:
    """The text of a small file: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Raises:
        ClassTableError: for a missing, empty, large or binary file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        message = "no such class table"
        raise ClassTableError(message, path=path, hint="give a file, or preset:NAME") from None
    except OSError as error:
        message = f"cannot read the class table: {error.strerror or error}"
        raise ClassTableError(message, path=path, hint="give a file, or preset:NAME") from None
    if len(data) > MAX_BYTES:
        message = f"no class table: it has more than {MAX_BYTES:,} bytes"
        raise ClassTableError(message, path=path)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{path}:{line}: expected UTF-8 text, got the byte 0x{data[error.start]:02x}"
        raise ClassTableError(message, path=path, hint="save the table as UTF-8") from None
    if "\0" in text:
        message = "no class table: it holds binary data"
        raise ClassTableError(message, path=path)
    if not text.strip():
        message = "the class table is empty"
        raise ClassTableError(message, path=path)
    return text


def whole_number(text: str) -> int | None:
    """The integer that a cell holds, also when written `128.0`; None where it holds none.

    >>> whole_number(" 128.0 "), whole_number("-1"), whole_number("0.5"), whole_number("red")
    (128, -1, None, None)
    """
    match = re.fullmatch(r"\s*([+-]?[0-9]{1,9})(?:\.0*)?\s*", text)
    return int(match[1]) if match else None


def color_of(values: Iterable[int | None]) -> RGB | None:
    """Three numbers as a colour; None unless all are 0..255.

    >>> color_of([128, 64, 0]), color_of([256, 0, 0]), color_of([1, 2])
    ((128, 64, 0), None, None)
    """
    match [v for v in values if v is not None and 0 <= v <= 255]:
        case [r, g, b]:
            return (r, g, b)
    return None


def color_from_text(text: str) -> RGB | None:
    """A colour written `#RRGGBB`, `RRGGBB`, `#RGB`, `r,g,b`, `r g b` or `(r, g, b)`; None for anything else.

    The opacity of `#RRGGBBAA` is left out.

    >>> color_from_text("#3C1098"), color_from_text("(60, 16, 152)"), color_from_text("#fff"), color_from_text("12")
    ((60, 16, 152), (60, 16, 152), (255, 255, 255), None)
    """
    text = text.strip()
    if match := re.fullmatch(r"#?([0-9a-fA-F]{6})", text):
        r, g, b = bytes.fromhex(match[1])
        return (r, g, b)
    if match := re.fullmatch(r"#([0-9a-fA-F]{6})[0-9a-fA-F]{2}", text):
        return color_from_text(match[1])
    if match := re.fullmatch(r"#([0-9a-fA-F]{3})", text):
        r, g, b = (17 * int(digit, 16) for digit in match[1])
        return (r, g, b)
    parts = re.split(r"\s*,\s*|\s+", text.strip("()[]").strip())
    return color_of(whole_number(part) for part in parts) if len(parts) == 3 else None
