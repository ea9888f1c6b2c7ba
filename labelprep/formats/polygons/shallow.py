"""JSON that is nested deeper than any annotation is refused before a parser sees it: theirs take time by its square."""

from __future__ import annotations

from typing import IO

import numpy as np

DEEPEST = 64
_STEPS = np.zeros(256, np.int64)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1
_REST = bytes(set(range(256)) - set(b"[]{}"))


class Shallow:
    """A file of JSON, read piece by piece.

    Args:
        file: opened for reading bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._depth, self._in_text = file, 0, False

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            ValueError: where they are nested more than 64 deep.
        """
        piece = self._file.read(size)
        while piece.endswith(b"\\") and (more := self._file.read(1)):  # what is escaped stands behind it
            piece += more
        # without escapes, every second part between quotes is outside of texts
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[self._in_text :: 2]).translate(None, _REST)
        self._in_text ^= len(parts) % 2 == 0
        if outside:
            depths = self._depth + np.cumsum(_STEPS[np.frombuffer(outside, np.uint8)])
            self._depth = int(depths[-1])
            if depths.max() > DEEPEST:
                message = f"objects and lists are nested more than {DEEPEST} deep"
                raise ValueError(message)
        return piece
