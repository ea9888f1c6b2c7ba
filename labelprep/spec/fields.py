"""Types that the spec's models share, and the error that says what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from labelprep.errors import UsageError
from labelprep.storage.place import Remote, to_place

REFUSED: Final = "refused"  # pydantic's type of the errors that `refuse` raises


class Model(BaseModel):
    """A frozen value; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


def refuse(what: str, *, allowed: Iterable[str] = ()) -> NoReturn:
    """Refuses a value in the words after "expected"; `allowed` values are offered as "did you mean".

    Raises:
        PydanticCustomError: always.
    """
    message = "expected {what}"
    raise PydanticCustomError(REFUSED, message, {"what": what, "allowed": tuple(allowed)}) from None


def _tuple_of_words(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _pairs(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = [f"{source}={target}" for source, target in value.items()]
    return _tuple_of_words(value)


def _check_pairs(value: tuple[str, ...]) -> tuple[str, ...]:
    for pair in value:
        source, sign, target = pair.partition("=")
        if not (source and sign and target):
            refuse("SRC=DST, ids or names")
    return value


def _unknown_policy(value: Any) -> Any:
    if isinstance(value, Mapping) and len(value) == 1:
        return ":".join(str(part) for part in next(iter(value.items())))
    return value


def _check_unknown_policy(value: str) -> str:
    if not re.fullmatch(r"error|ignore|nearest:\d+|map:.+", value):
        refuse("error, ignore, nearest:N or map:NAME", allowed=("error", "ignore", "nearest:3", "map:NAME"))
    return value


def _check_regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        refuse(f"a regular expression ({error})")
    return value


def _check_file_name(value: str) -> str:
    if not re.fullmatch(r"\w[\w.+-]*", value):
        refuse("a file name of letters, digits, '_', '-' and '.'")
    return value


def _check_device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        refuse("auto, cpu, cuda, cuda:N or mps")
    return value


def _place(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return to_place(value)
    except UsageError as error:
        return refuse(f"a path, or s3://BUCKET/FOLDER ({error.message})")


def _disk(value: Any) -> Any:
    if isinstance(value, Remote) or (isinstance(value, str) and isinstance(_place(value), Remote)):
        refuse("a path on disk; only datasets and prepared folders may be URLs")
    return _place(value)


def bytes_of(text: str) -> int | None:
    """Bytes in a text: a number, or one with K, M, G or T behind, in steps of 1024; None for anything else.

    >>> bytes_of("4"), bytes_of("1.5k"), bytes_of("2GiB"), bytes_of("0"), bytes_of("M")
    (4, 1536, 2147483648, None, None)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    return int(float(found[1]) * 1024 ** " kmgt".index(found[2] or " ")) or None if found else None


def bytes_shown(size: int) -> str:
    """Bytes as a person writes them.

    >>> bytes_shown(500 << 20), bytes_shown(1025)
    ('500M', '1025')
    """
    step = max(n for n in range(5) if size % 1024**n == 0)
    return f"{size // 1024**step}{' KMGT'[step].strip()}"


def _bytes(value: Any) -> Any:
    if isinstance(value, str):
        return bytes_of(value) or refuse("a size such as 200M or 2G")
    return value


def _check_range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        refuse("a pair LO HI with LO not above HI")
    return value


# What the validators above take, for the JSON Schema; pydantic sees the types behind them alone.
_WORD: Final = {"type": ["string", "integer"]}
_WORDS: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_PAIRS: Final = {"anyOf": [*_WORDS["anyOf"], {"type": "object", "additionalProperties": _WORD}]}
_BYTES: Final = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\d"}]}
_PATH: Final = {"type": "string", "format": "path"}
_UNKNOWN_POLICY: Final = {
    "anyOf": [
        {"type": "string", "pattern": r"^(error|ignore|nearest:\d+|map:.+)$"},
        {
            "type": "object",
            "properties": {"nearest": {"type": "integer", "minimum": 0}, "map": _WORD},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}

Anywhere = Annotated[
    Path | Remote,
    BeforeValidator(_place),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema(_PATH),
]
"""A path, or a URL."""
OnDisk = Annotated[Path, BeforeValidator(_disk)]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict(), Field(ge=0)]
Count = Annotated[int, Strict(), Field(ge=1)]
Real = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
AS_BYTES: Final = BeforeValidator(_bytes)
Bytes = Annotated[int, Strict(), Field(ge=1), AS_BYTES, WithJsonSchema(_BYTES)]
Size = tuple[Count, Count]
Words = Annotated[tuple[str, ...], BeforeValidator(_tuple_of_words), WithJsonSchema(_WORDS)]
Pairs = Annotated[tuple[str, ...], BeforeValidator(_pairs), AfterValidator(_check_pairs), WithJsonSchema(_PAIRS)]
UnknownPolicy = Annotated[
    str, BeforeValidator(_unknown_policy), AfterValidator(_check_unknown_policy), WithJsonSchema(_UNKNOWN_POLICY)
]
Regex = Annotated[str, AfterValidator(_check_regex)]
FileName = Annotated[str, AfterValidator(_check_file_name)]
Device = Annotated[str, AfterValidator(_check_device)]
Clip = Annotated[tuple[Real, Positive], AfterValidator(_check_range)]
