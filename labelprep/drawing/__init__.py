"""Draws small street datasets: the sample in `data/`, and the demo's with planted faults. numpy and Pillow alone."""

from labelprep.drawing.classes import CLASSES, class_file
from labelprep.drawing.faults import Planted, plant_faults
from labelprep.drawing.sample import write_sample
from labelprep.drawing.scene import draw_scene

__all__ = ["CLASSES", "Planted", "class_file", "draw_scene", "plant_faults", "write_sample"]
