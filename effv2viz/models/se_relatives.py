"""Relatives of Squeeze-and-Excitation: each changes one of its decisions, so that each decision can be measured.

All keep the contract of ``squeeze_excite``: a feature map (N, C, H, W) goes in, the scaled map comes out. Most have one
gate per channel. ``GatherExcite``, ``GatherExcitePlus`` and ``NoSqueeze`` have one per channel *and position*.

Where a relative has a bottleneck, its width R is given as for ``SqueezeExcite``, so that only one thing differs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from effv2viz.models.squeeze_excite import GlobalAverage, SqueezeExcite


class GlobalMax(nn.Module):
    """The largest value of each channel over height and width."""

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        return x.amax((2, 3), keepdim=True)  # (N, C, 1, 1)


class GlobalDeviation(nn.Module):
    """The standard deviation of each channel over height and width, in float32 for half-precision input.

    Args:
        eps: added to the variance, so that a constant channel has a finite gradient.
    """

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        half = x.dtype in (torch.float16, torch.bfloat16)
        variance = (x.float() if half else x).var((2, 3), correction=0, keepdim=True)
        return (variance + self.eps).sqrt().to(x.dtype)  # (N, C, 1, 1)


class ReluSqueezeExcite(SqueezeExcite):
    """``SqueezeExcite`` with the SE paper's ReLU in the bottleneck in place of SiLU."""

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__(channels, squeeze_channels)
        self.act = nn.ReLU()


class BiasFreeSqueezeExcite(SqueezeExcite):
    """``SqueezeExcite`` without biases, as in the SE paper's ablations: an empty map gets gates of one half."""

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__(channels, squeeze_channels)
        self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size=1, bias=False)
        self.expand = nn.Conv2d(squeeze_channels, channels, kernel_size=1, bias=False)


class MaxSqueezeExcite(SqueezeExcite):
    """``SqueezeExcite`` that squeezes to each channel's maximum (SE paper, table 11)."""

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__(channels, squeeze_channels)
        self.squeeze = GlobalMax()


class EffectiveSqueezeExcite(nn.Module):
    """eSE: one full layer in place of the bottleneck, and a hard sigmoid.

    Lee and Park, "CenterMask" (arXiv 1911.06667), section 3.3. On expanded channels C * C weights are many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = GlobalAverage()
        self.mix = nn.Conv2d(channels, channels, kernel_size=1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = self.squeeze(x)  # (N, C, 1, 1)
        s = self.gate(self.mix(z))  # (N, C, 1, 1)  in [0, 1]
        return x * s


class EfficientChannelAttention(nn.Module):
    """ECA: each gate hears of the k channels around it, through one kernel of k weights that all channels share.

    Wang et al., "ECA-Net" (arXiv 1910.03151), equations 9 and 12: k is the odd number next to (log2(C) + 1) / 2; as in
    timm it is at least 3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half_kernel = int((math.log2(channels) + 1) / 2) // 2
        kernel = max(3, 2 * half_kernel + 1)
        self.squeeze = GlobalAverage()
        self.mix = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = self.squeeze(x).flatten(2).transpose(1, 2)  # (N, 1, C)  channels lie in a row
        s = self.gate(self.mix(z))  # (N, 1, C)  in (0, 1)
        return x * s.transpose(1, 2)[..., None]


class ChannelGate(nn.Module):
    """The channel part of CBAM: one bottleneck reads each channel's mean, then its maximum; the logits are added.

    Woo et al., "CBAM" (arXiv 1807.06521), equation 2. ReLU, no biases.
    """

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.squeeze = GlobalAverage()
        self.peak = GlobalMax()
        self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size=1, bias=False)
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(squeeze_channels, channels, kernel_size=1, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z, peak = self.squeeze(x), self.peak(x)  # (N, C, 1, 1)
        logit = self.expand(self.act(self.reduce(z))) + self.expand(self.act(self.reduce(peak)))
        s = self.gate(logit)  # (N, C, 1, 1)  in (0, 1)
        return x * s


class SpatialGate(nn.Module):
    """The spatial part of CBAM: one gate per position, from the mean and the maximum over channels.

    Equation 3; a batch norm follows the 7x7 convolution, as in the authors' code and in timm.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size=7, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)  # (N, 2, H, W)
        s = self.gate(self.norm(self.conv(z)))  # (N, 1, H, W)  in (0, 1)
        return x * s


class CBAM(nn.Module):
    """The channel gate, then the spatial gate (CBAM, section 3)."""

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.channel = ChannelGate(channels, squeeze_channels)
        self.spatial = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        return self.spatial(self.channel(x))


class GatherExcite(nn.Module):
    """Gather-Excite without parameters: a channel is gated by its own mean nearby.

    Hu et al., "Gather-Excite" (arXiv 1810.12348), section 3.2, GE with theta-minus: the mean over (2e - 1) x (2e - 1)
    positions, every e-th, spread to the map's size by nearest neighbours.

    Args:
        extent: e, in positions of the map.
    """

    def __init__(self, extent: int = 4) -> None:
        super().__init__()
        self.squeeze = nn.AvgPool2d(2 * extent - 1, stride=extent, padding=extent - 1, count_include_pad=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = self.squeeze(x)  # (N, C, H / e, W / e)
        s = self.gate(F.interpolate(z, x.shape[2:]))  # (N, C, H, W)  in (0, 1)
        return x * s


class GatherExcitePlus(nn.Module):
    """Gather-Excite that learns both: depthwise 3x3 convolutions of stride 2 gather, a bottleneck as in SE excites.

    The same paper, sections 3.3 and 3.4, GE with theta-plus.

    Args:
        channels: C.
        squeeze_channels: R.
        halvings: how many convolutions gather; the extent is 2 to this power.
    """

    def __init__(self, channels: int, squeeze_channels: int, halvings: int = 2) -> None:
        super().__init__()
        self.squeeze = nn.Sequential()
        for step in range(halvings):
            if step > 0:
                self.squeeze.append(nn.ReLU())
            self.squeeze.append(nn.Conv2d(channels, channels, 3, 2, padding=1, groups=channels, bias=False))
            self.squeeze.append(nn.BatchNorm2d(channels))
        self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size=1)
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(squeeze_channels, channels, kernel_size=1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = self.squeeze(x)  # (N, C, H / 4, W / 4)
        h = self.act(self.reduce(z))  # (N, R, H / 4, W / 4)
        s = self.gate(F.interpolate(self.expand(h), x.shape[2:]))  # (N, C, H, W)  in (0, 1)
        return x * s


class GlobalContext(nn.Module):
    """GC: the squeeze is a mean weighted by attention over positions; layer norm and ReLU in the bottleneck.

    Cao et al., "GCNet" (arXiv 1904.11492), section 3.3. GCNet adds what comes out; to gate with it is timm's form,
    which ``gc_efficientnetv2_rw_t`` uses.
    """

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.attend = nn.Conv2d(channels, 1, kernel_size=1)
        self.squeeze = WeightedAverage()
        self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size=1)
        self.norm = nn.GroupNorm(1, squeeze_channels)  # of a 1x1 map: layer norm over the channels
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(squeeze_channels, channels, kernel_size=1)
        self.gate = nn.Sigmoid()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts the attention with logits of moderate size.

        Google's initialisation goes by the fan out, which is 1 here: the softmax would pick single positions.
        """
        nn.init.kaiming_normal_(self.attend.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z = self.squeeze(x, self.attend(x))  # (N, C, 1, 1)
        h = self.act(self.norm(self.reduce(z)))  # (N, R, 1, 1)
        s = self.gate(self.expand(h))  # (N, C, 1, 1)  in (0, 1)
        return x * s


class WeightedAverage(nn.Module):
    """The mean of each channel over positions, weighted by the softmax of one logit per position."""

    def forward(self, x: Tensor, logit: Tensor) -> Tensor:  # (N, C, H, W), (N, 1, H, W)
        weight = logit.flatten(2).softmax(-1).view_as(logit)
        return (x * weight).sum((2, 3), keepdim=True)  # (N, C, 1, 1)


class StyleRecalibration(nn.Module):
    """SRM: each channel is gated by its own mean and deviation alone; channels do not hear of each other.

    Lee, Kim and Nam, "SRM: A Style-based Recalibration Module" (arXiv 1903.10829), section 3: two weights per channel,
    batch norm, sigmoid. The weights start at zero, as in the authors' code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = GlobalAverage()
        self.deviation = GlobalDeviation()
        self.of_mean = nn.Parameter(torch.zeros(channels))
        self.of_deviation = nn.Parameter(torch.zeros(channels))
        self.norm = nn.BatchNorm2d(channels)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        z, d = self.squeeze(x), self.deviation(x)  # (N, C, 1, 1)
        style = z * self.of_mean[:, None, None] + d * self.of_deviation[:, None, None]  # (N, C, 1, 1)
        s = self.gate(self.norm(style))  # (N, C, 1, 1)  in (0, 1)
        return x * s


class StaticGate(nn.Module):
    """The control: a learned gate per channel that is the same for every image. It starts at one half, as SE does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(channels))
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        s = self.gate(self.logit[:, None, None].expand(len(x), -1, 1, 1))  # (N, C, 1, 1)  in (0, 1)
        return x * s


class NoSqueeze(nn.Module):
    """SE without the squeeze: each position is gated from its own channels, and hears nothing of the rest.

    SE paper, table 16: as many parameters as SE, many more multiply-adds.
    """

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size=1)
        self.act = nn.SiLU()
        self.expand = nn.Conv2d(squeeze_channels, channels, kernel_size=1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        h = self.act(self.reduce(x))  # (N, R, H, W)
        s = self.gate(self.expand(h))  # (N, C, H, W)  in (0, 1)
        return x * s
