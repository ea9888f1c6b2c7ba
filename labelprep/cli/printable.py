"""Text for a terminal: a name must not move the cursor, change colours, turn a line around or begin one of its own."""

from __future__ import annotations

import re
from typing import TextIO

# control characters, line and paragraph separators, marks of direction, bytes that are no UTF-8
_UNSEEN = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_TEXT = re.compile(f"[{_UNSEEN}]")
_LINE = re.compile(f"[{_UNSEEN}\t\n]")


def printable(text: str) -> str:
    r"""Lines of text, with escapes in the place of what is not seen.

    >>> printable("a\x1b[31m\u202eb\nc")
    'a\\x1b[31m\\u202eb\nc'
    """
    return _TEXT.sub(_escaped, text)


def in_line(text: str) -> str:
    r"""A name inside a line: as `printable`, and line ends and tabs are escaped too.

    >>> in_line("a\nERROR b")
    'a\\nERROR b'
    """
    return _LINE.sub(_escaped, text)


def in_json(text: str) -> str:
    r"""JSON of one line, its strings without raw characters that are not seen or that some readers take for line ends.

    >>> in_json('"a\u2028b\x7f"')
    '"a\\u2028b\\u007f"'
    """
    return _TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_utf8(stream: TextIO) -> bool:
    """Whether a stream takes every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"


def encodable(text: str, stream: TextIO) -> str:
    """Text with escapes in the place of what a stream cannot write."""
    if is_utf8(stream):
        return text
    encoding = stream.encoding
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
