"""Writes docs/findings.md from the catalogue: `python docs/findings.py`."""

from pathlib import Path

from labelprep.findings import CATALOGUE

HEAD = """# Findings

What `validate` and `convert` report. An **error** keeps its mask from being written; a **warning** is written, but look
at it; a **note** is for the record. This page is written by `python docs/findings.py` from the catalogue in
`labelprep/findings.py`.

| code | severity | what | usual cause | mend |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = [
        f"| `{kind.code}` | {kind.severity} | {cell(kind.title)} | {cell(kind.cause)} | {cell(kind.fix)} |"
        for kind in CATALOGUE.values()
    ]
    return HEAD + "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
