"""From strange pixels to findings that name their cause: what a person needs to mend the data."""

from __future__ import annotations

import posixpath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep.classes import ClassTable
from labelprep.findings import Finding
from labelprep.steps.coded import PART
from labelprep.steps.decode import ENDINGS
from labelprep.steps.decoded import Decoded, unpack
from labelprep.steps.labels import list_labels
from labelprep.steps.look_up import COLORS, LABELS, VALUES, Reading
from labelprep.steps.unknown import UnknownValues, nearest_colors

MAX_LISTED = 64  # unknown colours listed one by one per mask; the rest is summed up
BLEND_TOLERANCE = 16.0  # distance in RGB from the line between two classes' colours
BLEND_SHARE = 0.6  # of the unknown pixels that must lie there


def check_file(decoded: Decoded, path: str) -> list[Finding]:
    """Findings about the file itself: ending and loss."""
    if decoded.kind == "labels":
        return []
    findings = []
    ending = posixpath.splitext(path)[1].lower()
    if ENDINGS.get(ending, decoded.format) != decoded.format:
        message = f"the ending {ending} promises {ENDINGS[ending]}, the content is {decoded.format}"
        findings.append(Finding.of("wrong-ending", message))
    if decoded.lossy:
        findings.append(Finding.of("lossy-mask", f"saved as lossy {decoded.format}: colours smear around edges"))
    return findings


def check_unknown(
    reading: Reading, unknown: UnknownValues, refused: NDArray[np.bool_], decoded: Decoded, table: ClassTable
) -> list[Finding]:
    """Findings about values that the table does not hold and that no policy resolved.

    Args:
        reading: where they were found.
        unknown: the values, most pixels first.
        refused: (U,) those that stay errors.
        decoded: the mask's file.
        table: the class table.
    """
    shown = np.flatnonzero(refused)[:MAX_LISTED]
    if not len(shown):
        return []
    colors = reading.book.size == COLORS
    if reading.book.size == LABELS:
        findings = list_labels(reading, unknown, shown, decoded.labels, table)
    elif colors:
        findings = _list_colors(reading, unknown, shown, table)
    else:
        findings = _list_ids(reading, unknown, shown, table)
    rest = int(refused.sum()) - len(shown)
    if rest:
        pixels = int(unknown.pixels[refused].sum() - unknown.pixels[shown].sum())
        message = f"{rest:,} further values, {pixels:,} pixels together"
        findings.append(Finding.of("more-unknown-colors", message, pixels=pixels))
    if colors and not decoded.lossy and (blended := blended_pixels(reading)) >= BLEND_SHARE * reading.unknown:
        message = (
            f"{blended:,} of {reading.unknown:,} unknown pixels lie on borders, between the colours of two classes"
        )
        findings.append(Finding.of("blended-edges", message, pixels=blended))
    if reading.book.size == VALUES:
        findings += diagnose_values(reading, table)
    return findings


def _position(unknown: UnknownValues, i: int, reading: Reading) -> tuple[int, int]:
    y, x = divmod(int(unknown.first[i]), reading.coded.shape[1])
    return x, y


def _list_colors(reading: Reading, unknown: UnknownValues, shown: NDArray[Any], table: ClassTable) -> list[Finding]:
    near = nearest_colors(unknown.values[shown], reading.book) if table.color_ids else None
    findings = []
    for n, i in enumerate(shown.tolist()):
        color, xy, pixels = unpack(int(unknown.values[i])), _position(unknown, i, reading), int(unknown.pixels[i])
        where: dict[str, Any] = {"color": color, "pixels": pixels, "xy": xy}
        message = f"colour {color}: {pixels:,} pixels, first at {xy}"
        if near is not None:
            known = unpack(int(reading.book.keys[near.ordinals[n]]))
            distance = round(float(np.sqrt(near.squared[n])), 1)
            where |= {"nearest": table.color_names[known], "distance": distance}
            tie = ", as near as another class" if near.tied[n] else ""
            message += f"; nearest is {where['nearest']!r} {known} at distance {distance:g}{tie}"
        findings.append(Finding.of("unknown-color", message, **where))
    return findings


def _list_ids(reading: Reading, unknown: UnknownValues, shown: NDArray[Any], table: ClassTable) -> list[Finding]:
    known = sorted(v for v in table.source_ids if v != table.ignore_index)
    whole = bool(known) and known == list(range(known[0], known[-1] + 1))
    span = f"{known[0]}..{known[-1]}" if whole else f"{len(known)} ids"
    findings = []
    for i in shown.tolist():
        xy, pixels = _position(unknown, i, reading), int(unknown.pixels[i])
        message = f"id {int(unknown.values[i])}: {pixels:,} pixels, first at {xy}; the class table has {span}"
        findings.append(Finding.of("id-out-of-range", message, pixels=pixels, xy=xy))
    return findings


def blended_pixels(reading: Reading) -> int:
    """Pixels of unknown colour whose colour lies between the known colours left and right, or above and below."""
    values, strange = reading.coded.picture(), reading.coded.spread(reading.strange)
    across = _between(values, strange)
    down = _between(values.T, strange.T).T
    return int((across | down).sum())


def _between(values: NDArray[np.uint32], strange: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Per row: is a strange pixel's colour between those of the next known pixels before and behind it?"""
    rows = max(1, PART // max(values.shape[1], 1))
    found = np.zeros(values.shape, bool)
    for top in range(0, len(values), rows):  # for the memory
        found[top : top + rows] = _between_rows(values[top : top + rows], strange[top : top + rows])
    return found


def _between_rows(values: NDArray[np.uint32], strange: NDArray[np.bool_]) -> NDArray[np.bool_]:
    height, width = values.shape
    columns = np.broadcast_to(np.arange(width), (height, width))
    before = np.maximum.accumulate(np.where(strange, -1, columns), axis=1)
    behind = np.minimum.accumulate(np.where(strange, width, columns)[:, ::-1], axis=1)[:, ::-1]
    rows, cols = np.nonzero(strange & (before >= 0) & (behind < width))
    a, b, c = (_rgb(values[rows, at]) for at in (before[rows, cols], behind[rows, cols], cols))
    line = b - a
    length = (line * line).sum(axis=1)
    t = ((c - a) * line).sum(axis=1) / np.maximum(length, 1)
    off = c - (a + np.clip(t, 0, 1)[:, None] * line)
    found = np.zeros(values.shape, bool)
    found[rows, cols] = (length > 0) & ((off * off).sum(axis=1) <= BLEND_TOLERANCE**2) & (t > 0) & (t < 1)
    return found


def _rgb(packed: NDArray[np.uint32]) -> NDArray[np.float64]:
    return np.stack([packed & 255, packed >> 8 & 255, packed >> 16 & 255], axis=-1).astype(np.float64)


def check_binary(reading: Reading, decoded: Decoded, table: ClassTable) -> list[Finding]:
    """A mask of 0 and 255 alone: 255 is the ignore index, but was written for foreground."""
    book = reading.book
    if decoded.palette is not None and (decoded.palette[255] != 255).any():
        return []  # foreground is white; a palette with another entry 255 means the ignore index
    if book.size != VALUES or any(255 in c.source_ids for c in table.ignored):
        return []
    used = set(reading.values().tolist())
    if reading.unknown or 255 not in used or not used <= {0, 255} or table.source_ids.get(255) != table.ignore_index:
        return []
    pixels = int(reading.coded.pixels[reading.coded.values == 255].sum())
    total = reading.coded.total
    severity = "error" if len(table) <= 2 else "warning"
    message = f"only 0 and 255 occur; the {pixels:,} pixels of 255 ({pixels / total:.1%}) would be ignored"
    return [Finding.of("binary-mask", message, pixels=pixels, severity=severity)]


def diagnose_values(reading: Reading, table: ClassTable) -> list[Finding]:
    """Why the values of an index mask are outside the table: luma of a palette, stretched, or shifted ids."""
    found = np.unique(reading.values()).astype(np.int64)
    values = found[found != table.ignore_index]
    strange = np.unique(reading.coded.values[reading.strange]).astype(np.int64)
    top = max((v for v in table.source_ids if v != table.ignore_index), default=-1)
    pixels = reading.unknown
    if len(values) and set(values.tolist()) <= set(lumas(table)):
        pairs = lumas(table)
        shown = ", ".join(f"{v} is {pairs[int(v)]!r}" for v in strange[:4])
        return [Finding.of("palette-luma", f"every value is the brightness of a class colour: {shown}", pixels=pixels)]
    if strange.tolist() == [top + 1] and 0 not in values:
        message = f"0 never occurs and {top + 1} does; the class table ends at {top}"
        return [Finding.of("shifted-ids", message, pixels=pixels)]
    steps = stretched_steps(found, len(table))
    if steps:
        message = f"the values are {steps + 1} even steps from 0 to 255: {found[:6].tolist()}"
        return [Finding.of("stretched-gray", message, pixels=pixels)]
    return []


def lumas(table: ClassTable) -> dict[int, str]:
    """The gray value that readers make of every class colour (ITU-R BT.601), with the class's name."""
    gray: dict[int, str] = {}
    for (r, g, b), name in table.color_names.items():
        exact = 0.299 * r + 0.587 * g + 0.114 * b
        for value in {int(exact), round(exact), (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16}:
            gray.setdefault(value, name)
    return gray


def stretched_steps(values: NDArray[np.int64], classes: int) -> int:
    """The number of even steps from 0 to 255 that all values lie on, at most classes - 1; 0 if there is none.

    >>> stretched_steps(np.array([0, 63, 127, 255]), 12)
    4
    """
    if len(values) < 3 or values[0] != 0 or values[-1] != 255:
        return 0
    for steps in range(len(values) - 1, min(classes, 52)):
        even = np.arange(steps + 1) * 255 / steps
        if np.isin(values, np.concatenate([np.floor(even), np.round(even)]).astype(np.int64)).all():
            return steps
    return 0


def changed_on_request(unknown: UnknownValues, refused: NDArray[np.bool_], policy: str) -> list[Finding]:
    """What a policy for unknown values changed, for the record."""
    pixels = int(unknown.pixels[~refused].sum())
    if not pixels:
        return []
    word = policy.partition(":")[0]
    code = {"ignore": "ignored-colors", "nearest": "snapped-colors", "map": "mapped-colors"}[word]
    message = f"{pixels:,} pixels of {int((~refused).sum()):,} values, by --on-unknown {policy}"
    return [Finding.of(code, message, pixels=pixels)]
