"""Random numbers that are the same in every run, for the arguments of checks."""

from __future__ import annotations

import torch
from torch import Tensor


def seeded(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normally distributed numbers of a shape. torch's own random state is not touched."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
