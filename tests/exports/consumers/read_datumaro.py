"""Run by test_consumers.py with Datumaro: a mask put together from the labels of its annotations."""


def read(kept, root, kind):
    import datumaro
    import numpy as np

    loaded = datumaro.Dataset.import_from(root, kind)
    labels = loaded.categories()[datumaro.AnnotationType.label]
    kept.names = [label.name for label in labels]
    for item in loaded:
        image = item.media.data
        mask = np.full(image.shape[:2], 255, np.uint8)
        for annotation in item.annotations:
            if annotation.type != datumaro.AnnotationType.mask:
                continue  # the boxes of COCO
            mask[annotation.image == 1] = annotation.label
        kept.keep(f"{item.subset}/{item.id}", mask, image[..., 2::-1])


if __name__ == "__main__":
    from keep import run

    run(read)
