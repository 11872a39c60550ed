"""Encoder + images → embeddings, each different image encoded once, in float32."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from pendtrain.encoder import Encoder


def distinct(images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the first of each different image, and for every image which of those it equals.

    `images` is (N, S, S, 3); images are compared by their exact bytes. Returns int64 (U,) and (N,).
    """
    seen: dict[bytes, int] = {}
    which = np.array([seen.setdefault(image.tobytes(), len(seen)) for image in images], np.int64)
    _, first = np.unique(which, return_index=True)
    return first.astype(np.int64), which


@torch.inference_mode()
def embed(encoder: Encoder, images: NDArray[np.uint8], device: torch.device, batch: int = 1024) -> NDArray[np.float32]:
    """Embeddings of images (P, T, S, S, 3) uint8: float32 (P, T, d).

    The encoder is put into evaluation mode (running BatchNorm statistics), and left in it.
    """
    encoder.eval()
    flat = images.reshape(-1, *images.shape[2:])
    first, which = distinct(flat)
    pieces: Iterable[NDArray[np.int64]] = np.array_split(first, max(1, -(-len(first) // batch)))
    parts = [encoder(torch.from_numpy(flat[piece]).to(device)).float().cpu() for piece in pieces]
    return np.asarray(torch.cat(parts).numpy()[which].reshape(*images.shape[:2], -1), np.float32)
