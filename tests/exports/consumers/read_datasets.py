"""Run by test_consumers.py with Hugging Face datasets: its imagefolder, parquet and webdataset builders."""

from pathlib import Path


def read(kept, root, builder):
    import datasets

    loaded = datasets.load_dataset(root) if builder == "card" else datasets.load_dataset(builder, data_dir=root)
    for split, rows in loaded.items():
        plain = rows
        for column in ("image", "mask") if "mask" in rows.column_names else ():
            plain = plain.cast_column(column, datasets.Image(decode=False))
        for row, paths in zip(rows, plain, strict=True):
            if "key" in row:  # parquet
                name = row["key"]
            elif "__key__" in row:  # webdataset
                name = f"{split}/{row['__key__']}"
            else:
                name = Path(paths["image"]["path"]).relative_to(Path(root).resolve()).with_suffix("").as_posix()
            image = row["image"] if "image" in row else row["jpg"]
            kept.keep(name, row["mask"] if "mask" in row else row["seg.png"], image)


if __name__ == "__main__":
    from keep import run

    run(read)
