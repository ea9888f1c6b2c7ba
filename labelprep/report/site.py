"""From pages to files: jinja2 with autoescape, one style sheet and one script of our own, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelprep.errors import MissingExtraError
from labelprep.report import style
from labelprep.report.pages import Page
from labelprep.storage.atomic import write_atomic

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

ASSETS = ("report.css", "report.js")


def write_pages(out: Path, pages: Sequence[Page], common: Mapping[str, Any]) -> tuple[str, ...]:
    """Writes every page, and the style sheet and the script below `assets/`.

    Args:
        out: the report's folder.
        pages: the first is the one that opens.
        common: values that every template may draw.

    Returns:
        The files that were written.

    Raises:
        MissingExtraError: without jinja2.
        EnvironmentFailure: disk full, no permission.
    """
    environment = _environment()
    nav = [{"href": page.name, "title": page.title} for page in pages if page.listed]
    written = []
    for name in ASSETS:
        write_atomic(out / "assets" / name, (resources.files("labelprep.report") / "assets" / name).read_bytes())
        written.append(f"assets/{name}")
    for page in pages:
        html = environment.get_template(page.template).render({**common, **page.values, "page": page, "nav": nav})
        write_atomic(out / page.name, html.encode())
        written.append(page.name)
    return tuple(written)


def _options(text: str) -> Markup:
    """A text with its command-line options set as code, which does not break at their hyphens."""
    from markupsafe import Markup, escape

    parts = re.split(r"(--[a-z][a-z-]*)", text)
    return Markup("").join(Markup("<code>{}</code>").format(p) if p.startswith("--") else escape(p) for p in parts)


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        package = "jinja2"
        raise MissingExtraError(package, "report") from error
    environment = Environment(
        loader=PackageLoader("labelprep.report"),
        autoescape=True,  # select_autoescape knows neither .j2 nor .html.j2
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda n: "–" if n is None else f"{n:,}",
        "short": style.count_text,
        "percent": lambda share: "–" if share is None else style.percent_text(share),
        "points": lambda value: "–" if value is None else f"{value:.3f}",
        "signed": lambda value: "–" if value is None else f"{value:+.3f}".replace("-", "−"),
        "weight": lambda value: "–" if value is None else style.weight_text(value),
        "rgb": lambda color: "rgb({:d} {:d} {:d})".format(*color),
        "options": _options,
        "plural": lambda n, one, many=None: f"{n:,} {one if n == 1 else many or one + 's'}",
    }
    return environment
