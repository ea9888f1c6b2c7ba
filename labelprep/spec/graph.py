"""Which stage needs which: every stage name that a stage mentions is an edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labelprep.spec.stage import Stage
from labelprep.spec.stages import REFERENCES


def mentioned(words: Mapping[str, Any], stages: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The stages that one stage mentions, by the key that mentions them.

    Args:
        words: the stage as the spec has it, plain values or a model's fields.
        stages: names of all stages.
    """
    known = set(stages)
    found = {key: tuple(n for n in as_names(words.get(key)) if n in known) for key in ("from", *REFERENCES)}
    return {key: names for key, names in found.items() if names}


def as_names(value: Any) -> tuple[str, ...]:
    """A word or a list of words as a tuple of them; anything else holds none."""
    if isinstance(value, list | tuple):
        return tuple(str(name) for name in value)
    return () if value is None or isinstance(value, dict) else (str(value),)


def edges(stages: Mapping[str, Stage]) -> dict[str, tuple[str, ...]]:
    """The stages that each stage mentions: those under `from` first, each once."""
    found = {}
    for name, stage in stages.items():
        words = {"from": stage.from_} | {key: getattr(stage, key, None) for key in REFERENCES}
        found[name] = tuple(dict.fromkeys(n for names in mentioned(words, stages).values() for n in names))
    return found


def order(needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Stages so that each comes after what it needs, otherwise in the given order.

    >>> order({"report": ("masks",), "check": (), "masks": ()})
    ('check', 'masks', 'report')

    Raises:
        ValueError: for a cycle; its names are the arguments, the first one again at the end.
    """
    waiting = dict(needs)
    done: list[str] = []
    while waiting:
        ready = next((name for name, before in waiting.items() if not any(n in waiting for n in before)), None)
        if ready is None:
            raise ValueError(*_cycle(waiting))
        done.append(ready)
        del waiting[ready]
    return tuple(done)


def _cycle(waiting: Mapping[str, tuple[str, ...]]) -> list[str]:
    path = [next(iter(waiting))]
    while path[-1] not in path[:-1]:
        path.append(next(n for n in waiting[path[-1]] if n in waiting))
    return path[path.index(path[-1]) :]


def ancestors(name: str, needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Everything that a stage needs, directly or not, nearest first.

    >>> ancestors("eval", {"eval": ("train",), "train": ("masks", "weights"), "weights": ("masks",), "masks": ()})
    ('train', 'masks', 'weights')
    """
    found: dict[str, None] = dict.fromkeys(needs[name])
    queue = list(found)
    for near in queue:
        new = [n for n in needs[near] if n not in found]
        found.update(dict.fromkeys(new))
        queue.extend(new)
    return tuple(found)
