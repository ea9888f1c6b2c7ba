"""Draws docs/images/quickstart.png: image, mask and overlay of four scenes of the sample."""

from pathlib import Path

import numpy as np
from PIL import Image

from labelprep.drawing.classes import colors

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "data" / "sample"
SCENES = ("train/scene_0002", "train/scene_0009", "train/scene_0011", "val/scene_0025")

columns = []
for key in SCENES:
    image, mask = (np.asarray(Image.open(SAMPLE / kind / f"{key}.png")) for kind in ("images", "masks"))
    known = mask.any(-1, keepdims=True)
    overlay = np.where(known, image * 0.45 + mask * 0.55, image * 0.5).astype(np.uint8)
    tiles = [np.pad(x[2:-2, 2:-2], ((2, 2), (2, 2), (0, 0)), constant_values=255) for x in (image, mask, overlay)]
    columns.append(np.concatenate(tiles))
panel = Image.fromarray(np.concatenate(columns, 1))
own = Image.new("P", (1, 1))  # the classes' own colours, and the commonest others
own.putpalette([*colors().ravel().tolist(), *panel.quantize(243).getpalette()[: 243 * 3]])
panel.quantize(palette=own, dither=Image.Dither.NONE).save(HERE / "quickstart.png", optimize=True)
