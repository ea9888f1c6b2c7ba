"""Run by test_consumers.py with Ultralytics: its data.yaml check and its SemanticDataset."""

from pathlib import Path


def read(kept, root):
    import cv2
    from ultralytics.data.dataset import SemanticDataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(Path(root, "data.yaml")), autodownload=False)
    kept.names = [data["names"][i] for i in sorted(data["names"])]
    for split in ("train", "val"):
        rows = SemanticDataset(img_path=data[split], imgsz=32, data=data, augment=False, task="semantic")
        for number, path in enumerate(rows.im_files):
            image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
            name = Path(path).relative_to(root).with_suffix("").as_posix()
            kept.keep(name, rows.load_mask(number), image)


if __name__ == "__main__":
    from keep import run

    run(read)
