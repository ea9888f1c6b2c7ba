"""Which device to compute on."""

from __future__ import annotations

import torch

from labelprep.errors import EnvironmentFailure, UsageError


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is the first CUDA device, or the CPU where there is none.

    Raises:
        UsageError: for a word that is no device.
        EnvironmentFailure: for a device that this machine lacks.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        message = f"no device named {name!r}; expected auto, cpu, cuda, cuda:N or mps"
        raise UsageError(message) from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        message = f"device {name!r} is not there, or this torch ({torch.__version__}) was built without it"
        raise EnvironmentFailure(message, hint="--device auto takes what there is")
    return device
