"""Rank correlation."""

from __future__ import annotations

import torch
from torch import Tensor


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Spearman's rank correlation of each row, ties at their mean rank.

    Args:
        one: (N, P).
        other: (N, P).

    Returns:
        (N,) float64 from -1 to 1; NaN where a row is constant, since it has no order.
    """
    if one.shape != other.shape or one.ndim != 2:
        raise ValueError(f"the shapes are {tuple(one.shape)} and {tuple(other.shape)}: both must be (N, P), and equal")
    first, second = _centred_ranks(one), _centred_ranks(other)
    return (first * second).sum(1) / (first.norm(dim=1) * second.norm(dim=1))


def _centred_ranks(values: Tensor) -> Tensor:
    """Ranks (N, P) less their mean, float64."""
    ranks = torch.empty(values.shape, dtype=torch.float64, device=values.device)
    for row, numbers in zip(ranks, values, strict=True):
        _, inverse, counts = torch.unique(numbers, return_inverse=True, return_counts=True)
        last = counts.cumsum(0).double()  # the rank of the last of equal numbers, from 1
        row.copy_((last - (counts - 1) / 2)[inverse])
    return ranks - ranks.mean(1, keepdim=True)
