"""Installed libraries: are they those that labelprep asks for, and do they start?"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

import labelprep
from labelprep.doctor.check import Check

PATIENCE = 120  # seconds for a library's first import from a cold disk
EXTRAS = {
    "train": "training and evaluation",
    "report": "reports",
    "onnx": "freezing models as ONNX",
    "tensorboard": "TensorBoard's logs",
    "coco": "COCO's and CVAT's outlines",
    "parquet": "tables as Parquet",
    "s3": "s3:// URLs",
    "gcs": "gs:// URLs",
}
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
TORCH = """
import json, torch, torchvision
torchvision.ops.nms  # its compiled half, which a torch of another build breaks
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
gpus = [torch.cuda.get_device_properties(n) for n in range(count)]
print(json.dumps({"cuda": torch.version.cuda, "threads": torch.get_num_threads(),
                  "gpus": [f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus]}))
"""


def check_libraries() -> Iterator[Check]:
    """Python, labelprep, and everything that it asks for, extra by extra."""
    yield Check("Python", "good", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    asked = [Requirement(line) for line in metadata.requires("labelprep") or ()]
    yield _judge(f"labelprep {labelprep.__version__}", [r for r in asked if r.marker is None], "labelprep")
    for extra, purpose in EXTRAS.items():
        wanted = [r for r in asked if r.marker is not None and r.marker.evaluate({"extra": extra})]
        yield _judge(f"extra [{extra}], for {purpose}", wanted, f'"labelprep[{extra}]"')


def _judge(name: str, asked: list[Requirement], package: str) -> Check:
    mend = f"python -m pip install --upgrade {package}"
    if not asked:
        return Check(name, "absent", "an older labelprep was installed here, which has no such extra", mend)
    found = {r.name: _version(r.name) for r in asked}
    missing = [r.name for r in asked if found[r.name] is None]
    old = [f"{r.name} {found[r.name]} is not {r.specifier}" for r in asked if _is_other(r, found[r.name])]
    if old or (missing and package == "labelprep"):
        return Check(name, "bad", "; ".join([*old, *(f"{m} is not installed" for m in missing)]), mend)
    if missing:
        return Check(name, "absent", f"not installed: {', '.join(missing)}", mend)
    return Check(name, "good", ", ".join(f"{library} {version}" for library, version in found.items()))


def _is_other(asked: Requirement, version: str | None) -> bool:
    return version is not None and not asked.specifier.contains(version, prereleases=True)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_opencv() -> Check:
    """OpenCV, which is not needed: two of its packages in one place overwrite each other, and some need libGL."""
    present = [f"{name} {version}" for name in OPENCV if (version := _version(name))]
    if not present:
        return Check("OpenCV", "absent", "not installed; labelprep does without it")
    if len(present) > 1:
        names = " ".join(word.split()[0] for word in present)
        mend = f"python -m pip uninstall -y {names} && python -m pip install opencv-python"
        return Check("OpenCV", "bad", f"{' and '.join(present)} overwrite each other", mend)
    code, _, words = _python("import cv2")
    if code == 0:
        return Check("OpenCV", "good", present[0])
    mend = f"python -m pip install --force-reinstall {present[0].split()[0]}"
    if "libGL" in words:
        mend = "apt-get install libgl1, or opencv-python-headless in place of opencv-python"
    return Check("OpenCV", "bad", f"{present[0]} cannot be imported: {_last(words, code)}", mend)


def check_torch() -> Check:
    """PyTorch with torchvision, and the GPUs that it sees."""
    version, vision = _version("torch"), _version("torchvision")
    if version is None or vision is None:
        return Check("PyTorch", "absent", "not installed", 'python -m pip install "labelprep[train]"')
    code, said, words = _python(TORCH)
    name = f"torch {version}, torchvision {vision}"
    if code != 0:
        mend = "python -m pip install --force-reinstall torch torchvision, both from the same place"
        return Check("PyTorch", "bad", f"{name} cannot be imported: {_last(words, code)}", mend)
    there = json.loads(said)
    if there["gpus"]:
        return Check("PyTorch", "good", f"{name}, CUDA {there['cuda']}: {'; '.join(there['gpus'])}")
    why = "built without CUDA" if there["cuda"] is None else f"built for CUDA {there['cuda']}"
    mend = "training works on the CPU; for a GPU see its driver with nvidia-smi"
    return Check("PyTorch", "absent", f"{name}, {there['threads']} CPU threads; no GPU is seen ({why})", mend)


def _python(code: str) -> tuple[int, str, str]:
    """Runs code in a process of its own, which a broken library may crash: exit code, stdout, stderr."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, "", f"no answer within {PATIENCE} s"
    return done.returncode, done.stdout, done.stderr


def _last(words: str, code: int) -> str:
    lines = words.strip().splitlines()
    return lines[-1] if lines else f"the process ended with {code}"
