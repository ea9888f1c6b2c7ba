"""One process of one, or one of several that `torchrun` started: who leads, and sums over all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from labelprep.errors import EnvironmentFailure

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """The processes that train one model.

    Attributes:
        rank: number of this process, from 0.
        world: how many there are.
        device: where this process computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and tells how it goes."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """The sum of a tensor over all processes; exact for integers."""
        if self.world == 1:
            return value
        summed = value.detach().clone()
        dist.all_reduce(summed)
        return summed

    def any(self, value: bool) -> bool:
        """Whether it holds in one of the processes."""
        if self.world == 1:
            return value
        return bool(self.total(torch.tensor(int(value), device=self.device)))

    def gathered(self, value: Value) -> list[Value]:
        """The values of all processes, by rank. Plain values and tensors on the CPU."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def follow(self, tensors: Sequence[Tensor]) -> None:
        """Overwrites tensors with those of the first process."""
        if self.world > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)


def rank_here() -> int:
    """The rank that `torchrun` gave this process, 0 without it."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def processes(device: torch.device) -> Iterator[Group]:
    """The group of this process: one that was made before, else the one that `torchrun` describes, else itself.

    On CUDA each process takes the device of its local rank.

    Raises:
        EnvironmentFailure: where the others cannot be reached.
    """
    if dist.is_initialized():
        yield _group(device)
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Group(0, 1, device)
        return
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        message = f"the other processes cannot be reached: {error}"
        raise EnvironmentFailure(
            message, hint="start all of them: torchrun --nproc-per-node N -m labelprep …"
        ) from error
    try:
        yield _group(device)
    finally:
        dist.destroy_process_group()


def _group(device: torch.device) -> Group:
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    return Group(dist.get_rank(), dist.get_world_size(), device)
