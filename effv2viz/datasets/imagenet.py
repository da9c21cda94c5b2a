"""The names of ImageNet-1k's thousand classes, in the order of the logits of every published network."""

from __future__ import annotations

from functools import cache


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The thousand names, as torchvision ships them."""
    from torchvision.models import EfficientNet_V2_S_Weights

    return tuple(EfficientNet_V2_S_Weights.IMAGENET1K_V1.meta["categories"])
