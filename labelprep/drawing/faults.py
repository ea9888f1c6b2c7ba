"""Plants one fault of each kind in a drawn dataset, so that there is something to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from labelprep.drawing import spoilt_files as files
from labelprep.drawing import spoilt_pixels as pixels
from labelprep.errors import UsageError
from labelprep.findings import Finding

ANEW = "make the file anew"
TABLE = "street.yaml"


@dataclass(frozen=True)
class Planted:
    """A fault that was planted.

    Attributes:
        code: the code of the finding that must name it.
        path: the file to look at, POSIX, relative to the dataset; the class table's name for a fault of the table.
        what: what was done, in a few words.
        mend: what helps.
        redraw: whether that means making the scene's files anew.
        others: further masks that were spoilt in the same way.
    """

    code: str
    path: str
    what: str
    mend: str = ANEW
    redraw: bool = True
    others: tuple[str, ...] = ()

    @property
    def key(self) -> str | None:
        """The key of the sample, such as `train/scene_0001`; None for a fault of the class table."""
        return _key(self.path) if "/" in self.path else None

    @property
    def scenes(self) -> tuple[str, ...]:
        """The keys of all scenes that were spoilt so."""
        return tuple(map(_key, (self.path, *self.others))) if "/" in self.path else ()

    def is_named_by(self, finding: Finding) -> bool:
        """Whether a finding is about this fault; what concerns the whole set has no key."""
        return finding.code == self.code and finding.key in (None, self.key)


def _key(path: str) -> str:
    return Path(*Path(path).parts[1:]).with_suffix("").as_posix()


@dataclass(frozen=True)
class Fault:
    """How a fault is planted.

    Attributes:
        spoil: changes the files of a scene, given its mask, and gives the file to look at.
        what: what that is, in a few words.
        mend: an option that mends it, or nothing where the scene is drawn anew.
        times: how many scenes are spoilt so; what misses the table in few files is no habit.
        holds: a class that the scene must show.
    """

    spoil: Callable[[Path], Path]
    what: str
    mend: str = ""
    times: int = 1
    holds: str = ""


FAULTS: Mapping[str, Fault] = MappingProxyType({
    "damaged-file": Fault(files.cut_off, "second half of the file cut off"),
    "unreadable-file": Fault(files.link_outside, "a link that leads out of the set"),
    "too-many-pixels": Fault(files.inflate, "a bomb: 900 million pixels in a few kB"),
    "unsupported-mode": Fault(files.as_cmyk, "saved as CMYK"),
    "wrong-ending": Fault(files.as_bmp, "a BMP that is called .png", "nothing to do: read by its content"),
    "lossy-mask": Fault(files.as_jpeg, "saved as JPEG"),
    "unportable-name": Fault(files.name_as_device, "named aux, which Windows has not"),
    "image-missing": Fault(files.lose_image, "image deleted"),
    "mask-missing": Fault(files.lose_mask, "mask deleted"),
    "image-unreadable": Fault(files.cut_off_image, "image cut off behind 20 bytes"),
    "size-differs": Fault(files.halve, "mask half the size of its image"),
    "size-differs-exif": Fault(files.turn_image, "image turned by EXIF, mask upright", "exif_rotate: true"),
    "two-masks": Fault(files.mask_twice, "mask saved as BMP too"),
    "name-collision": Fault(files.image_twice, "image saved as JPEG too"),
    "duplicate-files": Fault(files.copy_here, "image and mask copied"),
    "leaked-split": Fault(files.copy_to_val, "image and mask copied from train to val"),
    "split-conflict": Fault(files.list_another, "a split list names a missing scene"),
    "unknown-color": Fault(pixels.stray_patch, "a patch of a colour no class has"),
    "more-unknown-colors": Fault(pixels.photograph, "the photograph saved as its own mask"),
    "off-table": Fault(pixels.near_miss, "road off by two in red, in many masks", "on_unknown: {nearest: 3}", times=8),
    "blended-edges": Fault(pixels.smooth, "edges smoothed by interpolation"),
    "swapped-red-blue": Fault(pixels.swap_channels, "written by cv2.imwrite as BGR", "nothing to do: read as BGR", 3),
    "ambiguous-order": Fault(pixels.treetop, "tree alone, as BGR it would be grass"),
    "transparent-pixels": Fault(pixels.erase, "a corner erased to transparency", "alpha: ignore"),
    "alpha-mask": Fault(pixels.cut_out, "a cut-out, its alpha is the mask"),
    "id-out-of-range": Fault(pixels.beyond, "ids, with 99 for cars", holds="car"),
    "binary-mask": Fault(pixels.binary, "road in white, the rest in black"),
    "shifted-ids": Fault(pixels.shift, "ids that begin with 1", holds="bicycle"),
    "palette-luma": Fault(pixels.luma, "brightness of colours, read in gray mode"),
    "stretched-gray": Fault(pixels.stretch, "ids spread over 0..255 to be seen", holds="bicycle"),
    "equal-channels": Fault(pixels.thrice, "ids in three equal channels", "nothing to do: read as ids"),
    "palette-order": Fault(pixels.sort_palette, "palette in the alphabet's order"),
    "palette-misfit": Fault(pixels.decorate, "ids with a decorative palette", "nothing to do: read as ids"),
})  # fmt: skip
"""Code of the finding that must name it -> how it is planted."""

IN_TABLE: tuple[Planted, ...] = (
    Planted("duplicate-color", TABLE, "cyclist has the colour of person", "on_duplicate_color: merge", redraw=False),
    Planted("absent-class", TABLE, "a class tram, in no scene", "weights: absent zero|max|error", redraw=False),
)
"""The faults of the demo's class table."""

_DONE = "what an option did, for the record; no fault"
_AFTER = "a prepared folder that was changed by hand; the demo's is as convert left it"
_SHAPES = "a fault of outlines, which lie in a set of their own; this one holds masks"
NOT_PLANTED: Mapping[str, str] = MappingProxyType({
    "crashed-decoder": "needs a hole in a library, of which we know none",
    "hung-decoder": "needs storage that does not answer, or a hole in a library",
    "out-of-memory": "needs a file that fills the memory of the machine that draws it",
    "unread-form": "a file beside the set, which spoils none of its scenes",
    "source-changed": "needs somebody who writes while the run reads",
    "similar-images": "asked for with an option; the drawn streets are all alike",
    "snapped-colors": _DONE,
    "ignored-colors": _DONE,
    "mapped-colors": _DONE,
    "ignored-transparency": _DONE,
    "unknown-label": _SHAPES,
    "broken-shape": _SHAPES,
    "lost-annotation": _SHAPES,
    "size-unknown": _SHAPES,
    "no-background": _SHAPES,
    "empty-annotation": _SHAPES,
    "outside-image": _SHAPES,
    "too-few-points": _SHAPES,
    "self-crossing": _SHAPES,
    "shape-not-drawn": _SHAPES,
    "output-missing": _AFTER,
    "output-changed": _AFTER,
    "output-stray": _AFTER,
    "tile-smaller": "found by `tile`, and in no folder by itself",
    "tile-dropped": "what `tile` left out on request; no fault",
    "suspect-label": "found by a model; whether one of a few seconds sees it is chance",
    "suspect-mask": "found by a model; whether one of a few seconds sees it is chance",
})  # fmt: skip
"""The kinds of finding that no planted file shows, with the reason."""


def plant_faults(folder: Path | str) -> tuple[Planted, ...]:
    """Spoils a scene of a drawn dataset for each kind of fault, or several.

    Args:
        folder: a dataset that `write_sample` wrote, with enough scenes under `train`. It is changed.

    Returns:
        What was planted where, in the order of `FAULTS`. A kind is left out where the file system refuses it: links
        and names that not every one has.

    Raises:
        UsageError: for too few scenes.
    """
    folder = Path(folder)
    masks = sorted((folder / "masks" / "train").glob("*.png"))
    chosen = _choose(folder, masks)
    planted = []
    for code, fault in FAULTS.items():
        try:
            paths = [fault.spoil(mask).relative_to(folder).as_posix() for mask in chosen[code]]
        except OSError:
            continue
        mend = fault.mend or ANEW
        planted.append(Planted(code, paths[0], fault.what, mend, redraw=not fault.mend, others=tuple(paths[1:])))
    return tuple(planted)


def _choose(folder: Path, masks: Sequence[Path]) -> Mapping[str, Sequence[Path]]:
    """The scenes for each fault: first for those that are particular."""
    free, chosen = list(masks), dict[str, list[Path]]()
    for code, fault in sorted(FAULTS.items(), key=lambda item: not item[1].holds):
        fit = [mask for mask in free if not fault.holds or pixels.shows(mask, fault.holds)][: fault.times]
        if len(fit) < fault.times:
            needed = sum(fault.times for fault in FAULTS.values())
            message = f"{len(masks)} scenes under train; {needed} or more are needed to plant a fault of each kind"
            raise UsageError(message, path=folder)
        chosen[code] = fit
        free = [mask for mask in free if mask not in fit]
    return chosen
