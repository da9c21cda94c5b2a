"""Random numbers that are the same in every run, for the arguments of checks."""

from __future__ import annotations

import torch
from torch import Tensor


def seeded(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normally distributed numbers of a shape. torch's own random state is not touched."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def seeded_each(*shapes: tuple[int, ...], seed: int) -> tuple[Tensor, ...]:
    """The same for several shapes, with the seeds that follow each other."""
    return tuple(seeded(*shape, seed=seed + i) for i, shape in enumerate(shapes))
