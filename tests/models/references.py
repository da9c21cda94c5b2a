"""Reference networks with random weights and calibrated batch norm, so that activations stay in range."""

import torch
from torch import nn


def calibrate(model: nn.Module, size: int, seed: int = 0) -> nn.Module:
    """Gives every batch norm the statistics of random images, and random scales and shifts; returns it in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.reset_running_stats()
            norm.weight.copy_(torch.rand(norm.weight.shape, generator=generator) + 0.5)
            norm.bias.copy_(torch.randn(norm.bias.shape, generator=generator) * 0.2)
            norm.momentum = None  # the plain average over the passes
        for parameter in model.parameters():
            if parameter.ndim == 1 and not parameter.any():  # biases that start as zeros would hide a missing one
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    model.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(4, 3, size, size, generator=generator))
    return model.eval()


def pictures(n: int, size: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed))
