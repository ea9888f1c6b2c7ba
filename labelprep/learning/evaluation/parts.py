"""What every process found of its share of the images, in a file of its own; put together in the order of the images.

The folder that is written must be one that all of the processes see.
"""

from __future__ import annotations

import heapq
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelprep.learning.distributed import Group
from labelprep.storage.atomic import write_lines

PARTS = ".parts"  # below the folder that is written; gone at the end


@dataclass(frozen=True)
class Parts:
    """The files of a group of processes.

    Attributes:
        out: the folder that they write.
        group: the processes.
    """

    out: Path
    group: Group

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Waits until the first process has got here, and removes the files at the end."""
        if self.group.leads:
            shutil.rmtree(self.out / PARTS, ignore_errors=True)
        self.group.any(False)
        try:
            yield
        finally:
            if self.group.leads:
                shutil.rmtree(self.out / PARTS, ignore_errors=True)

    def share(self, images: int) -> range:
        """The places of the images that this process looks at; the processes take turns."""
        return range(self.group.rank, images, self.group.world)

    def write(self, lines: Iterable[str]) -> None:
        """Writes this process's file.

        Args:
            lines: JSON of an object each, of which `n` is the place of an image; rising.

        Raises:
            EnvironmentFailure: disk full, no permission.
        """
        write_lines(self.out / PARTS / f"{self.group.rank}.jsonl", lines)

    def merged(self) -> Iterator[dict[str, Any]]:
        """What all processes wrote, by place; all of them must have."""
        with ExitStack() as stack:
            files = [
                stack.enter_context((self.out / PARTS / f"{rank}.jsonl").open(encoding="utf-8"))
                for rank in range(self.group.world)
            ]
            yield from heapq.merge(*(map(json.loads, file) for file in files), key=lambda line: line["n"])
