"""The site: `make docs` writes it to build/site. Every warning is an error."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sphinx.application import Sphinx

import labelprep

project = "labelprep"
author = "the labelprep developers"
copyright = "2026, the labelprep developers"  # noqa: A001 - Sphinx asks for this name
release = version = labelprep.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"labelprep {release}"
html_show_sourcelink = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
default_role = "code"  # docstrings put code in single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring, napoleon_numpy_docstring = True, False


def setup(app: Sphinx) -> None:
    """Help texts are plain text: an asterisk in them starts no emphasis, and an underscore ends no link."""

    def plain(_app: Sphinx, _context: object, lines: list[str]) -> None:
        lines[:] = [line if line.startswith("..") else re.sub(r"([*_])", r"\\\1", line) for line in lines]

    for part in ("description", "options"):
        app.connect(f"sphinx-click-process-{part}", plain)
