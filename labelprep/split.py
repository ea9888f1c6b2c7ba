"""Which samples train, which validate, which test. Pure functions of keys; the same for any order of the input.

The order that a seed makes is that of SHA-256 over seed and name, so it is the same on every machine and with
every version of every library, and a sample that joins the set moves few others.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from labelprep.errors import UsageError

NAMES = ("train", "val", "test")
SHOWN = 3  # examples in a message
TOLERANCE = 1e-6  # of the ratios' sum

Classes = Mapping[str, Iterable[int]]


def split_keys(
    keys: Iterable[str],
    ratios: Sequence[float],
    *,
    seed: int = 0,
    group_by: str | None = None,
    classes: Classes | None = None,
) -> dict[str, tuple[str, ...]]:
    """Gives every key to exactly one split.

    Every split's size differs from its share by less than one sample or, with `group_by`, by less than the
    largest group; without groups the sizes are those of the largest-remainder method.

    Args:
        keys: the samples, each once.
        ratios: two shares (train, val) or three (train, val, test) that add up to 1.
        seed: another seed gives another split.
        group_by: regular expression, searched in every key; keys with the same first group (the same match where
            it has no group) stay together.
        classes: the classes that each sample holds; given, each class is spread over the splits by the ratios as
            well as sizes allow, rarest class first.

    Returns:
        The keys of each split, sorted.

    Raises:
        UsageError: for ratios or a regular expression that cannot be used, and keys that it does not match.

    >>> split_keys("abcde", [0.8, 0.2])
    {'train': ('a', 'c', 'd', 'e'), 'val': ('b',)}
    """
    shares = checked_ratios(ratios)
    units = _units(sorted(set(keys)), group_by, seed)
    parts = _Parts(shares, sum(len(unit) for unit in units))
    if classes is None:
        for unit in units:
            parts.put(unit, parts.open_to(unit)[0])
    else:
        _stratify(units, classes, parts)
    return {name: tuple(sorted(part)) for name, part in zip(NAMES, parts.keys, strict=False)}


def group_of(key: str, pattern: re.Pattern[str]) -> str | None:
    r"""The first group of the pattern's first match in a key, or the whole match; None where it does not match.

    >>> group_of("berlin/0012_a", re.compile(r"/(\d+)"))
    '0012'
    """
    match = pattern.search(key)
    if match is None:
        return None
    first = match.group(1) if pattern.groups else None
    return match.group() if first is None else first


Unit = tuple[str, ...]  # keys that stay together


def checked_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """The ratios, adding up to 1 exactly.

    Raises:
        UsageError: unless they are two or three positive shares that add up to 1.
    """
    if not (2 <= len(ratios) <= len(NAMES) and min(ratios) > 0 and abs(sum(ratios) - 1) <= TOLERANCE):  # nor NaN
        message = f"ratios must be 2 or 3 positive shares that add up to 1, got {' '.join(map(str, ratios))}"
        raise UsageError(message, hint="for example: --ratios 0.8 0.1 0.1")
    return tuple(ratio / sum(ratios) for ratio in ratios)


def checked_pattern(group_by: str) -> re.Pattern[str]:
    """The regular expression, compiled.

    Raises:
        UsageError: where it is none.
    """
    try:
        return re.compile(group_by)
    except re.error as error:
        message = f"--group-by {group_by!r} is no regular expression: {error}"
        raise UsageError(message) from None


def _units(keys: Sequence[str], group_by: str | None, seed: int) -> list[Unit]:
    """The keys as units that stay together, in the order that the seed makes."""
    groups: dict[str, list[str]] = {key: [key] for key in keys} if group_by is None else _grouped(keys, group_by)
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest())
    return [tuple(groups[name]) for name in order]


def _grouped(keys: Sequence[str], group_by: str) -> dict[str, list[str]]:
    pattern = checked_pattern(group_by)
    groups: dict[str, list[str]] = defaultdict(list)
    strays = []
    for key in keys:
        group = group_of(key, pattern)
        if group is None:
            strays.append(key)
        else:
            groups[group].append(key)
    if strays:
        some = ", ".join(strays[:SHOWN]) + (", …" if len(strays) > SHOWN else "")
        message = f"--group-by {group_by!r} does not match {len(strays)} of {len(keys)} keys: {some}"
        raise UsageError(message, hint="change the expression so that it finds a group in every key")
    return groups


class _Parts:
    """The splits while they fill.

    A unit goes where there is room for all of it; where there is none, to the split that lacks most. So no split
    ends more than the largest unit from its share: one that lacked that much would have been chosen before any
    other went over.
    """

    def __init__(self, shares: Sequence[float], total: int) -> None:
        self.shares = shares
        self.lacking = [share * total for share in shares]
        self.keys: list[list[str]] = [[] for _ in shares]

    def open_to(self, unit: Unit) -> list[int]:
        """The splits that may take a unit."""
        room = [i for i, lack in enumerate(self.lacking) if lack >= len(unit) - TOLERANCE]
        return room or [self.lacking.index(max(self.lacking))]

    def put(self, unit: Unit, where: int) -> None:
        """Gives a unit to a split."""
        self.keys[where].extend(unit)
        self.lacking[where] -= len(unit)


def _stratify(units: Sequence[Unit], classes: Classes, parts: _Parts) -> None:
    """Iterative stratification: the class that fewest units still hold is dealt out first.

    Each of its units goes to the split that lacks most of that class (Sechidis, Tsoumakas and Vlahavas 2011, "On the
    stratification of multi-label data", algorithm 1), among those that still have room.
    """
    held = [frozenset(c for key in unit for c in classes.get(key, ())) for unit in units]
    holders: dict[int, list[int]] = defaultdict(list)
    for number, present in enumerate(held):
        for c in present:
            holders[c].append(number)
    left = {c: len(numbers) for c, numbers in holders.items()}
    wanted = {c: [share * count for share in parts.shares] for c, count in left.items()}
    dealt: set[int] = set()

    def deal(number: int, of: Sequence[float]) -> None:
        open_to = parts.open_to(units[number])
        where = max(open_to, key=lambda i: (round(of[i], 9), parts.lacking[i], -i))
        parts.put(units[number], where)
        dealt.add(number)
        for c in held[number]:
            left[c] -= 1
            wanted[c][where] -= 1

    while left:
        rarest = min(left, key=lambda c: (left[c], c))
        for number in holders[rarest]:
            if number not in dealt:
                deal(number, wanted[rarest])
        del left[rarest]
    for number in range(len(units)):
        if number not in dealt:
            deal(number, parts.lacking)
