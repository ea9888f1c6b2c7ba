"""Arguments that are paths: on disk, or a URL where a dataset or a prepared folder may be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from labelprep.errors import UsageError
from labelprep.storage.place import Place, Remote, to_place


class PlaceType(click.Path):
    """A path, or a URL such as `s3://bucket/set`.

    Args:
        urls: whether it may be a URL.
        **limits: as of `click.Path`.
    """

    def __init__(self, *, urls: bool, **limits: Any) -> None:
        super().__init__(path_type=Path, **limits)
        self.urls = urls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:  # type: ignore[override]  # click promises str, bytes or PathLike
        """A `Path` or a `Remote`."""
        if isinstance(value, str) and "://" in value:
            try:
                value = to_place(value)
            except UsageError as error:
                self.fail(error.message, param, ctx)
        if isinstance(value, Remote):
            if not self.urls:
                message = f"expected a path on disk, got {value}; only datasets and prepared folders may be URLs"
                self.fail(message, param, ctx)
            return value
        found: Path = super().convert(value, param, ctx)  # type: ignore[assignment]  # path_type says so
        return found


ANYWHERE = PlaceType(urls=True)
ON_DISK = PlaceType(urls=False)
