"""The building blocks of EfficientNetV2: convolution with norm and activation, Fused-MBConv, MBConv.

Nothing works in place, so that a hook sees what a module returned and not what a later one made of it.

Sources: Tan and Le, "EfficientNetV2" (arXiv 2104.00298), figure 2 and table 4; google/automl
``efficientnetv2/effnetv2_model.py``, classes ``MBConvBlock``, ``FusedMBConvBlock`` and function ``residual``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Padding = Literal["symmetric", "same"]


class SamePadConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME does: the odd pixel of padding goes to the right and to the bottom.

    It differs from symmetric padding only for strides above 1, and there only where stride does not divide size - 1:
    a 3x3 convolution of stride 2 pads (0, 1) on even sizes and (1, 1) on odd ones.
    """

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


class ConvNormAct(nn.Module):
    """Convolution, batch norm, activation. ``act=False`` leaves the activation out (the linear end of a block)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        act: bool = True,
        padding: Padding = "symmetric",
    ) -> None:
        super().__init__()
        if padding == "same" and stride > 1:
            self.conv: nn.Conv2d = SamePadConv2d(in_channels, out_channels, kernel, stride, groups=groups, bias=False)
        else:
            self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, eps=1e-3)
        self.act = nn.SiLU() if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


class StochasticDepth(nn.Module):
    """Drops the residual branch of whole images in training, and divides what it keeps by the share it keeps.

    Huang et al., "Deep Networks with Stochastic Depth" (arXiv 1603.09382).
    """

    def __init__(self, drop: float) -> None:
        super().__init__()
        if not 0 <= drop < 1:
            raise ValueError(f"drop={drop} is no share of dropped images: use 0 <= drop < 1")
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        if not self.training or self.drop == 0:
            return x
        keep = 1 - self.drop
        kept = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(keep)
        return x * (kept / keep)

    def extra_repr(self) -> str:
        return f"drop={self.drop:.4g}"


class FusedMBConv(nn.Module):
    """Fused-MBConv: one 3x3 convolution takes the place of MBConv's 1x1 expansion and depthwise convolution.

    With ``expand=1`` it is that single convolution, activation included.

    Args:
        attention: builds the SE module, as in ``MBConv``. Left out, there is none: the paper's figure 2 draws one, the
            published networks (table 4 and the code) use none.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expand: int,
        attention: Callable[[int, int], nn.Module] | None = None,
        se_ratio: float = 0.25,
        kernel: int = 3,
        stride: int = 1,
        drop: float = 0.0,
        padding: Padding = "symmetric",
    ) -> None:
        super().__init__()
        expanded = in_channels * expand if expand > 1 else out_channels
        self.fused = ConvNormAct(in_channels, expanded, kernel, stride, padding=padding)
        self.se = attention(expanded, max(1, int(in_channels * se_ratio))) if attention else nn.Identity()
        self.project = ConvNormAct(expanded, out_channels, 1, act=False) if expand > 1 else nn.Identity()
        self.has_skip = stride == 1 and in_channels == out_channels
        self.drop_path = StochasticDepth(drop if self.has_skip else 0.0)

    def forward(self, x: Tensor) -> Tensor:  # (N, in, H, W)
        y = self.fused(x)  # (N, in * expand, H / stride, W / stride)
        y = self.se(y)  # (N, in * expand, H / stride, W / stride)
        y = self.project(y)  # (N, out, H / stride, W / stride)
        return x + self.drop_path(y) if self.has_skip else y


class MBConv(nn.Module):
    """MBConv: expand with 1x1, filter each channel with a depthwise 3x3, scale the channels with SE, project with 1x1.

    Args:
        attention: builds the SE module from (expanded channels, ``se_ratio`` times the block's input channels). Left
            out, there is none.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expand: int,
        attention: Callable[[int, int], nn.Module] | None = None,
        se_ratio: float = 0.25,
        kernel: int = 3,
        stride: int = 1,
        drop: float = 0.0,
        padding: Padding = "symmetric",
    ) -> None:
        super().__init__()
        expanded = in_channels * expand
        self.expand = ConvNormAct(in_channels, expanded, 1) if expand > 1 else nn.Identity()
        self.depthwise = ConvNormAct(expanded, expanded, kernel, stride, groups=expanded, padding=padding)
        self.se = attention(expanded, max(1, int(in_channels * se_ratio))) if attention else nn.Identity()
        self.project = ConvNormAct(expanded, out_channels, 1, act=False)
        self.has_skip = stride == 1 and in_channels == out_channels
        self.drop_path = StochasticDepth(drop if self.has_skip else 0.0)

    def forward(self, x: Tensor) -> Tensor:  # (N, in, H, W)
        y = self.expand(x)  # (N, in * expand, H, W)
        y = self.depthwise(y)  # (N, in * expand, H / stride, W / stride)
        y = self.se(y)  # (N, in * expand, H / stride, W / stride)
        y = self.project(y)  # (N, out, H / stride, W / stride)
        return x + self.drop_path(y) if self.has_skip else y
