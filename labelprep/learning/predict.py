"""Masks for images that have none: a folder of images in, palette PNGs and entropy maps out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from labelprep.errors import UsageError
from labelprep.learning.checkpoint import Trained
from labelprep.learning.data.reading import read_image
from labelprep.learning.data.train_data import Fit
from labelprep.learning.distributed import processes
from labelprep.learning.evaluation import results
from labelprep.learning.evaluation.look import Look
from labelprep.learning.evaluation.panels import entropy_panel, thinned
from labelprep.learning.evaluation.parts import Parts
from labelprep.learning.evaluation.readout import UNIT
from labelprep.learning.evaluation.seen import image_picture, see
from labelprep.learning.evaluation.windows import Views
from labelprep.learning.options import PredictOptions
from labelprep.learning.progress import Progress, silent
from labelprep.steps.palette import painted
from labelprep.storage.atomic import confined, write_atomic

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Predicted:
    """What a prediction came to.

    Attributes:
        images: number of masks written.
        failed: one line for each image that could not be read.
        identity: SHA-256 of keys and masks.
    """

    images: int
    failed: tuple[str, ...]
    identity: str


def predict(
    trained: Trained, images: Path, out: Path, options: PredictOptions, *, progress: Progress = silent
) -> Predicted:
    """Writes `predictions/<key>.png` for every image below a folder, key = its path without the ending.

    Also `samples.jsonl`, `predict.json` (the model and its class table), and with `entropy` the maps
    `entropy/<key>.png`, panels to look at, sums and means, and the images ranked by them. Images that cannot be read
    are listed and left out. Under `torchrun` every process calls this, and they take turns along the images.

    Raises:
        UsageError: where there are no images, or two of them would give one mask.
        EnvironmentFailure: disk full, no permission.
    """
    found = find_images(images)
    with processes(next(trained.model.parameters()).device) as group:
        trained.model.to(group.device)
        if group.leads:
            results.remove_former(out)
            about = {"model": trained.source, "class_table": trained.table.to_dict(), "table_hash": trained.table.hash}
            write_atomic(out / "predict.json", (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode())
        parts = Parts(out, group)
        with parts.begun():
            parts.write(_lines(trained, images, out, options, found, parts, progress))
            group.any(False)  # all have written theirs
            done = _put_together(trained, out, parts) if group.leads else None
        return cast("Predicted", group.gathered(done)[0])


def _lines(
    trained: Trained,
    images: Path,
    out: Path,
    options: PredictOptions,
    found: Sequence[tuple[str, Path]],
    parts: Parts,
    progress: Progress,
) -> Iterator[str]:
    """Predicts this process's share of the images: what is known of each, or why it could not be read."""
    fit = trained.fit if options.size is None else Fit(size=options.size)
    look = Look(trained, options.window, options.stride, Views.of(options.tta))
    for done, n in enumerate(parts.share(len(found)), 1):
        key, path = found[n]
        try:
            image = read_image(path, exif_rotate=trained.exif_rotate)
        except UsageError as error:
            yield json.dumps({"n": n, "failed": f"{path}: {error.message}"})
            continue
        digest, written = _write(look, out, key, image, fit, with_entropy=options.entropy)
        sample = {"key": key, "image": path.relative_to(images).as_posix(), **written}
        yield json.dumps({"n": n, "sample": sample, "digest": digest})
        progress("predicting", min(done * parts.group.world, len(found)), len(found))


def _put_together(trained: Trained, out: Path, parts: Parts) -> Predicted:
    """Writes what concerns all images, from the parts of all processes."""
    digest, failed = hashlib.sha256(trained.table.hash.encode()), []
    with closing(results.ranking_rows()) as ranked:

        def samples() -> Iterator[Mapping[str, Any]]:
            for line in parts.merged():
                if "failed" in line:
                    failed.append(line["failed"])
                    continue
                digest.update(bytes.fromhex(line["digest"]))
                ranked.add(line["sample"])
                yield line["sample"]

        results.write_samples(out, samples())
        results.write_ranking(out, "ranked_by_entropy.csv", ranked)
        return Predicted(len(ranked), tuple(failed), digest.hexdigest())


def find_images(folder: Path) -> list[tuple[str, Path]]:
    """Keys and paths of all images below a folder, in the order of their keys.

    Raises:
        UsageError: where there are none, or two of them have one key.
    """
    if not folder.is_dir():
        message = "is a file; predict reads a folder of images" if folder.is_file() else "no such folder of images"
        raise UsageError(message, path=folder, hint="name the folder that holds the images")
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    found = sorted((path.relative_to(folder).with_suffix("").as_posix(), path) for path in paths)
    if not found:
        message = f"no images below it (endings {', '.join(ENDINGS)})"
        raise UsageError(message, path=folder)
    _refuse_collisions(found)
    return found


def _refuse_collisions(found: Sequence[tuple[str, Path]]) -> None:
    seen: dict[str, Path] = {}
    for key, path in found:
        first = seen.setdefault(key.casefold(), path)  # one file on systems that ignore case
        if first is not path:
            message = f"two images for one mask {key}.png: {first} and {path}"
            raise UsageError(message, hint="rename one of them, or keep one alone in the folder")


def _write(
    look: Look, out: Path, key: str, image: Tensor, fit: Fit, *, with_entropy: bool
) -> tuple[str, dict[str, str | float]]:
    """Writes the mask of one image and, if asked for, its map; a hash of key and mask, and what is known of it."""
    table = look.trained.table
    size = image.shape[1:]
    nothing = torch.zeros(1, dtype=torch.uint8).expand(*size)  # no truth, in no memory
    bands = look.logits(fit.apply(image), size)
    seen = see(bands, nothing, table, bins=1, doubt=1, entropy=with_entropy, what=key)
    name = f"{results.PREDICTIONS}/{key}.png"
    data = results.prediction_png(seen.ids, table)
    write_atomic(confined(out, out / name), data)
    digest = hashlib.sha256(key.encode()).hexdigest() + hashlib.sha256(data).hexdigest()
    if seen.entropy is None:
        return digest, {"prediction": name}
    drawn, panel = (f"{folder}/{key}.png" for folder in (results.ENTROPY, results.PANELS))
    write_atomic(confined(out, out / drawn), results.entropy_png(seen.entropy))
    pictures = [image_picture(image), painted(thinned(seen.ids), table)]
    write_atomic(confined(out, out / panel), entropy_panel(pictures, seen.entropy))
    total = seen.sums.entropy * UNIT
    return digest, {
        "prediction": name,
        "entropy": drawn,
        "panel": panel,
        "entropy_mean": total / seen.sums.pixels,
        "entropy_sum": total,
    }
