"""How samples travel to a worker and back: a batch is lines, and each of its samples has an answer of its own.

```
batch:   "context"
         [place in the plan, fields]
         …
answer:  {"n": place, "stamp": …, "row": {…}, "findings": […], "vote": …, "undecided": …, "tie": …}
```

Answers travel together as lines too, and go into the journal as they are.

Whoever carries batches can count and cut them without reading what is in their lines, and can answer for a sample
that could not be worked on, without loading anything that the work itself needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

from labelprep.storage.place import Readable, from_plain


def pack(context: str, samples: Iterable[tuple[int, dict[str, Any]]]) -> bytes:
    """A batch.

    Args:
        context: how the samples are prepared, `Context.to_json`.
        samples: place in the plan and `Sample.to_dict` of each.
    """
    return b"\n".join([json.dumps(context).encode(), *map(_line, samples)])


def _line(sample: tuple[int, dict[str, Any]]) -> bytes:
    try:
        return orjson.dumps(sample)
    except TypeError:  # a path that is not UTF-8
        return json.dumps(sample).encode()


def unpack(batch: bytes) -> tuple[str, list[tuple[int, dict[str, Any]]]]:
    r"""Context and samples of a batch.

    >>> unpack(pack("{}", [(7, {"key": "a"})]))
    ('{}', [[7, {'key': 'a'}]])
    >>> unpack(pack("{}", [(7, {"key": "\udc80\n"})]))
    ('{}', [[7, {'key': '\udc80\n'}]])
    """
    context, *samples = batch.split(b"\n")
    return json.loads(context), [_sample(line) for line in samples]


def _sample(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line)


def size(batch: bytes) -> int:
    """How many samples a batch has.

    >>> size(pack("{}", [(7, {}), (8, {})]))
    2
    """
    return batch.count(b"\n")


def part(batch: bytes, start: int, stop: int | None = None) -> bytes | None:
    """The batch with the samples `start:stop` alone; None where none is left.

    >>> batch = pack("{}", [(7, {}), (8, {}), (9, {})])
    >>> part(batch, 1) == pack("{}", [(8, {}), (9, {})]), part(batch, 3)
    (True, None)
    """
    context, *samples = batch.split(b"\n")
    chosen = samples[start:stop]
    return b"\n".join([context, *chosen]) if chosen else None


def together(batch: bytes, behind: bytes | None) -> bytes:
    """Two batches of one context in one.

    >>> together(pack("{}", [(7, {})]), pack("{}", [(8, {})])) == pack("{}", [(7, {}), (8, {})])
    True
    """
    return batch if behind is None else b"\n".join([batch, *behind.split(b"\n")[1:]])


def mask_of(batch: bytes, place: int) -> Readable:
    """The file of the mask of one sample of a batch."""
    return from_plain(_at(batch, place)[1]["mask"])


def _at(batch: bytes, place: int) -> Any:
    return _sample(batch.split(b"\n")[1 + place])


def join(answers: Iterable[bytes]) -> bytes:
    """The answers of a batch, one line each; JSON as it is written here holds no line end."""
    return b"\n".join(answers)


def merge(joined: Iterable[bytes]) -> bytes:
    r"""The answers of several batches, each as `join` gives them, in one.

    >>> merge([join([b"1"]), join([]), join([b"2", b"3"])])
    b'1\n2\n3'
    """
    return join(filter(None, joined))


def separate(joined: bytes) -> list[bytes]:
    r"""The answers that `join` put together.

    >>> separate(join([b"1", b"2"])), separate(join([]))
    ([b'1', b'2'], [])
    """
    return joined.splitlines()


def answer_for(batch: bytes, place: int, code: str, message: str) -> bytes:
    """The answer for a sample that could not be worked on: a line of the manifest without a result, and a finding.

    Its stamp is null, so that the next run tries the file again: the machine may have more memory by then.

    Args:
        batch: as `pack` makes it.
        place: which of its samples.
        code: of the findings' catalogue.
        message: what happened.
    """
    from labelprep.findings import Finding
    from labelprep.prepared import Row

    n, sample = _at(batch, place)
    finding = Finding.of(code, message, key=sample["key"], path=sample["source"])
    row = Row(sample["key"], sample["source"], sample["image_source"], sample["split"], findings=(code,))
    answer = {"n": n, "stamp": None, "row": row.__dict__, "findings": [finding.to_dict()]}
    return json.dumps(answer | {"vote": None, "undecided": False, "tie": None}).encode()
