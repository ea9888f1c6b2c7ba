"""What a consumer read, as one .npz: `mask NAME`, `image NAME`, and its names of the classes as `names`."""

import json
import sys

import numpy as np


class Kept:
    """Collects what a consumer's own loader gives; names are paths below the folder that it reads, without ending."""

    def __init__(self):
        self.arrays, self.names = {}, None

    def keep(self, name, mask, image):
        """A sample: mask (H, W) as the loader gives it, image (H, W, 3) RGB."""
        mask, image = np.asarray(mask), np.asarray(image)
        if mask.ndim != 2 or image.shape[2:] != (3,) or f"mask {name}" in self.arrays:
            sys.exit(f"{name}: mask {mask.shape}, image {image.shape}, read twice: {f'mask {name}' in self.arrays}")
        self.arrays |= {f"mask {name}": mask, f"image {name}": image}

    def save(self, path):
        """Writes the file; names of classes as JSON."""
        np.savez(path, names=np.array(json.dumps(self.names)), **self.arrays)


def run(read):
    """Calls `read(kept, folder, *words)` with the words behind the name of the .npz."""
    kept = Kept()
    read(kept, *sys.argv[2:])
    kept.save(sys.argv[1])
