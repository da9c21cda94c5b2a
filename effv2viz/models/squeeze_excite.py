"""Squeeze-and-Excitation: every channel of a feature map is scaled by a gate computed from all channels' means.

Both share one shape contract: a feature map (N, C, H, W) goes in, the scaled map (N, C, H, W) comes out.
Submodules stand in the order in which they run, so ``print(model)`` reads like the forward pass.

Sources: Hu et al., "Squeeze-and-Excitation Networks" (arXiv 1709.01507), sections 3.1 to 3.3; Tan and Le,
"EfficientNetV2" (arXiv 2104.00298), table 4; google/automl ``efficientnetv2/effnetv2_model.py``, class ``SE``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GlobalAverage(nn.Module):
    """The squeeze: the mean of each channel over height and width.

    The sum behind the mean runs in float32 for half-precision input. A float16 sum over a large map
    overflows at 65,504 and turns the gates into NaN.
    """

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        half = x.dtype in (torch.float16, torch.bfloat16)
        z = x.mean((2, 3), keepdim=True, dtype=torch.float32 if half else None)
        return z.to(x.dtype)  # (N, C, 1, 1)


class SqueezeExcite(nn.Module):
    """SE as EfficientNetV2 uses it: 1x1 convolutions with bias, SiLU between them, a sigmoid gate.

    Args:
        channels: C, the channels of the feature map that is scaled. In an MBConv block these are the expanded channels.
        squeeze_channels: R, the width of the bottleneck. EfficientNetV2 takes a quarter of the *block's input*
            channels, so the reduction C / R is 4 x the expand ratio: 16 in stage 4 and 24 in the later stages.
    """

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.squeeze: nn.Module = GlobalAverage()
        self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size=1)
        self.act: nn.Module = nn.SiLU()
        self.expand = nn.Conv2d(squeeze_channels, channels, kernel_size=1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = self.squeeze(x)  # (N, C, 1, 1)  each channel's mean
        h = self.act(self.reduce(z))  # (N, R, 1, 1)  R from the block's input width
        s = self.gate(self.expand(h))  # (N, C, 1, 1)  in (0, 1)
        return x * s

    def extra_repr(self) -> str:
        c, r = self.reduce.in_channels, self.reduce.out_channels
        return f"channels={c}, squeeze_channels={r}, reduction={c / r:g}"


class SENetSqueezeExcite(nn.Module):
    """SE as many descriptions give it: two Linear layers without bias, ReLU between them, a sigmoid gate.

    This is the module of the SE paper's ablations (biases removed), not the one inside EfficientNetV2. The differences:
    no bias, ReLU for SiLU, and a bottleneck that is a fraction of the module's *own* width.

    Args:
        channels: C, the channels of the feature map that is scaled.
        reduction: C / R, with R = C // reduction.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction={reduction} leaves no squeeze channel of {channels}: use 1 to {channels}")
        squeeze_channels = channels // reduction
        self.squeeze = GlobalAverage()
        self.excitation = nn.Sequential(
            nn.Linear(channels, squeeze_channels, bias=False),
            nn.ReLU(),
            nn.Linear(squeeze_channels, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = self.squeeze(x).flatten(1)  # (N, C)  each channel's mean
        s = self.excitation(z)  # (N, C)  in (0, 1), through R = C // reduction
        return x * s[:, :, None, None]
