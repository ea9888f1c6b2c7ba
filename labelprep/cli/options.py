"""Options that commands share, made from the models of `labelprep.spec`: the same words in both."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from labelprep.cli.paths import ANYWHERE, ON_DISK
from labelprep.errors import UsageError
from labelprep.nearest import did_you_mean
from labelprep.spec import DatasetSpec
from labelprep.spec.fields import AS_BYTES, bytes_of, bytes_shown

Command = TypeVar("Command", bound=Callable[..., Any])

METAVARS = {
    "suspects": "FILE|RUN",
    "shard_size": "SIZE",
    "tta": "flip,0.75,…",
    "classes": "FILE|preset:NAME",
    "map": "SRC=DST",
    "ignore": "NAME",
    "on_unknown": "error|ignore|nearest:N|map:NAME",
    "max_pixels": "N",
    "limit": "N",
    "folds": "N",
    "similar": "BITS",
    "group_by": "REGEX",
    "image_suffix": "SUFFIX",
    "mask_suffix": "SUFFIX",
    "image_prefix": "PREFIX",
    "mask_prefix": "PREFIX",
}


class Choice(click.Choice[str]):
    """One of some words; a wrong one is told with the nearest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """The message of click, and what may have been meant."""
        return super().get_invalid_choice_message(value, ctx).removesuffix(".") + did_you_mean(value, self.choices)


def option_of(name: str, info: FieldInfo) -> click.Option:
    """The click option of one field of a model; its default is left to the model."""
    kind = _core(info.annotation)
    words: dict[str, Any] = {"help": _help(info), "metavar": METAVARS.get(name)}
    words |= {"required": True} if info.is_required() else {"default": None}
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        words |= {"is_flag": True, "metavar": None}
        flag = flag if info.default is False else f"{flag}/--no-{name.replace('_', '-')}"
    elif get_origin(kind) is Literal:
        words |= {"type": Choice(get_args(kind))}
    elif get_origin(kind) is tuple:
        words |= {"multiple": True}
    elif kind in (int, float) and AS_BYTES not in info.metadata:
        words |= {"type": kind}
    elif kind is Path:
        words |= {"type": ANYWHERE, "metavar": words["metavar"] or "PATH"}
    return click.Option([flag, name], **words)


def is_size(info: FieldInfo) -> bool:
    """Whether a field takes height and width."""
    return [_core(kind) for kind in get_args(_core(info.annotation))] == [int, int]


def _core(annotation: Any) -> Any:
    """The type inside `X | None` and `Annotated[X, …]`."""
    if get_origin(annotation) is Annotated:
        return _core(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _core(next(a for a in get_args(annotation) if a is not type(None)))
    return annotation


def _help(info: FieldInfo) -> str:
    text = (info.description or "").strip()
    text = text[:1].upper() + text[1:] + "."
    plain = info.default in (None, ()) or isinstance(info.default, bool) or info.is_required()
    shown = None if plain else bytes_shown(info.default) if AS_BYTES in info.metadata else info.default
    return f"{text}  [default: {shown}]" if shown is not None else text


def dataset_options(command: Command) -> Command:
    """Adds DATASET and every word of `DatasetSpec`, and how to work; the command gets them as keyword arguments."""
    params: list[click.Parameter] = [click.Argument(["root"], type=ANYWHERE, metavar="DATASET")]
    params += [option_of(name, info) for name, info in DatasetSpec.model_fields.items() if name != "root"]
    for param in reversed([*params, *run_options()]):
        click.decorators._param_memo(command, param)
    return command


def words_of(model: type[BaseModel], *names: str) -> Callable[[Command], Command]:
    """Adds some words of a stage's model; the command gets None where they were not given."""

    def add(command: Command) -> Command:
        for name in reversed(names):
            click.decorators._param_memo(command, option_of(name, model.model_fields[name]))
        return command

    return add


def run_options() -> list[click.Option]:
    """--jobs, --scheduler, --rehash, --keep-going, what one file may take, and keys to a cluster."""
    return [
        click.Option(
            ["--jobs", "-j"], type=click.IntRange(min=1), metavar="N", help="Workers; one per core by default."
        ),
        click.Option(
            ["--scheduler"],
            default="auto",
            metavar="auto|inline|local|tcp://…",
            help="Where to work: one file after another, in local workers, or on a Dask cluster.  [default: auto]",
        ),
        click.Option(["--rehash"], is_flag=True, help="Read every source again instead of trusting size and time."),
        click.Option(
            ["--keep-going"],
            is_flag=True,
            help="Past what fails: samples, which validate and convert always do, and in `run` past stages too: behind "
            "one that finished in part, and with those that do not need one that failed.",
        ),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(min=0, min_open=True),
            default=60.0,
            metavar="SECONDS",
            help="What one file may take, and a second more for every 4 million pixels.  [default: 60]",
        ),
        click.Option(
            ["--memory-limit"],
            callback=size_of,
            metavar="SIZE",
            help="Memory that one file may take: 800M, 4G.  [default: three quarters of the machine's]",
        ),
        click.Option(
            ["--guard/--no-guard"],
            default=True,
            envvar="LABELPREP_GUARD",
            help="Without guard processes, a file that crashes takes its worker or this process along.",
        ),
        *(
            click.Option([f"--tls-{name}"], type=ON_DISK, metavar="FILE", help=f"For tls://…: {what} (PEM).")
            for name, what in (("ca", "the authority's certificates"), ("cert", "own certificate"), ("key", "its key"))
        ),
    ]


def size_of(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Bytes: a number, or one with K, M, G or T behind, in steps of 1024.

    Raises:
        BadParameter: for anything else.
    """
    if value is None:
        return None
    if (size := bytes_of(value)) is None:
        message = f"expected a size such as 800M or 4G, got {value!r}"
        raise click.BadParameter(message, ctx, param)
    return size


def dataset_of(words: Mapping[str, Any]) -> DatasetSpec:
    """The dataset that a command's words describe; words that were not given keep their defaults.

    Raises:
        UsageError: with every value that cannot be.
    """
    return build(DatasetSpec, {name: words[name] for name in DatasetSpec.model_fields if name in words})


Model = TypeVar("Model", bound=BaseModel)


def build(model: type[Model], words: Mapping[str, Any]) -> Model:
    """A model from a command's options; options that were not given keep their defaults.

    Raises:
        UsageError: with every value that cannot be, by the name of its option.
    """
    given = {name: value for name, value in words.items() if value is not None and value != ()}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise UsageError("; ".join(_plain(e) for e in error.errors()), hint="see --help") from None


def _plain(error: Any) -> str:
    if not error["loc"]:  # options that do not go together
        return str(error["msg"])
    name = "--" + str(error["loc"][0]).replace("_", "-")
    got = error["input"]
    bounds = error.get("ctx", {})
    expected = {
        "greater_than_equal": f"expected at least {bounds.get('ge')}",
        "greater_than": f"expected more than {bounds.get('gt')}",
        "less_than_equal": f"expected at most {bounds.get('le')}",
    }.get(error["type"], error["msg"])
    shown = " ".join(map(str, got)) if isinstance(got, tuple) else repr(got)  # as it was typed
    return f"{name}: {expected}, got {shown}{did_you_mean(got, bounds.get('allowed', ()))}"


def run_words(words: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `RunContext` among a command's words.

    Raises:
        UsageError: for one or two of the three keys that a cluster asks for.
    """
    from labelprep.execution import TLS, Limits

    keys = [words[f"tls_{name}"] for name in ("ca", "cert", "key")]
    if any(keys) and not all(keys):
        message = "--tls-ca, --tls-cert and --tls-key go together"
        raise UsageError(message)
    limits = Limits(words["timeout"], words["memory_limit"]) if words["guard"] else None
    where = {name: words[name] for name in ("jobs", "scheduler", "rehash")}
    return where | {"limits": limits, "tls": TLS(*keys) if all(keys) else None}
