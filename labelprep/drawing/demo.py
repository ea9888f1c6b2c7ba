"""The demo's folder: a drawn street dataset with planted faults, its class table, and a spec for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labelprep.drawing.classes import class_file
from labelprep.drawing.faults import Planted, plant_faults
from labelprep.drawing.sample import write_sample, write_scene
from labelprep.errors import UsageError

TRAIN, VAL = 24, 8
SIZE = (96, 128)  # height, width
SEED = 1

SPEC = """\
# The demo's chain. Run it again: labelprep run {folder}/demo.yaml
version: 1
out: {folder}/build
dataset:
  root: {folder}/street
  classes: {folder}/street.yaml
  ignore: [void]
stages:
  check:   {{use: validate, fail_on: never}}
  masks:   {{use: convert, out: {folder}/build/masks, on_unknown: ignore}}
  weights: {{use: weights, from: masks, split: train, method: inverse-sqrt, write: [json, csv]}}
  train:   {{use: train, from: [masks, weights], model: unet_small, epochs: 10, batch_size: 4, lr: 0.003}}
  eval:    {{use: eval, from: [masks, train], split: val, entropy_maps: 8}}
  report:  {{use: report, from: [masks, eval, train], out: {folder}/build/report}}
"""


def draw_demo(folder: Path) -> tuple[Planted, ...]:
    """Draws `street/`, plants its faults, and writes `street.yaml` and `demo.yaml` beside it.

    Args:
        folder: a new or empty folder; the spec names it as it is given here.

    Returns:
        The faults that were planted.

    Raises:
        UsageError: where the folder holds something already.
        OSError: where a file cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = "is there already, and the demo overwrites nothing"
        raise UsageError(message, path=folder, hint="give a new folder: labelprep demo DIR")
    write_sample(folder / "street", TRAIN, VAL, SIZE, SEED)
    planted = plant_faults(folder / "street")
    (folder / "street.yaml").write_text(class_file(), encoding="utf-8", newline="\n")
    (folder / "demo.yaml").write_text(SPEC.format(folder=folder.as_posix()), encoding="utf-8", newline="\n")
    return planted


def redraw(folder: Path, planted: Iterable[Planted]) -> tuple[str, ...]:
    """Draws the files anew that no option mends; gives the keys of their scenes.

    Raises:
        OSError: where a file cannot be written.
    """
    broken = [fault for fault in planted if fault.redraw]
    for fault in broken:
        (folder / "street" / fault.path).unlink(missing_ok=True)
        write_scene(folder / "street", fault.key, SIZE, SEED)
    return tuple(fault.key for fault in broken)
