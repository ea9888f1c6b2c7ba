"""The demo's folder: a drawn street dataset with planted faults, the same one mended, a class table and two specs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from labelprep.drawing.classes import demo_class_file
from labelprep.drawing.faults import IN_TABLE, TABLE, Planted, plant_faults
from labelprep.drawing.sample import write_sample
from labelprep.errors import UsageError

TRAIN, VAL = 48, 12
SIZE = (96, 128)  # height, width
SEED = 1

FAULTS_SPEC = """\
# yaml-language-server: $schema=spec.schema.json
# The set with the faults. See them again: labelprep run {folder}/faults.yaml --keep-going
version: 1
out: {folder}/build/faults
dataset:
  root: {folder}/street
  classes: {folder}/street.yaml
  ignore: [void]
  on_duplicate_color: merge          # cyclist and person share a colour
stages:
  check:  {{use: validate, fail_on: never}}
  masks:  {{use: convert}}             # what is sound; it ends with 3, for what is not
  report: {{use: report, from: masks}}
"""

SPEC = """\
# yaml-language-server: $schema=spec.schema.json
# The mended set, from raw masks to a trained and evaluated model. Run it again: labelprep run {folder}/demo.yaml
version: 1
out: {folder}/build/mended
dataset:
  root: {folder}/mended
  classes: {folder}/street.yaml
  ignore: [void]
  on_duplicate_color: merge          # cyclist and person share a colour
  on_unknown: {{nearest: 3}}           # the road that is off by two
  alpha: ignore                      # the erased corner
  exif_rotate: true                  # the image that lies on its side
stages:
  check:   {{use: validate}}           # with an error left, the run would stop here
  masks:   {{use: convert}}
  splits:  {{use: split, from: masks, ratios: [0.8, 0.2], stratify: true}}
  weights: {{use: weights, from: [masks, splits], split: train, method: inverse-sqrt, write: [json, csv]}}
  train:   {{use: train, from: [masks, splits, weights], model: unet_small, epochs: 5, batch_size: 4, lr: 0.005}}
  eval:    {{use: eval, from: [masks, splits, train], split: val, entropy_maps: 8}}
  report:  {{use: report, from: [masks, eval, train]}}
"""


def draw_demo(folder: Path) -> tuple[Planted, ...]:
    """Draws `street/` with its faults and `mended/` without those that no option mends, and writes their specs.

    Args:
        folder: a new or empty folder; the specs name it as it is given here.

    Returns:
        The faults that were planted.

    Raises:
        UsageError: where the folder holds something already.
        OSError: where a file cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = "is there already, and the demo overwrites nothing"
        raise UsageError(message, path=folder, hint="give a new folder: labelprep demo DIR")
    write_sample(folder / "mended", TRAIN, VAL, SIZE, SEED)
    shutil.copytree(folder / "mended", folder / "street")
    planted = plant_faults(folder / "street")
    _bring_mendable(folder, planted)
    for name, text in ((TABLE, demo_class_file()), ("faults.yaml", FAULTS_SPEC), ("demo.yaml", SPEC)):
        filled = text.format(folder=folder.as_posix()) if text in (FAULTS_SPEC, SPEC) else text
        (folder / name).write_text(filled, encoding="utf-8", newline="\n")
    return (*planted, *IN_TABLE)


def _bring_mendable(folder: Path, planted: Iterable[Planted]) -> None:
    """Brings to `mended/` the spoilt scenes that an option mends, or that need no mending."""
    for fault in planted:
        for key in () if fault.redraw else fault.scenes:
            for kind in ("images", "masks"):
                path = Path(kind, f"{key}.png")
                shutil.copyfile(folder / "street" / path, folder / "mended" / path)
