"""Crops and resized copies of image and mask pairs: frames that are too large to train on become a set that is not."""

from __future__ import annotations

from labelprep.tiling.boxes import Box, boxes
from labelprep.tiling.cut import How, tile_batch
from labelprep.tiling.write import Tiled, tile_dataset

__all__ = ["Box", "How", "Tiled", "boxes", "tile_batch", "tile_dataset"]
