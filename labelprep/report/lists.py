"""Full lists beside the tables that show their first rows: one file for each kind of finding, streamed."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from labelprep.errors import EnvironmentFailure
from labelprep.findings import Finding
from labelprep.report.pages.finding import list_name
from labelprep.report.survey import KindFound
from labelprep.storage.atomic import discard, temporary_name

PLAIN = 5_000  # findings up to which a list is not compressed


def write_lists(out: Path, findings: Iterable[Finding], kinds: Sequence[KindFound]) -> dict[str, list[tuple[str, str]]]:
    """Writes every finding to the list of its kind, in order; long lists are compressed.

    Args:
        out: the report's folder.
        findings: all of them.
        kinds: what they are, with their numbers.

    Returns:
        Label and path of every list, by code.

    Raises:
        EnvironmentFailure: disk full, no permission.
    """
    names = {k.code: f"{list_name(k.code)}.jsonl{'' if k.number <= PLAIN else '.gz'}" for k in kinds}
    temporary = {code: temporary_name(out / name) for code, name in names.items()}
    try:
        with ExitStack() as stack:
            files = {code: _opened(stack, path, names[code]) for code, path in temporary.items()}
            for finding in findings:
                files[finding.code].write(json.dumps(finding.to_dict(), ensure_ascii=False).encode("utf-8") + b"\n")
        for code, path in temporary.items():
            path.replace(out / names[code])
    except OSError as error:
        message = f"cannot write: {error.strerror or error}"
        raise EnvironmentFailure(message, path=out, hint="make room or permission, then run again") from error
    finally:
        for path in temporary.values():
            discard(path)
    return {code: [(f"Full list, {Path(name).name}", name)] for code, name in names.items()}


def _opened(stack: ExitStack, path: Path, name: str) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    file: IO[bytes] = stack.enter_context(path.open("wb"))
    if not name.endswith(".gz"):
        return file
    packed = gzip.GzipFile("", "wb", 6, file, mtime=0)  # neither name nor time, so that equal lists are equal files
    stack.callback(packed.close)
    buffered = io.BufferedWriter(packed, 1 << 16)
    stack.callback(buffered.close)
    return buffered
