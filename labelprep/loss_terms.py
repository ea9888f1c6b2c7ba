"""The text of a loss, such as `ce`, `ce+dice` or `0.5*ce+dice`. Imports no torch: specs are checked without it."""

from __future__ import annotations

import re
from types import MappingProxyType

from labelprep.nearest import did_you_mean

LOSSES = MappingProxyType(
    {
        "ce": "cross entropy",
        "focal": "focal loss",
        "dice": "Dice loss",
        "jaccard": "Jaccard loss",
        "tversky": "Tversky loss",
        "lovasz": "Lovász-softmax",
        "boundary": "cross entropy that weighs pixels near a boundary more",
        "topk": "cross entropy of the hardest pixels",
    }
)
COMPATS = MappingProxyType(  # whose published numbers of which losses there are
    {
        "none": frozenset(LOSSES),
        "deeplab": frozenset({"ce", "focal"}),
        "keras": frozenset({"dice", "jaccard"}),
        "monai": frozenset({"dice", "jaccard", "tversky"}),
        "smp": frozenset({"dice", "jaccard", "tversky"}),
    }
)
_ALSO = MappingProxyType(  # what others call them, in small letters and digits alone
    {
        "crossentropy": "ce",
        "softce": "ce",
        "iou": "jaccard",
        "lovaszsoftmax": "lovasz",
        "ohem": "topk",
        "dicece": "ce+dice",
    }
)
_TERM = re.compile(r"(?:(\d+\.?\d*(?:e-?\d+)?|\.\d+)\*)?([a-z_]\w*)")


def parse_terms(text: str) -> dict[str, float]:
    """Factor by name of each term, in the order of the text.

    Args:
        text: names of `LOSSES`, each once, with a factor above 0 before it by choice, joined by `+`.

    Raises:
        ValueError: for anything else, naming the choices and the nearest of them.

    >>> parse_terms("0.5*ce + dice")
    {'ce': 0.5, 'dice': 1.0}
    """
    terms: dict[str, float] = {}
    for part in text.replace(" ", "").split("+"):
        found = _TERM.fullmatch(part)
        name, factor = (found[2], float(found[1] or 1)) if found else (part, 0.0)
        if name not in LOSSES or name in terms or not 0 < factor < float("inf"):
            guess = "" if name in LOSSES else did_you_mean(name, [*LOSSES, *_ALSO.values()], _ALSO)
            message = (
                f"loss {text!r}: cannot use {part!r}; expected a sum of {', '.join(LOSSES)}, "
                f"each once, with a factor above 0 before it by choice: '0.5*ce+dice'{guess}"
            )
            raise ValueError(message)
        terms[name] = factor
    return terms


def check_compat(compat: str, text: str) -> None:
    """Refuses a compat word that there is not, or that concerns none of the terms.

    Raises:
        ValueError: naming the losses that it concerns.
    """
    if compat not in COMPATS:
        message = f"compat must be one of {', '.join(COMPATS)}, but is {compat!r}"
        raise ValueError(message)
    if not COMPATS[compat] & set(parse_terms(text)):
        message = f"compat {compat!r} concerns {', '.join(sorted(COMPATS[compat]))}; the loss {text!r} has none of them"
        raise ValueError(message)
