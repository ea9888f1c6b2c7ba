"""Draws the sample dataset and its class table anew: python data/draw.py [FOLDER]."""

import sys
from pathlib import Path

from labelprep.drawing import class_file, write_sample

TRAIN, VAL = 24, 8
SIZE = (144, 192)  # height, width
SEED = 0


def draw(folder: Path) -> None:
    """Writes `sample/` and `classes/street.yaml` under the folder."""
    write_sample(folder / "sample", TRAIN, VAL, SIZE, SEED)
    (folder / "classes").mkdir(parents=True, exist_ok=True)
    (folder / "classes" / "street.yaml").write_text(class_file(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
