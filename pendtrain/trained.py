"""A run's encoder for programs of one's own: pictures in either of two layouts go in, embeddings come out."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pendtrain.embed import embed_folded, encoder_of, trained
from pendtrain.encoders import Encoder, Table

BATCH = 1024


class TrainedEncoder(nn.Module):
    """Pictures → embeddings, frozen and in evaluation mode; `.to(device)` moves it.

    Takes arrays or tensors with any axes before those of a picture: uint8 in 0 … 255, or floating point in [0, 1], both
    as (…, S, S, 3), as shards hold them, or (…, 3, S, S), as networks take them. Gives float32 (…, d) on its device, of
    uint8 pictures each different one encoded once, to the bits that `pendtrain embed` writes. Floating-point pictures
    let a gradient through. Raises ValueError naming a shape, dtype or range that is another.
    """

    def __init__(self, folded: Encoder, size: int) -> None:
        super().__init__()
        self.folded, self.size = folded.requires_grad_(False), size
        self.eval()

    def train(self, mode: bool = True) -> "TrainedEncoder":  # noqa: ARG002 - there is one mode
        """Stays in evaluation mode: BatchNorm is folded into the convolutions, and would have nothing to learn."""
        return super().train(False)

    def forward(self, images: Tensor | NDArray[np.uint8] | NDArray[np.floating]) -> Tensor:
        """(…, S, S, 3) or (…, 3, S, S) → float32 (…, d)."""
        pictures = self._channels_last(torch.as_tensor(images))
        flat, device = pictures.reshape(-1, self.size, self.size, 3), next(self.folded.parameters()).device
        if flat.dtype == torch.uint8:
            found = torch.from_numpy(embed_folded(self.folded, [flat.cpu().numpy()], len(flat), device, batch=BATCH))
        else:
            found = torch.cat([self._of_floats(part.to(device)) for part in torch.split(flat, BATCH)])
        return found.to(device).reshape(*pictures.shape[:-3], found.shape[-1])

    def _channels_last(self, images: Tensor) -> Tensor:
        shape = tuple(images.shape)
        if shape[-3:] == (self.size, self.size, 3):
            return images
        if shape[-3:] == (3, self.size, self.size):
            return images.movedim(-3, -1)
        size = self.size
        raise ValueError(f"images have shape {shape}, expected (…, {size}, {size}, 3) or (…, 3, {size}, {size})")

    def _of_floats(self, part: Tensor) -> Tensor:
        if not part.is_floating_point():
            raise ValueError(f"images are {part.dtype}, expected uint8 in 0 … 255 or floating point in [0, 1]")
        if part.numel() and not (part.min() >= 0 and part.max() <= 1):
            raise ValueError(f"images span {part.min():g} to {part.max():g}, expected 0 to 1")
        pixels = part.float() * 255.0  # which encoders divide by; a table looks pictures up by their bytes
        found: Tensor = self.folded(pixels.round().to(torch.uint8) if isinstance(self.folded, Table) else pixels)
        return found


def load_encoder(run: str | Path, *, method: str | None = None) -> TrainedEncoder:
    """The trained encoder of a run directory, on the CPU, checked against the hash of its weights in `run.json`.

    A method that is code from elsewhere is imported where `method` names it, as `pendtrain embed --method` does.
    Raises FileNotFoundError where there is no run, ValueError where it is not complete or its encoder cannot be used.
    """
    held, recipe = trained(Path(run), method)
    encoder = encoder_of(Path(run), held, recipe)
    return TrainedEncoder(encoder.folded(), int(held["dataset"]["image_size"]))
