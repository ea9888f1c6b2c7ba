"""THE ROAD on one page: a raw mask becomes ids, counts and findings; a raw dataset becomes a prepared folder.

`prepare_sample` is all that happens to one sample, in order. `prepare_dataset` sends batches of samples through
a mapper (in this process, local workers, a cluster: it does not know) and keeps the ledger of what came back.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import xxhash

from labelprep.batch import pack, unpack
from labelprep.classes import ClassTable
from labelprep.errors import DamagedFileError
from labelprep.findings import Finding
from labelprep.ledger import Ledger
from labelprep.prepared import Row, image_path, mark_unfinished, mask_name
from labelprep.steps import check, images
from labelprep.steps.annotated import Drawn, decode_annotation, read_source
from labelprep.steps.decode import MAX_PIXELS, decode
from labelprep.steps.decoded import Decoded
from labelprep.steps.index import build_index, counts_by_class
from labelprep.steps.labels import names_of
from labelprep.steps.look_up import Reading, seeds_of
from labelprep.steps.meaning import Habits, Tie, understand
from labelprep.steps.palette import MaskMode, PaletteKind, encode_mask
from labelprep.steps.plan import Plan, Sample
from labelprep.steps.steady import what_changed
from labelprep.steps.unknown import resolve_unknown, unknown_values
from labelprep.storage.atomic import confined, write_below
from labelprep.storage.place import Member, Place, Remote, to_place

TELL_EVERY = 256  # samples that are passed over

Mapper = Callable[[Callable[[bytes], Iterator[bytes]], Iterable[bytes]], Iterator[bytes]]


@dataclass(frozen=True)
class Context:
    """Everything beside the sample itself that decides what becomes of it.

    Attributes:
        table: the class table.
        habits: how to read masks.
        out: the prepared folder, or None to look and write nothing.
        max_pixels: larger masks are refused from the header.
        mask_mode: `palette` or `index`.
        palette: `colour` or `identity`.
        png_level: `fast` or `small`.
        exif_rotate: compare sizes after the image's EXIF rotation.
        link: `none`, `hard` or `copy`: how images get into `out`.
    """

    table: ClassTable
    habits: Habits = field(default_factory=Habits)
    out: Place | None = None
    max_pixels: int = MAX_PIXELS
    mask_mode: MaskMode = "palette"
    palette: PaletteKind = "colour"
    png_level: str = "fast"
    exif_rotate: bool = False
    link: str = "none"

    def options(self) -> dict[str, Any]:
        """What is remembered in `dataset.json`: everything that shapes the result but the table and the place."""
        plain = {k: v for k, v in self.__dict__.items() if k not in ("table", "habits", "out")}
        habits = {k: v for k, v in asdict(self.habits).items() if k != "tie"}
        return plain | habits

    def to_json(self) -> str:
        """For the way to a worker; `from_json` is the way back."""
        values = self.__dict__ | {"table": self.table.to_dict(), "habits": asdict(self.habits)}
        return json.dumps(values | {"out": None if self.out is None else str(self.out)})

    @classmethod
    def from_json(cls, text: str) -> Context:
        """The context that `to_json` wrote; the last ones are kept, so that look-up tables are made once."""
        return _context(text)


@lru_cache(maxsize=4)
def _context(text: str) -> Context:
    values = json.loads(text)
    values["table"] = ClassTable.from_dict(values["table"])
    values["habits"] = Habits(**values["habits"])
    values["out"] = None if values["out"] is None else to_place(values["out"])
    return Context(**values)


@dataclass(frozen=True)
class Outcome:
    """What became of one sample.

    Attributes:
        row: its line of the manifest.
        findings: what was seen.
        vote: the colour order that the mask decides, if it does.
        undecided: it fits both orders and waits for the rest of the set.
    """

    row: Row
    findings: tuple[Finding, ...] = ()
    vote: str | None = None
    undecided: bool = False


def prepare_sample(sample: Sample, context: Context) -> Outcome:
    """One sample from file to file: read, decode, understand, check, index, count, write.

    Everything that is wrong with its data becomes a finding; with an error among them, nothing is written.

    Raises:
        EnvironmentFailure: where `out` cannot be written.
    """
    facts: dict[str, Any] = {}  # of its row, as they become known
    faults: list[Finding] = []
    try:
        source = read_source(sample)
    except OSError as error:
        return _outcome(sample, facts, [Finding.of("unreadable-file", f"cannot be read: {error.strerror or error}")])
    facts |= {"size": source.size, "sha256": source.sha256}
    try:
        if sample.form:
            how = Drawn(context.max_pixels, context.exif_rotate, names_of(context.table).undrawn)
            decoded, faults = decode_annotation(sample, source, how)
        else:
            decoded = decode(source.data, max_pixels=context.max_pixels, seeds=seeds_of(context.table))
    except DamagedFileError as error:
        return _outcome(sample, facts, [Finding.of(error.code, error.message)])
    facts |= {"height": decoded.height, "width": decoded.width}
    meaning = understand(decoded, context.table, context.habits)
    if meaning.undecided:
        return Outcome(_row(sample, facts), undecided=True)
    findings = [
        *faults,
        *check.check_file(decoded, sample.source),
        *images.check_image(sample.image, (decoded.width, decoded.height), exif_rotate=context.exif_rotate),
        *meaning.findings,
    ]
    if meaning.reading is not None:
        more, written = _index(sample.key, decoded, meaning.reading, context, failed=_failed(findings))
        findings += more
        facts |= written
        if written and context.out is not None and context.link != "none" and sample.image is not None:
            target = image_path(context.out, sample.key, sample.image.suffix)
            images.bring(sample.image, confined(context.out, target), context.link)
    return _outcome(sample, facts, findings, meaning.vote)


def _index(
    key: str, decoded: Decoded, reading: Reading, context: Context, *, failed: bool
) -> tuple[list[Finding], dict[str, Any]]:
    """Findings of an understood mask, and hash and counts of its ids; writes it unless something is wrong."""
    table, policy = context.table, context.habits.on_unknown
    findings = check.check_binary(reading, decoded, table)
    strangers: dict[int, int] = {}
    if reading.unknown:
        unknown = unknown_values(reading)
        strangers, refused = resolve_unknown(reading, unknown, table, policy)
        findings += check.check_unknown(reading, unknown, refused, decoded, table)
        findings += check.changed_on_request(unknown, refused, policy)
    if failed or _failed(findings):
        return findings, {}
    index = build_index(reading, table, strangers)
    counts = counts_by_class(reading, table, strangers)
    ids = index if index.dtype == np.uint8 else index.astype("<u2")
    if context.out is not None:
        png = encode_mask(
            index, table, mask_mode=context.mask_mode, palette=context.palette, png_level=context.png_level
        )
        write_below(context.out, mask_name(key), png)
    *pixels, ignored = counts.tolist()
    return findings, {"xxh3": xxhash.xxh3_128_hexdigest(ids.data), "pixels": tuple(pixels), "ignored": ignored}


def _failed(findings: Iterable[Finding]) -> bool:
    return any(f.severity == "error" for f in findings)


def _outcome(sample: Sample, facts: dict[str, Any], findings: Iterable[Finding], vote: str | None = None) -> Outcome:
    named = tuple([replace(f, key=sample.key, path=f.path or sample.named) for f in findings])
    facts = facts | {"findings": tuple(dict.fromkeys(f.code for f in named))} if named else facts
    return Outcome(_row(sample, facts), named, vote)


def _row(sample: Sample, facts: dict[str, Any]) -> Row:
    return Row(sample.key, sample.source, sample.image_source, sample.split, **facts)


def warm_up() -> None:
    """Loads what the first masks would load, so that a clock over one file counts that file alone."""
    from PIL import Image

    for mode in ("L", "RGB"):
        png = io.BytesIO()
        Image.new(mode, (1, 1)).save(png, "PNG")
        decode(png.getvalue())


def run_batch(blob: bytes) -> Iterator[bytes]:
    """Prepares a batch of samples; gives an answer for each as soon as it is done.

    Args:
        blob: what `batch.pack` makes of the context and the samples.
    """
    text, samples = unpack(blob)
    context = Context.from_json(text)
    for ordinal, fields in samples:
        sample = Sample.from_dict(fields)
        yield orjson.dumps(_answer(ordinal, sample, prepare_sample(sample, context)))


def _answer(ordinal: int, sample: Sample, outcome: Outcome) -> dict[str, Any]:
    return {
        "n": ordinal,
        "stamp": sample.stamp(),
        "row": outcome.row.__dict__,
        "findings": [f.to_dict() for f in outcome.findings],
        "vote": outcome.vote,
        "undecided": outcome.undecided,
        "tie": None,
    }


def prepare_dataset(
    plan: Plan,
    context: Context,
    ledger: Ledger,
    *,
    mapper: Mapper,
    group: Callable[[Iterator[tuple[int, Sample]]], Iterable[tuple[tuple[int, Sample], ...]]],
    on_batch: Callable[[Ledger], None],
) -> None:
    """Sends every sample of the plan that the ledger does not hold yet through the mapper, and records what comes back.

    Masks that fit both colour orders wait until the rest of the set has voted: they take the order that all
    decided masks share, and are errors where those disagree or where none decided. At the end every file is looked at
    once more: what is no longer as the plan has it is an error, and its mask does not stay.

    Args:
        plan: the samples, streamed.
        context: how to prepare them.
        ledger: what is done already; every batch is recorded before the next one counts.
        mapper: where `run_batch` is computed.
        group: makes batches of (place in the plan, sample).
        on_batch: called after every recorded batch, and now and then while samples are recalled.

    Raises:
        EnvironmentFailure: where the output cannot be written.
    """
    waiting = replace(context, habits=replace(context.habits, tie="wait"))
    todo = _without(plan.samples(), ledger.recall, lambda: on_batch(ledger))
    for answers in mapper(run_batch, _blobs(group(todo), waiting)):
        ledger.record(answers)
        on_batch(ledger)
    if ledger.undecided():
        _decide(plan, context, ledger, mapper=mapper, group=group, on_batch=on_batch)
    _look_again(plan, ledger, on_batch)


def _decide(
    plan: Plan,
    context: Context,
    ledger: Ledger,
    *,
    mapper: Mapper,
    group: Callable[[Iterator[tuple[int, Sample]]], Iterable[tuple[tuple[int, Sample], ...]]],
    on_batch: Callable[[Ledger], None],
) -> None:
    """Prepares the masks that waited for the colour order of the others."""
    tie: Tie = ledger.common_vote() or "error"
    deciding = replace(context, habits=replace(context.habits, tie=tie))
    undecided = _without(
        plan.samples(),
        lambda n, sample: not ledger.is_undecided(n) or ledger.recall_tied(n, sample, tie),
        lambda: on_batch(ledger),
    )
    for answers in mapper(run_batch, _blobs(group(undecided), deciding)):
        ledger.record(answers, tie=tie)
        on_batch(ledger)


def _without(
    samples: Iterable[Sample], is_done: Callable[[int, Sample], bool], tell: Callable[[], None]
) -> Iterator[tuple[int, Sample]]:
    """(place in the plan, sample) of those that are not done; gives a sign of life while it passes over the others."""
    for n, sample in enumerate(samples):
        if n % TELL_EVERY == TELL_EVERY - 1:
            tell()
        if not is_done(n, sample):
            yield n, sample


def _look_again(plan: Plan, ledger: Ledger, tell: Callable[[Ledger], None]) -> None:
    """Replaces the results of files that changed while the run worked."""
    for n, sample in enumerate(plan.samples()):
        if n % TELL_EVERY == TELL_EVERY - 1:
            tell(ledger)
        mask = sample.mask.container if isinstance(sample.mask, Member) else sample.mask
        if isinstance(mask, Remote):  # a request for each would take hours; the next run's listing tells
            continue
        if why := what_changed(sample):
            failed = _outcome(sample, {}, [Finding.of("source-changed", why)])
            ledger.replace(_answer(n, sample, failed))


def _blobs(batches: Iterable[tuple[tuple[int, Sample], ...]], context: Context) -> Iterator[bytes]:
    text = context.to_json()
    for number, batch in enumerate(batches):
        if context.out is not None and (number == 0 or not isinstance(context.out, Remote)):
            mark_unfinished(context.out)  # a mask is about to change
        yield pack(text, ((ordinal, sample.to_dict()) for ordinal, sample in batch))
