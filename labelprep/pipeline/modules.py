"""The module of a kind of stage, found by its name: a chain without training never loads what training needs."""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from labelprep.stages import Inputs, RunContext, StageResult


class StageModule(Protocol):
    """What a module of `labelprep.stages` offers."""

    VERSION: int

    def run(self, params: Any, inputs: Inputs, context: RunContext) -> StageResult:
        """Runs the stage."""


def find_stage(use: str) -> StageModule:
    """The module of a kind of stage, imported when it is asked for."""
    return cast("StageModule", importlib.import_module(f"labelprep.stages.{use}"))
