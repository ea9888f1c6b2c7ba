"""Annotations that name outlines instead of pixels: labelme, COCO, CVAT, Cityscapes' polygons, YOLO."""
