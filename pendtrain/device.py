"""Where and how precisely to compute: device, cores, precision and place of the pictures, from what the machine has."""

import platform
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pendtrain.streaming import DiskImages


def choose_device(name: str) -> torch.device:
    """`auto` takes a CUDA GPU where there is one. Raises ValueError where the device is missing."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device is {name!r}, expected auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ValueError("device is 'cuda', but torch finds no CUDA GPU here; expected auto or cpu")
    if not available or name == "cpu":
        return torch.device("cpu")
    # float32 is float32 there as well, not TF32, and cuDNN takes algorithms whose sums have one order.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda")


def hardware(device: torch.device) -> str:
    """What computes, by name: "NVIDIA H100", "AMD EPYC, AVX2"; the latter is what torch's kernels make use of."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(named, "") or platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """`auto` takes bfloat16 where the processor multiplies it natively, float32 elsewhere."""
    if name not in ("auto", "fp32", "bf16"):
        raise ValueError(f"precision is {name!r}, expected auto, fp32 or bf16")
    if name == "auto":
        return torch.bfloat16 if _native_bf16(device) else torch.float32
    return torch.bfloat16 if name == "bf16" else torch.float32


def _native_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Where torch cannot tell (before 2.11), float32 is slower but never wrong.
    report: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(report.get(name)) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def resident(images: NDArray[np.uint8] | DiskImages, device: torch.device) -> torch.Tensor | DiskImages:
    """Pictures as a tensor on the GPU where they fit into half of its free memory, else where they are."""
    if isinstance(images, DiskImages):
        return images
    held = torch.from_numpy(images)
    if device.type == "cuda" and held.nbytes <= torch.cuda.mem_get_info(device)[0] // 2:
        return held.to(device)
    return held
