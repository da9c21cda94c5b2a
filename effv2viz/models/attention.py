"""The names under which ``create_model`` knows the SE module and its relatives."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from effv2viz.models import se_relatives as relatives
from effv2viz.models.squeeze_excite import SENetSqueezeExcite, SqueezeExcite

# Built from C, the channels of the map, and R = int(se_ratio * the block's input channels).
BOTTLENECKED: dict[str, Callable[[int, int], nn.Module]] = {
    "se": SqueezeExcite,
    "se_relu": relatives.ReluSqueezeExcite,
    "se_nobias": relatives.BiasFreeSqueezeExcite,
    "se_max": relatives.MaxSqueezeExcite,
    "cbam_channel": relatives.ChannelGate,
    "cbam": relatives.CBAM,
    "ge_plus": relatives.GatherExcitePlus,
    "gc": relatives.GlobalContext,
    "no_squeeze": relatives.NoSqueeze,
}

# Built from C alone: no bottleneck, or (senet) one that is a fraction of the module's own width.
_UNRATIOED: dict[str, Callable[[int], nn.Module]] = {
    "senet": SENetSqueezeExcite,
    "ese": relatives.EffectiveSqueezeExcite,
    "eca": relatives.EfficientChannelAttention,
    "ge": lambda channels: relatives.GatherExcite(),
    "srm": relatives.StyleRecalibration,
    "static": relatives.StaticGate,
    "none": lambda channels: nn.Identity(),
}

ATTENTION: tuple[str, ...] = (*BOTTLENECKED, *_UNRATIOED)


def build_attention(name: str, channels: int, squeeze_channels: int) -> nn.Module:
    """The SE module of a block.

    Args:
        name: one of ``ATTENTION``.
        channels: C, of the map that is scaled.
        squeeze_channels: R; what has no such bottleneck leaves it aside.
    """
    if name in BOTTLENECKED:
        return BOTTLENECKED[name](channels, squeeze_channels)
    return _UNRATIOED[name](channels)
