"""From kinds of findings to commands that mend them, ready to be copied."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from labelprep.findings import CATALOGUE
from labelprep.prepared import Prepared
from labelprep.report.survey import KindFound
from labelprep.storage.place import Place


@dataclass(frozen=True)
class Command:
    """One way to mend a kind of finding.

    Attributes:
        text: a command line.
        note: when to take it.
    """

    text: str
    note: str


@dataclass(frozen=True)
class Places:
    """How commands name what the report is about.

    Attributes:
        dataset: the raw dataset, or None where it is not known.
        prepared: the prepared folder, or None without one.
        table: the class table as a file, or None.
        evaluation: the first evaluation, or None.
        options: of the conversion, where they are not the usual ones.
    """

    dataset: str | None = None
    prepared: str | None = None
    table: str | None = None
    evaluation: str | None = None
    options: tuple[str, ...] = ()

    def convert(self, *words: str) -> str:
        """The command that converts anew with further options."""
        kept = _without(self.options, words)
        table = ("--classes", self.table) if self.table else ()
        out = self.prepared or "OUT"
        return _line("convert", self.dataset or "DATASET", *table, *kept, *words, "-o", out, "--overwrite")


# Options of the conversion as dataset.json names them; what stands there is what goes without saying.
_USUAL: Mapping[str, Any] = MappingProxyType({
    "mask_mode": "palette", "palette": "colour", "png_level": "fast", "link": "none", "color_order": "auto",
    "palette_meaning": "auto", "alpha": "error", "on_unknown": "error", "max_pixels": 500_000_000, "exif_rotate": False,
})  # fmt: skip


def places_of(prepared: Prepared | None, table: Path | None, evaluation: Path | None) -> Places:
    """The places as commands name them, relative to the current folder where they lie below it."""
    if prepared is None:
        return Places(evaluation=_shown(evaluation))
    options: list[str] = []
    for name, usual in _USUAL.items():
        value = prepared.info["options"].get(name, usual)
        if value != usual:
            option = f"--{name.replace('_', '-')}"
            options += [option] if value is True else [option, str(value)]
    return Places(
        _shown(prepared.source_root), _shown(prepared.root), _shown(table), _shown(evaluation), tuple(options)
    )


def _shown(place: Place | None) -> str | None:
    if not isinstance(place, Path):
        return None if place is None else str(place)
    here = Path.cwd()
    whole = Path(os.path.normpath(place.absolute()))
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole.as_posix()


def commands(kind: KindFound, places: Places) -> tuple[Command, ...]:
    """The commands that mend a kind of finding; none where only a person can.

    Args:
        kind: of the findings.
        places: what the commands are about.
    """
    make = _COMMANDS.get(kind.code)
    return () if make is None else tuple(make(kind, places))


def grouped(kinds: Iterable[KindFound], places: Places) -> list[dict[str, Any]]:
    """Every command once, with what it mends; those that a person has to do something for come last.

    Args:
        kinds: of the findings.
        places: what the commands are about.
    """
    groups: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        for command in commands(kind, places):
            group = groups.setdefault(command.text, {"text": command.text, "note": command.note, "kinds": []})
            group["kinds"].append(kind)
    by_hand = places.convert().removesuffix(" --overwrite")
    return sorted(groups.values(), key=lambda group: group["text"] == by_hand)


def all_at_once(kinds: Iterable[KindFound], places: Places) -> str | None:
    """One conversion with every option that mends an error; None where one option or none does."""
    words: list[str] = []
    for kind in kinds:
        make = _OPTIONS.get(kind.code)
        words += [word for word in (make(kind) if make else ()) if word not in words]
    return places.convert(*words) if sum(word.startswith("--") for word in words) > 1 else None


FAR = 64  # distance in RGB up to which a colour is taken for a smeared class colour


def _nearest(kind: KindFound) -> tuple[str, ...]:
    return ("--on-unknown", f"nearest:{min(FAR, math.ceil(kind.distance or FAR))}")


_OPTIONS: Mapping[str, Callable[[KindFound], tuple[str, ...]]] = MappingProxyType({
    "unknown-color": _nearest,
    "size-differs-exif": lambda _: ("--exif-rotate",),
    "transparent-pixels": lambda _: ("--alpha", "ignore"),
})  # fmt: skip


def _unknown(kind: KindFound, places: Places) -> Iterable[Command]:
    yield Command(places.convert("--on-unknown", "ignore"), "unknown colours mean nothing: their pixels are ignored")
    yield from _blended(kind, places)


def _blended(kind: KindFound, places: Places) -> Iterable[Command]:
    words = _nearest(kind)
    far = words[1].partition(":")[2]
    yield Command(places.convert(*words), f"they are smeared class colours: the nearest class, up to {far} away in RGB")


def _order(kind: KindFound, places: Places) -> Iterable[Command]:
    yield Command(places.convert("--color-order", "rgb"), "red comes first")
    yield Command(places.convert("--color-order", "bgr"), "blue comes first, as cv2.imwrite leaves it")


def _meaning(kind: KindFound, places: Places) -> Iterable[Command]:
    yield Command(places.convert("--palette-meaning", "colour"), "the colours are what counts")
    yield Command(places.convert("--palette-meaning", "index"), "the indices are what counts")


def _binary(kind: KindFound, places: Places) -> Iterable[Command]:
    yield Command(places.convert("--map", "255=1"), "255 is the foreground, class 1")
    yield Command(places.convert("--map", "255=ignore"), "255 is not labelled")


def _split(kind: KindFound, places: Places) -> Iterable[Command]:
    yield Command(_line("split", places.prepared or "OUT", "--ratios", "0.8", "0.2"), "split anew, at random")


def _similar(kind: KindFound, places: Places) -> Iterable[Command]:
    words = (places.prepared or "OUT", "--ratios", "0.8", "0.2", "--similar", "6")
    yield Command(_line("split", *words), "split anew, with images that look alike on one side")


def _rehash(kind: KindFound, places: Places) -> Iterable[Command]:
    text = places.convert("--rehash").removesuffix(" --overwrite")
    yield Command(text, "write again what is not what the manifest says")


def _again(kind: KindFound, places: Places) -> Iterable[Command]:
    text = places.convert().removesuffix(" --overwrite")
    yield Command(text, "when the files themselves are mended: only what changed is read")


def _suspects(kind: KindFound, places: Places) -> Iterable[Command]:
    words = (places.dataset or "DATASET", *(("--classes", places.table) if places.table else ()))
    text = _line("validate", *words, "--suspects", places.evaluation or "EVAL")
    yield Command(text, "when the labels are mended: those that are still suspect")


def _absent(kind: KindFound, places: Places) -> Iterable[Command]:
    out = places.prepared or "OUT"
    yield Command(
        _line("weights", out, "--absent", "max", "-o", f"{out}/weights/class_weights.json"),
        "give classes without pixels the largest weight, in place of 0",
    )


def _simple(*words: str, note: str) -> Callable[[KindFound, Places], Iterable[Command]]:
    return lambda _, places: (Command(places.convert(*words), note),)


_COMMANDS: Mapping[str, Callable[[KindFound, Places], Iterable[Command]]] = MappingProxyType(
    dict.fromkeys(("unknown-color", "more-unknown-colors"), _unknown)
    | dict.fromkeys(("blended-edges", "off-table", "lossy-mask"), _blended)
    | dict.fromkeys(("damaged-file", "unreadable-file", "source-changed", "image-unreadable", "size-differs"), _again)
    | dict.fromkeys(("image-missing", "mask-missing", "two-masks", "name-collision", "unsupported-mode"), _again)
    | dict.fromkeys(("leaked-split", "split-conflict"), _split)
    | dict.fromkeys(("output-missing", "output-changed", "output-stray"), _rehash)
    | dict.fromkeys(("suspect-label", "suspect-mask"), _suspects)
    | {
        "ambiguous-order": _order,
        "similar-images": _similar,
        "palette-order": _meaning,
        "palette-misfit": _simple("--palette-meaning", "index", note="says that the indices are meant"),
        "binary-mask": _binary,
        "absent-class": _absent,
        "size-differs-exif": _simple("--exif-rotate", note="masks were drawn on the pictures as viewers show them"),
        "transparent-pixels": _simple("--alpha", "ignore", note="transparent pixels are not labelled"),
        "swapped-red-blue": _simple("--color-order", "bgr", note="only if all masks are swapped: says so once for all"),
        "hung-decoder": _simple("--timeout", "120", note="where the file is meant: two minutes for each"),
        "out-of-memory": _simple("--memory-limit", "8G", note="where the file is meant"),
        "too-many-pixels": _simple("--max-pixels", "4000000000", note="where the file is meant"),
    }
)


def help_in_words(kind: KindFound) -> str:
    """What helps, as the catalogue says it."""
    return CATALOGUE[kind.code].fix if kind.code in CATALOGUE else ""


def _without(options: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    """Options without those that are given anew; every one of them but flags has one value."""
    kept: list[str] = []
    skip = False
    for n, word in enumerate(options):
        if word.startswith("--"):
            skip = word in words
            if skip and n + 1 < len(options) and not options[n + 1].startswith("--"):
                continue
        if not skip:
            kept.append(word)
    return tuple(kept)


def _line(*words: str) -> str:
    return shlex.join(("labelprep", *words))
