"""One line of the doctor's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "absent", "bad"]


@dataclass(frozen=True)
class Check:
    """What was looked at and what was found.

    Attributes:
        name: what was looked at.
        state: good; absent, where something that not everybody needs is not there; or bad.
        found: versions, sizes, speeds, or what is wrong.
        mend: the command or the step that changes it, where something is absent or bad.
    """

    name: str
    state: State
    found: str
    mend: str | None = None
