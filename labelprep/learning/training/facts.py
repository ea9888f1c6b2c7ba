"""What a run folder says about how it came about: versions, and the commit of the code around it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from typing import Any

import torch

from labelprep import __version__

PACKAGES = ("torch", "torchvision", "numpy", "pillow")


def versions(device: torch.device) -> dict[str, str]:
    """Versions of labelprep, Python, the libraries, and on a GPU of CUDA and the device."""
    found = {"labelprep": __version__, "python": platform.python_version()}
    found |= {name: version(name) for name in PACKAGES}
    if device.type == "cuda":
        found |= {"cuda": str(torch.version.cuda), "gpu": torch.cuda.get_device_name(device)}
    return found


def git_commit() -> dict[str, Any] | None:
    """Commit of the current folder's git repository, and whether files differ from it; None outside of one."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
