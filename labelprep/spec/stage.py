"""What every stage of a spec has."""

from __future__ import annotations

from pydantic import Field, field_validator

from labelprep.spec.fields import Anywhere, Model, Words, refuse
from labelprep.storage.place import Place, Remote

REMOTE_OUT = ("convert", "split", "weights")  # uses that write into a prepared folder, which may be a URL


class Stage(Model):
    """What every stage has."""

    from_: Words = Field(
        (), validation_alias="from", serialization_alias="from", description="stages whose results this one reads"
    )
    out: Anywhere | None = Field(None, description="folder that is written")

    @field_validator("out")
    @classmethod
    def _check_out(cls, value: Place | None) -> Place | None:
        if isinstance(value, Remote) and cls.model_fields["use"].default not in REMOTE_OUT:
            refuse("a path on disk; convert, split and weights alone write to URLs")
        return value
