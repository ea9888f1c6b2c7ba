"""Run by test_consumers.py with webdataset: the shards of each split, decoded to ids and RGB."""

from pathlib import Path


def read(kept, root):
    import webdataset as wds

    for split in ("train", "val"):
        shards = [str(path) for path in sorted(Path(root).glob(f"{split}-*.tar"))]
        rows = wds.WebDataset(shards, shardshuffle=False)
        rows = rows.decode("l8", only="seg.png").decode("rgb8", only="jpg jpeg png", partial=True)
        rows = rows.decode(only="json", partial=True)
        for row in rows:
            image = next(row[ending] for ending in ("jpg", "jpeg", "png") if ending in row)
            kept.keep(row["json"]["key"], row["seg.png"], image)


if __name__ == "__main__":
    from keep import run

    run(read)
