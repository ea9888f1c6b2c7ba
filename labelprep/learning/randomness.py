"""All random generators that training may draw from: seeded, saved, restored, and left as they were outside."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def own_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """Within it, the generators of Python, NumPy, torch and the device start from a seed; then they go on as before."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - models of other people may draw from it
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def random_state(device: torch.device) -> dict[str, Any]:
    """The state of all generators, as values that `torch.load(weights_only=True)` reads."""
    values: Any = np.random.get_state()  # noqa: NPY002
    name, keys, position, has_gauss, gauss = values
    state: dict[str, Any] = {
        "python": list(random.getstate()[1]),
        "numpy": [str(name), keys.tolist(), int(position), int(has_gauss), float(gauss)],
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Sets all generators to what `random_state` saved."""
    random.setstate((3, tuple(state["python"]), None))
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
