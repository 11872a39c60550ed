"""Where and how precisely to compute: device, cores, precision and place of the pictures, from what the machine has."""

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
