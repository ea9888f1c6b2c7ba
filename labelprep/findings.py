"""Findings: what is wrong with the data, as values. Gathered, grouped by kind and reported together.

A `Finding` says what was seen in one place; its `Kind`, found in the catalogue by its code, says what that
means: severity, title, cause and mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, Self

from labelprep.class_rows import RGB

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        code: stable name.
        severity: `error`: the file is not written; `warning`: written, look at it; `note`: for the record.
        title: what it is, in a few words.
        cause: where it usually comes from.
        fix: the option or command that mends it; `{…}` is left for the reader to fill in.
    """

    code: str
    severity: Severity
    title: str
    cause: str
    fix: str


@dataclass(frozen=True)
class Finding:
    """One fault in one place.

    Attributes:
        code: a code of `CATALOGUE`.
        severity: as in the catalogue, unless the place makes it worse or milder.
        message: what was expected and what was found, here.
        key: the sample's key, or None for the whole set.
        path: file concerned, POSIX, relative to the dataset's root where it lies below it.
        pixels: how many pixels are concerned.
        xy: first of them, (x, y) from the top left, in reading order.
        color: the RGB colour concerned.
        nearest: name of the class whose colour is nearest.
        distance: Euclidean distance to it in RGB.
        labelled: the class of the label that a model contradicts.
        predicted: the class that it sees there.
        confidence: mean probability that it gives to that class, 0 to 1.
        fix: the option or command that mends it.
    """

    code: str
    severity: Severity
    message: str
    key: str | None = None
    path: str | None = None
    pixels: int | None = None
    xy: tuple[int, int] | None = None
    color: RGB | None = None
    nearest: str | None = None
    distance: float | None = None
    labelled: str | None = None
    predicted: str | None = None
    confidence: float | None = None
    fix: str | None = None

    @classmethod
    def of(cls, code: str, message: str, **where: Any) -> Self:
        """A finding with severity and mend from the catalogue.

        Args:
            code: a code of `CATALOGUE`.
            message: what was expected and found, here.
            **where: any other field of `Finding`.

        Raises:
            KeyError: for a code that the catalogue does not hold.
        """
        kind = CATALOGUE[code]
        where.setdefault("severity", kind.severity)
        where.setdefault("fix", kind.fix or None)
        return cls(code, message=message, **where)

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The finding that `to_dict` wrote."""
        fields = dict(values)
        for name in ("xy", "color"):
            if name in fields:
                fields[name] = tuple(fields[name])
        return cls(**fields)


_KINDS = (
    # the file
    Kind("damaged-file", "error", "damaged file", "a broken download, disk or encoder",
         "restore the file and run again"),
    Kind("unreadable-file", "error", "file cannot be read", "no permission, or not an image",
         "mend or remove the file"),
    Kind("too-many-pixels", "error", "more pixels than allowed", "a very large mask, or a pixel bomb",
         "--max-pixels N if the file is meant"),
    Kind("crashed-decoder", "error", "file crashes the decoder", "a damaged or hostile file, and a fault of a library",
         "remove the file, or save it again with another program"),
    Kind("hung-decoder", "error", "file takes too long", "a hostile file, or storage that does not answer",
         "--timeout SECONDS if the file is meant; else remove it"),
    Kind("out-of-memory", "error", "file needs too much memory", "a very large mask, or a bomb",
         "--memory-limit SIZE if the file is meant; else remove it"),
    Kind("unsupported-mode", "error", "pixel format that cannot hold ids or palette colours",
         "16-bit colours, CMYK, floats", "save the mask as an 8-bit PNG"),
    Kind("wrong-ending", "warning", "content is not what the ending says", "a renamed file", "rename the file"),
    Kind("lossy-mask", "warning", "lossy mask (JPEG or lossy WebP)",
         "colours smear around edges when a mask is saved with loss",
         "export the masks again as PNG; or --on-unknown nearest:N"),
    Kind("unread-form", "warning", "file of a form that is not read",
         "medical volumes, arrays, GIFs, compressed shards", "save volumes, arrays and GIFs as PNG; uncompress shards"),
    Kind("unportable-name", "note", "name that Windows does not have", "reserved characters or words (CON, aux.1, a:b)",
         "rename the file if the set will be read on Windows"),
    Kind("source-changed", "error", "the file changed while the run worked",
         "somebody wrote, replaced or removed it meanwhile", "run the same command again: only what changed is read"),
    # pairs
    Kind("image-missing", "warning", "mask without image", "different names or suffixes, or no image at all",
         "--image-suffix, --mask-suffix, or --pairs FILE"),
    Kind("mask-missing", "warning", "image without mask", "not labelled yet, or different names or suffixes",
         "--image-suffix, --mask-suffix, or --pairs FILE"),
    Kind("image-unreadable", "error", "image cannot be read", "a damaged image file", "restore the image"),
    Kind("size-differs", "error", "image and mask differ in size", "one of the two was resized, or belongs elsewhere",
         "resize the mask with nearest interpolation, or pair it with its own image"),
    Kind("size-differs-exif", "error", "image and mask differ by the image's EXIF rotation",
         "the mask was drawn on the picture as viewers show it", "--exif-rotate"),
    Kind("two-masks", "error", "two masks for one image", "the same name with two endings",
         "remove one of them, or --pairs FILE"),
    Kind("name-collision", "error", "one output name for two samples",
         "names that differ only in case, Unicode form or ending", "rename one of them"),
    Kind("duplicate-files", "warning", "the same image and mask twice", "copies in the dataset", "remove the copies"),
    Kind("leaked-split", "error", "the same file in two splits", "copies in training and validation",
         "remove it from one split, or split anew: labelprep split OUT"),
    Kind("similar-images", "warning", "images that look alike in two splits",
         "frames of one film, or copies that were resized or saved anew",
         "split anew: labelprep split OUT --similar BITS, or --group-by REGEX"),
    Kind("split-conflict", "error", "split lists that disagree",
         "one name in two lists, or a listed file that is missing",
         "mend the lists, or split anew: labelprep split OUT"),
    # colours
    Kind("unknown-color", "error", "unknown colour", "a class missing from the table, a stray pixel, blended edges",
         "add the colour to the class table, or --on-unknown ignore|nearest:N|map:NAME"),
    Kind("more-unknown-colors", "error", "further unknown colours", "blended or lossy colours come in thousands",
         "as for the colours listed"),
    Kind("off-table", "warning", "the class table is off by a little", "the same near miss in many files",
         "correct the colour in the class table, or --on-unknown nearest:N"),
    Kind("blended-edges", "warning", "anti-aliased or resized edges",
         "unknown colours on borders that lie between the colours of two classes",
         "export without anti-aliasing, resize with nearest; or --on-unknown nearest:N"),
    Kind("swapped-red-blue", "warning", "red and blue are swapped", "written by cv2.imwrite from an RGB array",
         "nothing to do: read as BGR; --color-order bgr makes it explicit"),
    Kind("ambiguous-order", "error", "red and blue order cannot be told", "the colours fit the table both ways",
         "--color-order rgb or --color-order bgr"),
    Kind("transparent-pixels", "error", "transparent pixels", "erased areas, or a viewer's export",
         "--alpha ignore makes them ignored"),
    Kind("alpha-mask", "error", "the alpha channel is the mask", "a cut-out exported instead of a mask",
         "save the alpha channel as a gray mask"),
    Kind("duplicate-color", "note", "one colour for two classes", "a class table with a repeated colour",
         "--on-duplicate-color was applied"),
    # ids
    Kind("id-out-of-range", "error", "id outside the class table", "another class table, or ids shifted or scaled",
         "correct the class table, or --map SRC=DST"),
    Kind("binary-mask", "error", "0/255 binary mask", "255 is written for foreground, but means ignored",
         "--map 255=1; or --map 255=ignore where nothing is labelled"),
    Kind("shifted-ids", "warning", "ids are shifted by one", "0 is kept free for background or 'other'",
         "--map 1=0 --map 2=1 …, all at once"),
    Kind("palette-luma", "error", "gray values are the brightness of a palette",
         "a palette mask read in gray mode (cv2.imread) and saved again", "go back to the palette files"),
    Kind("stretched-gray", "error", "ids were stretched to 0..255 per image",
         "saved for viewing; the ids cannot be recovered", "export the masks again without normalising"),
    Kind("equal-channels", "note", "ids in three equal channels", "an index mask saved as RGB",
         "nothing to do: read as ids"),
    Kind("palette-order", "error", "palette indices and palette colours mean different classes",
         "palette entries in another order than the class table",
         "--palette-meaning colour or --palette-meaning index"),
    Kind("palette-misfit", "warning", "some palette colours are in the table, but indices are meant",
         "a decorative palette", "--palette-meaning index makes it explicit"),
    # outlines and instances
    Kind("unknown-label", "error", "label that the class table does not have",
         "a class missing from the table, or a slip of the pen",
         "add it to the class table, or --on-unknown ignore|map:NAME"),
    Kind("broken-shape", "error", "shape that cannot be drawn",
         "coordinates that are no numbers, run lengths that do not fill the image",
         "mend or remove the shape in the labelling tool"),
    Kind("lost-annotation", "warning", "annotations of images that are not listed", "images were removed from the file",
         "export it again"),
    Kind("size-unknown", "error", "annotation without a size, and no image that tells it",
         "the image is missing, or has another name", "--images DIR, --image-suffix"),
    Kind("no-background", "warning", "pixels under no shape are ignored",
         "the class table has no class named background or unlabeled",
         "add a class named background to the class table"),
    Kind("empty-annotation", "warning", "annotation without a shape",
         "an image that was not labelled, or shows nothing",
         "label it, or leave it out"),
    Kind("outside-image", "warning", "shape that leaves the image", "a slip of the hand, or another image size",
         "nothing to do where it is small: it is clipped"),
    Kind("too-few-points", "warning", "shape of too few points, which is not drawn", "a click too few or too many",
         "mend or remove the shape in the labelling tool"),
    Kind("self-crossing", "warning", "outline that crosses itself", "a slip of the hand",
         "mend the outline: what is enclosed twice may count as outside"),
    Kind("shape-not-drawn", "warning", "shape without an area, which is not drawn",
         "boxes, lines, points and skeletons for other tasks", "nothing to do where it is meant for another task"),
    # what was done on request
    Kind("snapped-colors", "note", "unknown colours snapped to the nearest class", "--on-unknown nearest:N", ""),
    Kind("ignored-colors", "note", "unknown colours ignored", "--on-unknown ignore", ""),
    Kind("mapped-colors", "note", "unknown colours mapped", "--on-unknown map:NAME", ""),
    Kind("ignored-transparency", "note", "transparent pixels ignored", "--alpha ignore", ""),
    # the whole set
    Kind("absent-class", "warning", "class never appears", "a rare class, or another class table",
         "weights: --absent zero|max|error"),
    # a prepared folder, by `labelprep verify`
    Kind("output-missing", "error", "mask missing from the prepared folder", "deleted after convert",
         "convert again with --rehash"),
    Kind("output-changed", "error", "not what the manifest says", "edited or damaged after convert",
         "convert again with --rehash"),
    Kind("output-stray", "error", "a file that the manifest does not know", "copied here after convert",
         "remove it, or convert again"),
    Kind("tile-smaller", "warning", "image smaller than a crop",
         "--size above its own; --edge shift keeps such an image whole, --edge drop leaves it out",
         "--edge pad fills crops up with ignored pixels; or a smaller --size"),
    Kind("tile-dropped", "note", "a crop that was left out", "too little of it is labelled, or one class fills it", ""),
    # after evaluation
    Kind("suspect-label", "warning", "the model confidently contradicts the label",
         "a labelling mistake, or a hard case",
         "look at the region and label it anew"),
    Kind("suspect-mask", "warning", "the model confidently contradicts most of the mask",
         "the mask of another image, or another class table",
         "look at image and mask side by side; pair them anew, or label anew"),
)  # fmt: skip

CATALOGUE: Mapping[str, Kind] = MappingProxyType({kind.code: kind for kind in _KINDS})


def at_or_above(severity: Severity, floor: Literal["error", "warning", "never"]) -> bool:
    """Whether a finding of this severity fails a run with `--fail-on floor`.

    >>> at_or_above("warning", "error"), at_or_above("error", "warning"), at_or_above("error", "never")
    (False, True, False)
    """
    return floor != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(floor)
