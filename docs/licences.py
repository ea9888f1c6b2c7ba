"""Writes docs/licences.md from pyproject.toml and what is installed: `python docs/licences.py`."""

import tomllib
from importlib.metadata import metadata
from pathlib import Path

from packaging.requirements import Requirement

HEAD = """# Licences

labelprep is under the MIT licence. This is what it stands on, and what comes with each extra; the tools of its
developers (`docs`, `dev`) are not in what users install. This page is written by `python docs/licences.py`.

| package | for | licence |
|---|---|---|
"""
USERS = ("train", "tensorboard", "onnx", "report", "s3", "gcs", "parquet", "coco")
# Packages whose metadata hold a whole text, or nothing that names the licence.
SAID = {"packaging": "Apache-2.0 OR BSD-2-Clause"}


def dependencies() -> list[tuple[str, str]]:
    """(package, extra or `all of it`) of everything that users install."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    groups = [("all of it", project["dependencies"]), *((e, extras[e]) for e in USERS if e in extras)]
    return [(Requirement(words).name, name) for name, group in groups for words in group]


def licence(package: str) -> str:
    """What a package's metadata call its licence: the SPDX expression, the classifier, or the first line."""
    if package in SAID:
        return SAID[package]
    words = metadata(package)
    named = [c.rsplit(" :: ", 1)[1] for c in words.get_all("Classifier", []) if c.startswith("License :: OSI")]
    free = (words.get("License") or "").strip()
    text = words.get("License-Expression") or ", ".join(named) or (free if len(free) < 60 else "")
    if not text:
        message = f"{package}: its metadata do not name a licence; look it up and write it into SAID"
        raise LookupError(message)
    return text.replace(" License", "")


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {name} | {extra} | {licence(name)} |\n" for name, extra in dependencies())


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
