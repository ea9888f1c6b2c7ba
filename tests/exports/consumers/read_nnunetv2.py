"""Run by test_consumers.py with nnU-Net v2: its integrity check, then its reader on what its lists name."""

import json
from pathlib import Path


def read(kept, root):
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    verify_dataset_integrity(root, 2)
    about = json.loads(Path(root, "dataset.json").read_text("utf-8"))
    kept.names = about["labels"]
    found = get_filenames_of_train_images_and_targets(root, about)
    reader = determine_reader_writer_from_dataset_json(about, next(iter(found.values()))["images"][0])()
    for name, files in found.items():
        mask, _ = reader.read_seg(files["label"])
        image, _ = reader.read_images(files["images"])
        kept.keep(name, mask[0, 0], image[:, 0].transpose(1, 2, 0))


if __name__ == "__main__":
    from keep import run

    run(read)
