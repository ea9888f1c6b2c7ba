"""From a first look at a dataset to a spec that runs as it stands, and to a class table where none lies there.

What a look cannot tell is never guessed: smeared colours, masks of two kinds. The error says what the owner has to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.formats.class_tables import PRESET, load_table, presets
from labelprep.split import group_of

VOID_NAMES: Final = frozenset({"void", "unlabeled", "unlabelled", "ignore", "ignored", "don't care", "dontcare"})
MOST: Final = 255  # classes that a palette mask can hold
FEW: Final = 3  # colours, black left aside, under which a preset is not recognised
BINARY: Final = ({0, 255}, {255})
FRAMES: Final = "^[^_]+"  # of one film or place, as most sets name them
MOST_GROUPS: Final = 10_000  # that are counted


@dataclass(frozen=True)
class Proposal:
    """What classes the masks seem to have.

    Attributes:
        why: how that was told.
        preset: `preset:NAME` of a well-known table that holds every colour found; else
        table: the text of a native class table.
        map: values of the masks that mean another id.
    """

    why: str
    preset: str | None = None
    table: str | None = None
    map: tuple[str, ...] = ()


def propose_classes(found: Mapping[str, Any]) -> Proposal:
    """Classes for masks without a class table, from the values that `inspect_dataset` found.

    Raises:
        UsageError: where only the owner can know; the message says what.
    """
    values = found["values"]
    many = len(values) + found["more_values"]
    kinds = {row["kind"] for row in values}
    doubt = None
    if any("lossy" in mode for mode in found["modes"]):
        doubt = (
            f"the masks are lossy pictures with {many:,} values, smeared at the edges; which of them stand for classes"
        )
    elif many > MOST + 1:
        doubt = f"the masks hold {many:,} values, more than a mask can have classes; which of them stand for classes"
    elif len(kinds) != 1:
        doubt = (
            "some masks hold colours and others gray values; what they mean" if kinds else "no mask can be read; why"
        )
    if doubt is not None:
        message = f"{doubt}, only you can know"
        hint = "write the class table by hand (name,r,g,b a line, in class_dict.csv) and give it: --classes FILE"
        raise UsageError(message, hint=hint)
    if kinds == {"label"}:
        return _of_labels(values)
    return _of_ids(values) if kinds == {"id"} else _of_colors(values)


def _of_labels(values: Sequence[Mapping[str, Any]]) -> Proposal:
    """Names in their order, behind the background, as labelme numbers them; its own word for ignored is no class."""
    seen = {row["value"]: row for row in values}
    void = {"", "__ignore__"}
    background = [name for name in seen if name.casefold().strip("_") == "background"][:1]
    names = background + sorted(seen.keys() - void - set(background))
    first = [] if background else ["  - {name: _background_}  # what no shape covers"]
    rows = [f"  - {{name: {json.dumps(name, ensure_ascii=False)}}}  # {_facts(seen[name])}" for name in names]
    return Proposal(f"{len(names)} labels were found", table=_table([*first, *rows]))


def _of_colors(values: Sequence[Mapping[str, Any]]) -> Proposal:
    colors = {tuple(row["value"]) for row in values}
    if len(colors - {(0, 0, 0)}) >= FEW:
        known = [load_table(PRESET + name, index_output=True) for name in presets()]
        fitting = [table for table in known if colors <= table.color_names.keys()]
        if fitting:  # the tightest, and of those with the same colours the one that merges least
            best = min(fitting, key=lambda table: (len(table.color_names), -len(table)))
            return Proposal(f"all {len(colors)} colours found are in {best.source}", preset=best.source)
    rows = [
        f"  - {{name: color-{''.join(f'{v:02x}' for v in row['value'])}, color: {list(row['value'])}}}  # {_facts(row)}"
        for row in values
    ]
    return Proposal(f"{len(rows)} colours were found", table=_table(rows))


def _of_ids(values: Sequence[Mapping[str, Any]]) -> Proposal:
    seen = {row["value"]: row for row in values}
    if set(seen) in BINARY:
        rows = [
            "  - {id: 0, name: background}",
            f"  - {{id: 1, name: foreground}}  # 255 in the masks: {_facts(seen[255])}",
        ]
        return Proposal("the masks hold 0 and 255 alone", table=_table(rows), map=("255=1",))
    ids = sorted(set(seen) - {255})
    if not ids:
        message = "the masks hold 255 alone, which stands for ignored pixels"
        raise UsageError(message, hint="is this the folder of the masks? --masks DIR")
    sparse = len(ids) < (ids[-1] + 1) / 2  # gray values set apart for the eye, rather than ids with some missing
    every = ids if sparse else range(ids[-1] + 1)
    rows = [f"  - {{id: {i}, name: class-{i}}}  # {_facts(seen[i]) if i in seen else 'not seen'}" for i in every]
    why = f"gray values from {ids[0]} to {ids[-1]} were found" + (", and 255, which is ignored" if 255 in seen else "")
    return Proposal(why, table=_table(rows, renumber=sparse))


def _facts(row: Mapping[str, Any]) -> str:
    example = json.dumps(row["example"], ensure_ascii=False)[1:-1]  # one line, whatever the name
    return f"{row['pixels']:,} pixels in {row['masks']:,} masks, such as {example}"


def _table(rows: Iterable[str], *, renumber: bool = False) -> str:
    head = [
        "# The values that were found in the masks. Give them their names; `ignore: true` leaves a class out.",
        *(["renumber: true  # ids 0, 1, 2, … in the order below"] if renumber else []),
        "classes:",
    ]
    return "\n".join([*head, *rows, ""])


def void_classes(table: ClassTable) -> tuple[str, ...]:
    """Names of kept classes that usually mean "no label here"."""
    return tuple(name for name in table.names if name.casefold() in VOID_NAMES)


def spec_text(
    found: Mapping[str, Any],
    words: Mapping[str, Any],
    *,
    spec: Path,
    classes_why: str,
    ignore: Sequence[str],
    build: str,
    groups: str,
) -> str:
    """A commented spec.

    Args:
        found: what `inspect_dataset` told.
        words: words of `dataset:` and their values, in order.
        spec: where the spec will lie, for its comments.
        classes_why: where the class table comes from.
        ignore: names that are ignored because they usually mean "no label".
        build: folder for everything that is written.
        groups: what `group_note` says of the names.
    """
    splits, why = found["splits"], {"layout": found["why"], "classes": classes_why}
    if ignore:
        why["ignore"] = "255 in the written masks, no weight, in no metric"
    if "map" in words:
        why["map"] = "255 in these masks is class 1"
    shards = found["layout"] in ("wds", "hf-parquet")
    lines = [
        f"# Written by `labelprep init` after a look at {found['looked_at']:,} of {found['masks']:,} masks.",
        "#",
        f"#   labelprep run {_plain(spec)} --dry-run   # what would run, and why",
        f"#   labelprep run {_plain(spec)}             # the second time it does nothing",
        "#",
        "# Paths are relative to the current directory. `labelprep schema` gives the JSON Schema for your editor.",
        "version: 1",
        "",
        "dataset:",
        *(f"  {word}: {_value(value)}{_comment(why.get(word))}" for word, value in words.items()),
        "",
        "stages:",
        "  # Every fault of every file; with `fail_on: error` the run stops here.",
        f"  check: {{use: validate, fail_on: error, out: {build}/check}}",
        "",
        "  # One palette PNG a mask, pixel value = class id, counted on the way.",
        *(["  # The images lie inside shards; training reads files."] if shards else []),
        f"  masks: {{use: convert, out: {build}/masks{', link: copy' if shards else ''}}}",
        "",
    ]
    own = "train" in splits
    if own:
        told = ", ".join(f"{name} {n:,}" for name, n in splits.items())
        lines += [f"  # The set has splits of its own: {told}.", ""]
    else:
        lines += [
            f"  # {groups}",
            "  splits: {use: split, from: masks, ratios: [0.8, 0.2], seed: 0}",
            "",
        ]
    needs = "masks" if own else "[masks, splits]"
    lines += [
        "  # Also: inverse-sqrt, median-frequency, enet, effective-number; pt, csv, yaml, mmseg.",
        f"  weights: {{use: weights, from: {needs}, split: train, method: inverse, write: [json, npy]}}",
        "",
        f"  report: {{use: report, from: [masks, weights], out: {build}/report}}",
    ]
    if found["pairs"]:
        every = "[masks, weights]" if own else "[masks, splits, weights]"
        lines += [
            "",
            '  # With the extra "labelprep[train]": take the next two lines out of the comment.',
            f"  # train: {{use: train, from: {every}, loss: ce+dice, epochs: 20, out: {build}/run}}",
            f"  # eval: {{use: eval, from: train, out: {build}/eval}}",
        ]
    return "\n".join([*lines, ""])


def group_note(keys: Iterable[str], splits: int = 2) -> str:
    """What a comment says about keeping frames together by their names: how, or why not.

    >>> group_note(["a_1", "a_2", "b_1"])
    "group_by: '^[^_]+' would keep frames together whose names begin alike: 2 groups of 3 masks."
    >>> group_note(["film_1", "film_2"]).split(". ")[0]
    "No group_by: all names begin with 'film', one group for 2 splits"
    """
    pattern, samples, groups = re.compile(FRAMES), 0, set[str | None]()
    for key in keys:
        samples += 1
        if len(groups) < MOST_GROUPS:
            groups.add(group_of(key, pattern))
    near = "`similar: 4` keeps images together that look alike."
    first = next(iter(groups), None)
    if None in groups or samples == 0:
        return f"No group_by: there is no common beginning of names to go by. {near}"
    if len(groups) == samples:
        return f"No group_by: no two names begin alike. {near}"
    if len(groups) < splits:
        return f"No group_by: all names begin with {first!r}, one group for {splits} splits. {near}"
    count = f"{len(groups):,} groups" if len(groups) < MOST_GROUPS else f"{MOST_GROUPS:,} groups or more"
    return f"group_by: '{FRAMES}' would keep frames together whose names begin alike: {count} of {samples:,} masks."


def _comment(text: str | None) -> str:
    return "" if text is None else "  # " + " ".join(text.split())


def _value(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_value, value))}]"
    return _plain(value) if isinstance(value, (str, Path)) else json.dumps(value)


def _plain(value: Any) -> str:
    """A word as YAML: as it is where that is safe, else as a JSON string, which YAML reads too."""
    text = value.as_posix() if isinstance(value, Path) else str(value)
    safe = text and all(c.isalnum() or c in "/._-:" for c in text) and text[0] not in "-:." and not text.endswith(":")
    looks_otherwise = text.casefold() in ("true", "false", "null", "yes", "no", "on", "off", "~") or text[:1].isdigit()
    return text if safe and not looks_otherwise else json.dumps(text, ensure_ascii=False)
