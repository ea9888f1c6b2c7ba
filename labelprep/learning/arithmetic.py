"""How numbers are computed: precision, determinism, compiled or not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import nn

from labelprep.errors import EnvironmentFailure, UsageError

Precision = Literal["fp32", "bf16", "fp16"]
Say = Callable[[str], None]
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def precision_of(word: str, device: torch.device) -> Precision:
    """What `auto` means on a device: bf16 on a GPU that has it, else fp32.

    Raises:
        UsageError: for an unknown word.
        EnvironmentFailure: for bf16 on a GPU that lacks it.
    """
    has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if word == "auto":
        return "bf16" if has_bf16 else "fp32"
    if word == "fp32":
        return "fp32"
    if word == "fp16":
        return "fp16"
    if word != "bf16":
        message = f"precision must be auto, fp32, bf16 or fp16, but is {word!r}"
        raise UsageError(message)
    if device.type == "cuda" and not has_bf16:
        message = f"{torch.cuda.get_device_name(device)} has no bf16"
        raise EnvironmentFailure(message, hint="--precision fp16 or fp32")
    return "bf16"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Where the network's forward pass runs; the loss and all sums stay outside, in float32."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, TYPES[precision])


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Within it, torch takes deterministic algorithms alone, and the fixed workspace that cuBLAS needs for them.

    Raises:
        UsageError: where an operation of the model has none.
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    except RuntimeError as error:
        if "does not have a deterministic implementation" not in str(error):
            raise
        message = str(error).split(". ")[0]
        raise UsageError(message, hint="leave --deterministic out, or choose another model or loss") from error
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]


class Compiled:
    """A network compiled by `torch.compile`, or as it is where its first call fails to compile."""

    def __init__(self, network: nn.Module, say: Say) -> None:
        self.network, self.say = network, say
        self.call: Callable[..., Any] = torch.compile(network)
        self.tried = False

    def __call__(self, *inputs: Any) -> Any:
        """What the network gives.

        Raises:
            Exception: whatever the network itself raises.
        """
        if self.tried:
            return self.call(*inputs)
        self.tried = True
        try:
            return self.call(*inputs)
        except Exception as error:  # noqa: BLE001 - compilers fail in many ways; the plain network tells real faults
            self.call = self.network
            reason = " ".join(line.strip() for line in str(error).splitlines()[:2]) or type(error).__name__
            self.say(f"torch.compile does not work here, training goes on without: {reason}")
            return self.call(*inputs)
