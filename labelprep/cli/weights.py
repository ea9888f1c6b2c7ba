"""`labelprep weights OUT -o FILE`: class weights from exact pixel counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from labelprep.cli.many_values import ManyValues
from labelprep.cli.options import build, option_of
from labelprep.cli.paths import ANYWHERE
from labelprep.errors import UsageError
from labelprep.formats.weight_files import ENDINGS, kind_of
from labelprep.spec import WeightsStage
from labelprep.storage.place import Place

if TYPE_CHECKING:
    from labelprep.classes import ClassTable
    from labelprep.cli.output import Console

SCHEME = ("method", "normalize", "absent", "split")


def _weigh(ctx: click.Context, /, folder: Place, file: Place | None, classes: str | None, **words: Any) -> None:
    """Weigh the classes of a prepared folder OUT, or of one of its splits, by their exact pixel counts.

    FILE's ending picks the kind: .json (with counts, scheme and hashes), .npy, .pt, .csv, .yaml, .mmseg.json or
    .keras.json; --write names kinds, written beside each other. With --classes, OUT may be any folder of palette
    or gray PNGs whose values are class ids.

    \b
    Example:
      labelprep weights build/street --split train -o build/inverse.npy
    """
    from labelprep.stages import RunContext
    from labelprep.stages.weights import write_weights

    console: Console = ctx.obj
    params = build(WeightsStage, words)
    table = None if classes is None else _table(folder, classes, params.split)
    if table is not None and file is None:
        message = "name the file to write: -o FILE"
        raise UsageError(message)
    files = _files(file or folder / "weights" / params.name, words["write"] or (() if file else params.write))
    result = write_weights(params, folder, files, RunContext(reporter=console.reporter()), table=table)
    if console.json:
        console.result({"type": "summary", "exit_code": result.exit_code, **result.summary})
        return
    console.result(_text(result.summary))
    for path in result.summary["files"]:
        console.info(f"wrote {path}")


def _table(folder: Place, classes: str, split: str | None) -> ClassTable:
    """The table of a plain folder of masks."""
    from labelprep.formats.class_tables import load_table

    if (folder / "dataset.json").exists():
        message = "a prepared folder has its own class table; --classes is for plain folders of index PNGs"
        raise UsageError(message, path=folder, hint="leave --classes out, or name the folder's masks/")
    if split is not None:
        message = f"a plain folder of masks has no split named {split!r}"
        raise UsageError(message, path=folder, hint="name the folder that holds the split's masks alone")
    return load_table(classes, index_output=True)


def _files(file: Place, kinds: tuple[str, ...]) -> dict[str, Place]:
    """The file of each kind: FILE itself, or its name without its ending and the endings of `kinds`."""
    if not kinds:
        return {kind_of(file): file}
    endings = (*ENDINGS.values(), ".yml")
    base = next((file.name[: -len(e)] for e in endings if file.name.lower().endswith(e)), file.name)
    return {kind: file.with_name(f"{base}{ENDINGS[kind]}") for kind in kinds}


def _text(summary: Mapping[str, Any]) -> str:
    from labelprep.cli.tables import class_table

    total = sum(summary["pixels"])
    rows = [
        {"id": i, "name": name, "pixels": n, "share": n / total}
        for i, (name, n) in enumerate(zip(summary["names"], summary["pixels"], strict=True))
    ]
    return class_table({"convert": {"classes": rows}, "weights": summary})


def _params() -> list[click.Parameter]:
    path = ANYWHERE
    return [
        click.Argument(["folder"], type=path, metavar="OUT"),
        click.Option(
            ["-o", "--output", "file"],
            type=path,
            metavar="FILE",
            help="File to write.  [default: OUT/weights/class_weights.json]",
        ),
        *(option_of(name, WeightsStage.model_fields[name]) for name in SCHEME),
        click.Option(
            ["--clip"], type=(float, float), metavar="LO HI", help="Least and largest weight before normalising."
        ),
        ManyValues(
            ["--write"], type=click.Choice(list(ENDINGS)), help="Kinds of file, written beside FILE under its name."
        ),
        click.Option(
            ["--classes"],
            metavar="FILE|preset:NAME",
            help="Class table of a plain folder of index PNGs in place of OUT.",
        ),
    ]


command = click.Command("weights", params=_params(), callback=click.pass_context(_weigh), help=_weigh.__doc__)
