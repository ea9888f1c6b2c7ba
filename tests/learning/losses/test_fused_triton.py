"""The GPU kernels in Triton's interpreter, and compiled for a GPU that need not be there.

Whether a kernel is interpreted is settled when it is first imported, so the interpreter has a process of its own, which
this file is too: `python tests/learning/losses/test_fused_triton.py` prints one line per case.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path

import pytest

HERE = Path(__file__)
ROOT = HERE.parents[2]


def cases():
    """(name, shape, dtype, layout, label dtype, ignore index, gamma, overlap, spread)"""
    yield "one class", (2, 1, 3, 5), "float32", "plain", "uint8", 255, 2.0, True, True
    yield "two classes, one pixel", (1, 2, 1, 1), "float64", "plain", "int64", 255, -1.0, True, False
    yield "odd", (2, 5, 7, 31), "float64", "plain", "uint8", 255, 0.5, True, True
    yield "channels last", (2, 23, 5, 33), "float64", "channels_last", "int64", 255, 2.0, True, False
    yield "sliced", (2, 3, 9, 41), "float64", "sliced", "int16", -100, 2.0, True, True
    yield "turned", (3, 7, 4, 13), "float64", "turned", "int32", 255, -1.0, True, False
    yield "cross entropy alone", (1, 5, 6, 60), "float64", "plain", "uint8", 255, -1.0, False, False
    yield "ignore index is a class", (1, 5, 6, 60), "float64", "plain", "uint8", 2, 1.0, True, True
    yield "several tiles a program", (1, 40, 13, 150), "float32", "plain", "uint8", 255, 2.0, True, False
    yield "150 classes", (1, 150, 5, 9), "float32", "channels_last", "uint8", 255, 2.0, True, True
    yield "float16", (2, 4, 8, 70), "float16", "plain", "uint8", 255, 2.0, True, True
    yield "bfloat16", (2, 4, 8, 70), "bfloat16", "channels_last", "uint8", 255, 2.0, True, True


def compared(name, shape, dtype, layout, labels, index, gamma, overlap, spread):
    """Largest differences of kernels and strips, relative to the largest value."""
    import torch

    from labelprep.learning.losses import fused_cpu, fused_triton

    draw = torch.Generator().manual_seed(0)
    batch, classes, height, width = shape
    logits = (3 * torch.randn(shape, generator=draw)).to(getattr(torch, dtype))
    truth = torch.randint(0, classes, (batch, height, width), generator=draw).to(getattr(torch, labels))
    if not 0 <= index < classes:
        truth[torch.rand(truth.shape, generator=draw) < 0.2] = index
    logits = torch.where((truth == index).unsqueeze(1), torch.nan, logits)  # nobody may look there
    if layout == "channels_last":
        logits = logits.to(memory_format=torch.channels_last)
    elif layout == "sliced":
        larger = torch.zeros(batch, classes, height + 3, width + 2, dtype=logits.dtype)
        logits = larger[:, :, 1:-2, 1:-1].copy_(logits)
        truth = torch.zeros(batch, height, width + 4, dtype=truth.dtype)[:, :, 2:-2].copy_(truth)
    elif layout == "turned":
        logits = logits.permute(3, 2, 0, 1).contiguous().permute(2, 3, 1, 0)
    wide = torch.float64 if dtype == "float64" else torch.float32
    weights = torch.rand(classes, generator=draw, dtype=wide)
    weights[0] = float(classes == 1)
    words = (index, gamma, overlap, spread)
    slopes = (torch.randn(batch, 3, classes, generator=draw).double(), torch.randn(batch, 3, generator=draw).double())
    ours = [*fused_triton.forward(logits, truth, weights, *words)]
    theirs = [*fused_cpu.forward(logits, truth, weights, *words)]
    again = fused_triton.forward(logits, truth, weights, *words)
    ours.append(fused_triton.backward(logits, truth, weights, *slopes, *words))
    theirs.append(fused_cpu.backward(logits, truth, weights, *slopes, *words))
    far = [
        ((one.double() - other.double()).abs().max() / (other.double().abs().max() + 1e-30)).item()
        for one, other in zip(ours, theirs, strict=True)
    ]
    return {
        "name": name,
        "far": far,
        "strides": ours[2].stride() == theirs[2].stride(),
        "repeats": all(torch.equal(one, other) for one, other in zip(ours[:2], again, strict=True)),
        "counts": torch.equal(ours[0][:, 2], theirs[0][:, 2]),
    }


def far_apart():
    """Class and image strides past 2^31 elements; only the pages that are touched take memory."""
    import torch

    from labelprep.learning.losses import fused_cpu, fused_triton

    far = 2**31 + 64
    storage = torch.empty(far + 64, dtype=torch.float16)
    logits = storage.as_strided((2, 2, 1, 8), (far, 32, 8, 1))
    wide = storage.as_strided((1, 2, 1, 8), (1, far, 8, 1))
    found = []
    for one in (logits, wide):
        one.copy_(torch.randn(one.shape, generator=torch.Generator().manual_seed(1)))
        words = (torch.zeros(len(one), 1, 8, dtype=torch.uint8), torch.ones(2), 255, -1.0, True, False)
        pairs = zip(fused_triton.forward(one, *words), fused_cpu.forward(one, *words), strict=True)
        found += [(ours - theirs).abs().max().item() for ours, theirs in pairs]
    return {"name": "far apart", "far": found}


def bad_label():
    """A label out of range spoils the sums of its image, and of no other."""
    import torch

    from labelprep.learning.losses import fused_triton

    truth = torch.zeros(2, 2, 3, dtype=torch.uint8)
    truth[1, 0, 0] = 9
    found = fused_triton.forward(torch.zeros(2, 4, 2, 3), truth, torch.ones(4), 255, -1.0, True, False)
    return {"name": "bad label", "nan": [part.isnan().flatten(1).any(1).tolist() for part in found]}


@pytest.fixture(scope="module")
def interpreted():
    """One line per case from the interpreter."""
    pytest.importorskip("triton")
    done = run(TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stderr
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize(("name", "dtype"), [(one[0], one[2]) for one in cases()])
def test_the_kernels_equal_the_strips(interpreted, name, dtype):
    rel = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1e-2}[dtype]
    line = interpreted[name]
    *sums, gradient = line["far"]
    assert max(sums) < min(rel, 1e-5)  # sums are float32 at least, whatever is read
    assert gradient < rel
    assert line["strides"]
    assert line["repeats"]
    assert line["counts"]


def test_offsets_are_64_bits_wide(interpreted):
    assert max(interpreted["far apart"]["far"]) < 1e-5


def test_a_label_out_of_range_makes_nan(interpreted):
    assert interpreted["bad label"]["nan"] == [[False, True], [False, True]]


def test_the_kernels_compile_for_a_gpu_and_spill_no_register():
    pytest.importorskip("triton")
    done = run("compile")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["kernel"] for line in lines] == ["_forward", "_backward"]
    assert all(line["bytes"] > 0 for line in lines)
    assert all(line["local"] in (0, None) for line in lines)
    assert all("ld.global.v4" in line["loads"] for line in lines)  # 16 bytes of logits at a time


def run(*words, **more):
    """This file as a program."""
    shown = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    shown.pop("TRITON_INTERPRET", None)
    command = [sys.executable, str(HERE), *words]
    return subprocess.run(command, env=shown | more, capture_output=True, text=True, timeout=600, check=False)


def compiled(kernel, classes=23):
    """A kernel as machine code of compute capability 9.0, for float32 logits (B, C, H, W) and uint8 labels."""
    import triton
    from triton import language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from labelprep.learning.losses import fused_triton

    function = getattr(fused_triton, kernel)
    block_c = triton.next_power_of_2(classes)
    fixed = {"OVERLAP": True, "FOCAL": True, "SPREAD": False, "FLAT": True, "WIDE": tl.float32}
    fixed |= {"BLOCK_C": block_c, "BLOCK_P": fused_triton.TILE_ELEMENTS // block_c}
    fixed |= {"z_column": 1, "y_column": 1, "g_column": 1}
    pointers = {"logits": "*fp32", "labels": "*u8", "weights": "*fp32", "by_class": "*fp32", "by_image": "*fp32"}
    types = pointers | {"gradient": "*fp32", "gamma": "fp32", "tiny": "fp32", "z_image": "i64", "g_image": "i64"}
    types |= dict.fromkeys(fixed, "constexpr")
    names = function.arg_names
    signature = {name: types.get(name, "i32") for name in names}
    even = {name for name in names if name in pointers or name == "gradient" or name == "pixels" or name[1:2] == "_"}
    source = ASTSource(
        function,
        signature,
        {(names.index(name),): value for name, value in fixed.items() if name in names},
        {(names.index(name),): [["tt.divisibility", 16]] for name in even - set(fixed)},
    )
    built = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4, "enable_fp_fusion": True})
    return {
        "kernel": kernel,
        "bytes": len(built.asm["cubin"]),
        "loads": sorted(set(re.findall(r"ld\.global[.\w]*?(?:\.v\d)?(?=\.b)", built.asm["ptx"]))),
        "local": local_bytes(built.asm["cubin"]),
    }


def local_bytes(code):
    """What a thread keeps outside its registers, by the tool that comes with Triton; None where it did not."""
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    if not tool.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(code)
        said = subprocess.run([tool, "-res-usage", path], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"LOCAL:(\d+)", said)[1])


def main(words):
    if words == ["compile"]:
        lines = map(compiled, ("_forward", "_backward"))
    else:
        lines = chain((compared(*one) for one in cases()), (far_apart(), bad_label()))
    for line in lines:
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
