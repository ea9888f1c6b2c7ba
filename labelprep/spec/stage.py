"""What every stage of a spec has."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from labelprep.spec.fields import Model, Words


class Stage(Model):
    """What every stage has."""

    from_: Words = Field(
        (), validation_alias="from", serialization_alias="from", description="stages whose results this one reads"
    )
    out: Path | None = Field(None, description="folder that is written")
