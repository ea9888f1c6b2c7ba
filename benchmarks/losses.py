"""Cross entropy and Dice, forward and backward: time over the floor, memory, and how others do in the same run.

    python benchmarks/losses.py [--device cpu|cuda] [--shape 8 23 1024 1024] [--classes 2 23 150] [--dtypes fp32 bf16]
                                [--labels uint8|int64] [--rounds 5] [--compile] [--json]

The floor is what any way must move at least: the logits read twice and their gradient written once, the labels read
twice, over the bandwidth of a copy measured in the same run. Memory is what is allocated beyond logits and labels at
the worst moment, the gradient itself included. Contestants take turns; a time is the median over rounds, a ratio the
median over rounds of the ratio within a round. On one CPU thread, time is processor time. MONAI,
segmentation_models_pytorch and kornia take part where they are installed. On the CPU the default shape is a smaller
one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

from labelprep.learning.losses import parse_loss

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Contestant:
    """A loss of logits (B, C, H, W) and labels (B, H, W); `wide` where it wants int64 labels."""

    name: str
    loss: Loss
    wide: bool = True


def ours(fused: bool | None, text: str = "ce+dice") -> Loss:
    loss = parse_loss(text, fused=fused)
    return lambda logits, labels: loss(logits, labels).total


def plain(logits: Tensor, labels: Tensor) -> Tensor:
    """What a careful hand writes for a compiler: no one-hot tensor, one softmax, comparisons that can be fused."""
    classes = logits.shape[1]
    log_p = torch.log_softmax(logits.float(), 1)
    valid = labels != 255
    safe = torch.where(valid, labels, 0).long()
    ce = -torch.where(valid, log_p.gather(1, safe.unsqueeze(1)).squeeze(1), 0).sum() / valid.sum().clamp_min(1)
    p = torch.where(valid.unsqueeze(1), log_p.exp(), 0)
    ids = torch.arange(classes, device=logits.device).view(1, -1, 1, 1)
    hit = torch.where(ids == labels.unsqueeze(1), p, 0).sum((0, 2, 3))
    truth = (ids == labels.unsqueeze(1)).sum((0, 2, 3))
    score = (2 * hit + 1e-5) / (p.sum((0, 2, 3)) + truth + 1e-5)
    present = truth > 0
    return ce + torch.where(present, 1 - score, 0).sum() / present.sum().clamp_min(1)


def contestants(compiled: bool) -> list[Contestant]:
    """All that can take part here; what is missing is said on stderr."""
    found = [
        Contestant("labelprep ce+dice, fused", ours(True), wide=False),
        Contestant("labelprep ce+dice, plain", ours(False), wide=False),
        Contestant("F.cross_entropy alone", lambda x, y: functional.cross_entropy(x, y, ignore_index=255)),
    ]
    for module, make in (
        ("monai.losses", _monai),
        ("segmentation_models_pytorch.losses", _smp),
        ("kornia.losses", _kornia),
    ):
        try:
            found.append(make(importlib.import_module(module)))
        except ImportError:
            print(f"{module.split('.')[0]} is not installed and stays out", file=sys.stderr)
    if compiled:
        found.append(
            Contestant("labelprep ce+dice, fused, torch.compile", torch.compile(ours(True), dynamic=False), False)
        )
        found.append(Contestant("plain one-hot-free loss, torch.compile", torch.compile(plain, dynamic=False)))
    return found


def _monai(losses) -> Contestant:
    loss = losses.DiceCELoss(softmax=True, to_onehot_y=True, batch=True)
    return Contestant("MONAI DiceCELoss", lambda x, y: loss(x, y.unsqueeze(1)))


def _smp(losses) -> Contestant:
    loss = losses.DiceLoss("multiclass")
    return Contestant("F.cross_entropy + smp DiceLoss", lambda x, y: functional.cross_entropy(x, y) + loss(x, y))


def _kornia(losses) -> Contestant:
    return Contestant(
        "F.cross_entropy + kornia dice_loss",
        lambda x, y: functional.cross_entropy(x, y) + losses.dice_loss(x, y, average="macro"),
    )


def draw(shape: tuple[int, ...], dtype: torch.dtype, labels: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    """Logits and labels without ignored pixels, which some contestants do not know."""
    generator = torch.Generator(device).manual_seed(0)
    logits = torch.randn(shape, generator=generator, device=device, dtype=torch.float32).to(dtype)
    truth = torch.randint(0, shape[1], (shape[0], *shape[2:]), generator=generator, device=device)
    return logits.requires_grad_(), truth.to(labels)


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(step: Callable[[], object], device: str) -> float:
    clock = time.process_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    wait(device)
    began = clock()
    step()
    wait(device)
    return clock() - began


def step_of(loss: Loss, logits: Tensor, labels: Tensor) -> Callable[[], None]:
    def step() -> None:
        logits.grad = None
        loss(logits, labels).backward()

    return step


def bandwidth(logits: Tensor, rounds: int) -> float:
    """Bytes a second that a copy of the logits reads and writes."""
    source, target = logits.detach(), torch.empty_like(logits.detach())
    device = logits.device.type
    times = [seconds(lambda: target.copy_(source), device) for _ in range(rounds + 2)][2:]
    return 2 * source.numel() * source.element_size() / median(times)


def peak(step: Callable[[], None], device: str) -> int:
    """Bytes allocated beyond what was there before, at the worst moment."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    return _allocated_peak(step)


def _allocated_peak(step: Callable[[], None]) -> int:
    """The same on the CPU, from the allocations that PyTorch's profiler saw."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]
    return max(accumulate((one.nbytes() for one in sorted(events, key=lambda one: one.start_ns())), initial=0))


def measured(shape: tuple[int, ...], dtype: str, words: argparse.Namespace) -> list[dict[str, object]]:
    """One row per contestant for one shape."""
    logits, labels = draw(shape, DTYPES[dtype], getattr(torch, words.labels), words.device)
    size = logits.numel() * logits.element_size()
    speed = bandwidth(logits, words.rounds)
    floor = (3 * size + 2 * labels.numel() * labels.element_size()) / speed
    steps = {}
    for one in contestants(words.compile):
        try:
            steps[one.name] = step_of(one.loss, logits, labels.long() if one.wide else labels)
            steps[one.name]()
        except Exception as error:  # noqa: BLE001  a peer that cannot, on this device or in this type, stays out
            steps.pop(one.name, None)
            print(f"{one.name}: {type(error).__name__}: {error}"[:200], file=sys.stderr)
    memory = {}
    for name, step in steps.items():
        logits.grad = None
        memory[name] = peak(step, words.device)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(words.rounds):
        for name, step in steps.items():
            times[name].append(seconds(step, words.device))
    first = times[next(iter(times))]
    return [
        {
            "shape": list(shape),
            "dtype": dtype,
            "contestant": name,
            "ms": 1e3 * median(took),
            "over_floor": median(took) / floor,
            "times_ours": median(one / other for one, other in zip(took, first, strict=True)),
            "memory": memory[name],
            "memory_of_logits": memory[name] / size,
            "copy_bandwidth": speed,
        }
        for name, took in times.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--shape", type=int, nargs=4, metavar=("B", "C", "H", "W"))
    parser.add_argument("--classes", type=int, nargs="*", help="other C for the same B, H and W")
    parser.add_argument("--dtypes", nargs="*", default=["fp32", "bf16"], choices=list(DTYPES))
    parser.add_argument("--labels", default="uint8", choices=["uint8", "int64"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="torch.compile of a plain loss takes part")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    batch, classes, height, width = words.shape or (
        (8, 23, 1024, 1024) if words.device == "cuda" else (2, 23, 512, 512)
    )
    name = torch.cuda.get_device_name() if words.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"PyTorch {torch.__version__}, {name}", file=sys.stderr)
    for dtype in words.dtypes:
        for c in words.classes or [classes]:
            for row in measured((batch, c, height, width), dtype, words):
                print(json.dumps(row) if words.json else shown(row), flush=True)


def shown(row: dict[str, object]) -> str:
    shape = "x".join(map(str, row["shape"]))
    return (
        f"{shape} {row['dtype']}  {row['contestant']:42} {row['ms']:9.2f} ms  {row['over_floor']:6.2f} of the floor  "
        f"{row['times_ours']:6.2f} of ours  {row['memory_of_logits']:5.2f} of the logits' memory"
    )


if __name__ == "__main__":
    main()
