"""The spec as JSON Schema, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from labelprep.spec.dataset import DatasetSpec
from labelprep.spec.problems import STAGES
from labelprep.spec.stages import RawStage, Spec


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a spec.

    It takes every spec that `read_spec` takes. What needs more than one value to judge (edges of the graph, class
    names, files that exist) is left to `labelprep run SPEC --dry-run`.
    """
    schema = Spec.model_json_schema(by_alias=True)
    models = schema["$defs"]
    for model in STAGES.values():
        stage = models[model.__name__]
        stage["required"] = sorted({"use", *stage.get("required", ())})
        if issubclass(model, RawStage):  # dataset words may stand in the stage itself
            stage["properties"] = models[DatasetSpec.__name__]["properties"] | stage["properties"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "labelprep spec"}
