"""A journal in a store, where nothing can be appended: numbered parts, each written whole and only where there is none.

`journal.jsonl` holds what earlier runs have put in order, `journal/<number>.jsonl` what came since.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from labelprep.errors import EnvironmentFailure
from labelprep.storage.place import Remote

SEND_EVERY = 1.0  # seconds of work that a killed run may have to do again


class Parts:
    """The parts beside a journal.

    Args:
        journal: `…/.labelprep/journal.jsonl`.
    """

    def __init__(self, journal: Remote) -> None:
        self._journal, self._folder = journal, journal.parent / "journal"
        self._last = max((self._number(place) for place in self._folder.glob("*.jsonl")), default=0)
        self._waiting: list[bytes] = []
        self._next = time.monotonic() + SEND_EVERY

    def append(self, lines: bytes) -> None:
        """Keeps whole lines, and sends them with those before about every second.

        Raises:
            EnvironmentFailure: where the store does not take them, or another run writes here.
        """
        self._waiting.append(lines)
        if time.monotonic() >= self._next:
            self.send()

    def send(self) -> None:
        """Sends what waits.

        Raises:
            EnvironmentFailure: as `append`.
        """
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        part = self._at(self._last + 1)
        try:
            part.put(data, new=True)
        except FileExistsError:
            if part.read_bytes() != data:  # equal: it was sent, and only the answer was lost
                message = "another run writes here"
                raise EnvironmentFailure(message, path=part, code="busy", hint="stop it, then run again") from None
        self._last += 1
        self._waiting = []
        self._next = time.monotonic() + SEND_EVERY

    def lines(self) -> Iterator[bytes]:
        """Every line of the journal and of its parts, in the order in which they were written."""
        for place in (self._journal, *(self._at(n) for n in sorted(map(self._number, self._folder.glob("*.jsonl"))))):
            with suppress(FileNotFoundError), place.open("rb") as file:
                yield from file

    def clear(self) -> None:
        """Removes the parts, and what waits to become one, when the journal itself holds what they tell."""
        self._waiting = []
        for place in sorted(self._folder.glob("*.jsonl")):
            place.unlink(missing_ok=True)

    def _at(self, number: int) -> Remote:
        return self._folder / f"{number:08d}.jsonl"

    def _number(self, place: Remote) -> int:
        return int(place.stem) if place.stem.isdecimal() else 0
