"""EfficientNetV2 as a table of stages, and the network that is built from it.

``VARIANTS`` holds the published networks (B0 to B3, S, M, L, XL) and two miniatures that train on a laptop:
``efficientnetv2_nano`` has the same plan for 32x32 pictures, ``efficientnetv2_pico`` is shallow, for 48x48 pictures.

Sources: Tan and Le, "EfficientNetV2" (arXiv 2104.00298), table 4; google/automl
``efficientnetv2/effnetv2_configs.py`` (the code has 256 and 1,280 channels where the paper's first version had 272 and
1,792) and ``effnetv2_model.py`` (``round_filters``, ``conv_kernel_initializer``, ``dense_kernel_initializer``).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from effv2viz.models.attention import build_attention
from effv2viz.models.blocks import ConvNormAct, FusedMBConv, MBConv, Padding
from effv2viz.models.se_relatives import GlobalContext
from effv2viz.models.squeeze_excite import GlobalAverage

if TYPE_CHECKING:
    from effv2viz.datasets.preprocessing import Preprocessing
    from effv2viz.models.pretrained import Weights
    from effv2viz.models.summary import ModelSummary


@dataclass(frozen=True)
class StageSpec:
    """One row of the paper's table 4: ``repeats`` blocks, of which the first changes stride and width."""

    block: Literal["fused", "mbconv"]
    repeats: int
    stride: int
    expand: int
    out_channels: int
    se_ratio: float = 0.25  # of the block's input channels


@dataclass(frozen=True)
class Variant:
    """A network of the family: stem width, stages, head width, and the sizes and dropout it was published with."""

    stem_channels: int
    stages: tuple[StageSpec, ...]
    head_channels: int
    train_size: int  # pixels, height and width
    eval_size: int
    dropout: float
    stem_stride: int = 2
    num_classes: int = 1000

    def with_se_ratio(self, se_ratio: float) -> Variant:
        """The same network with another squeeze width: R = int(``se_ratio`` * the block's input channels), at least 1.

        Raises:
            ValueError: if that is no width.
        """
        if not 0 < se_ratio < math.inf:
            raise ValueError(f"se_ratio={se_ratio} gives no bottleneck: use a positive number, 0.25 as published")
        return replace(self, stages=tuple(replace(stage, se_ratio=se_ratio) for stage in self.stages))

    def with_depth(self, depth: float) -> Variant:
        """The same network with ``depth`` times as many blocks in each stage, rounded up.

        Raises:
            ValueError: if that is no number of blocks.
        """
        if not 0 < depth < math.inf:
            raise ValueError(f"depth={depth} gives no blocks: use a positive number, 1 as published")
        return replace(self, stages=tuple(replace(s, repeats=math.ceil(s.repeats * depth)) for s in self.stages))

    @property
    def mbconv_stages(self) -> tuple[int, ...]:
        """The numbers of the stages that have SE in the published networks."""
        return tuple(number for number, stage in enumerate(self.stages, start=1) if stage.block == "mbconv")


def scale_variant(
    base: Variant, *, width: float, depth: float, train_size: int, eval_size: int, dropout: float
) -> Variant:
    """Widens and deepens ``base`` as EfficientNet's compound scaling does: widths to multiples of 8, depths rounded up.

    Source: google/automl ``effnetv2_model.py``, ``round_filters`` (which lacks the "not below 90 %" rule that MobileNet
    code has; with that rule B3's stage 1 would get 24 channels instead of 16) and ``round_repeats``.
    """

    def wide(channels: int) -> int:
        return max(8, int(channels * width + 4) // 8 * 8)

    return replace(
        base,
        stem_channels=wide(base.stem_channels),
        stages=tuple(
            replace(s, repeats=math.ceil(s.repeats * depth), out_channels=wide(s.out_channels)) for s in base.stages
        ),
        head_channels=wide(base.head_channels),
        train_size=train_size,
        eval_size=eval_size,
        dropout=dropout,
    )


# block, repeats, stride, expand, out_channels
_B0 = Variant(
    stem_channels=32,
    stages=(
        StageSpec("fused", 1, 1, 1, 16),
        StageSpec("fused", 2, 2, 4, 32),
        StageSpec("fused", 2, 2, 4, 48),
        StageSpec("mbconv", 3, 2, 4, 96),
        StageSpec("mbconv", 5, 1, 6, 112),
        StageSpec("mbconv", 8, 2, 6, 192),
    ),
    head_channels=1280,
    train_size=192,
    eval_size=224,
    dropout=0.2,
)

VARIANTS: dict[str, Variant] = {
    "efficientnetv2_pico": Variant(
        stem_channels=12,
        stem_stride=1,
        stages=(
            StageSpec("fused", 1, 1, 1, 12),
            StageSpec("fused", 1, 2, 3, 16),
            StageSpec("mbconv", 2, 2, 4, 24),
            StageSpec("mbconv", 2, 2, 4, 40),
        ),
        head_channels=128,
        train_size=48,
        eval_size=48,
        dropout=0.0,
        num_classes=4,
    ),
    "efficientnetv2_nano": Variant(
        stem_channels=16,
        stem_stride=1,
        stages=(
            StageSpec("fused", 1, 1, 1, 16),
            StageSpec("fused", 1, 2, 4, 24),
            StageSpec("fused", 1, 1, 4, 32),
            StageSpec("mbconv", 3, 2, 4, 40),
            StageSpec("mbconv", 3, 1, 6, 56),
            StageSpec("mbconv", 2, 2, 6, 72),
        ),
        head_channels=256,
        train_size=32,
        eval_size=32,
        dropout=0.1,
        num_classes=10,
    ),
    "efficientnetv2_b0": _B0,
    "efficientnetv2_b1": scale_variant(_B0, width=1.0, depth=1.1, train_size=192, eval_size=240, dropout=0.2),
    "efficientnetv2_b2": scale_variant(_B0, width=1.1, depth=1.2, train_size=208, eval_size=260, dropout=0.3),
    "efficientnetv2_b3": scale_variant(_B0, width=1.2, depth=1.4, train_size=240, eval_size=300, dropout=0.3),
    "efficientnetv2_s": Variant(
        stem_channels=24,
        stages=(
            StageSpec("fused", 2, 1, 1, 24),
            StageSpec("fused", 4, 2, 4, 48),
            StageSpec("fused", 4, 2, 4, 64),
            StageSpec("mbconv", 6, 2, 4, 128),
            StageSpec("mbconv", 9, 1, 6, 160),
            StageSpec("mbconv", 15, 2, 6, 256),
        ),
        head_channels=1280,
        train_size=300,
        eval_size=384,
        dropout=0.2,
    ),
    "efficientnetv2_m": Variant(
        stem_channels=24,
        stages=(
            StageSpec("fused", 3, 1, 1, 24),
            StageSpec("fused", 5, 2, 4, 48),
            StageSpec("fused", 5, 2, 4, 80),
            StageSpec("mbconv", 7, 2, 4, 160),
            StageSpec("mbconv", 14, 1, 6, 176),
            StageSpec("mbconv", 18, 2, 6, 304),
            StageSpec("mbconv", 5, 1, 6, 512),
        ),
        head_channels=1280,
        train_size=384,
        eval_size=480,
        dropout=0.3,
    ),
    "efficientnetv2_l": Variant(
        stem_channels=32,
        stages=(
            StageSpec("fused", 4, 1, 1, 32),
            StageSpec("fused", 7, 2, 4, 64),
            StageSpec("fused", 7, 2, 4, 96),
            StageSpec("mbconv", 10, 2, 4, 192),
            StageSpec("mbconv", 19, 1, 6, 224),
            StageSpec("mbconv", 25, 2, 6, 384),
            StageSpec("mbconv", 7, 1, 6, 640),
        ),
        head_channels=1280,
        train_size=384,
        eval_size=480,
        dropout=0.4,
    ),
    "efficientnetv2_xl": Variant(
        stem_channels=32,
        stages=(
            StageSpec("fused", 4, 1, 1, 32),
            StageSpec("fused", 8, 2, 4, 64),
            StageSpec("fused", 8, 2, 4, 96),
            StageSpec("mbconv", 16, 2, 4, 192),
            StageSpec("mbconv", 24, 1, 6, 256),
            StageSpec("mbconv", 32, 2, 6, 512),
            StageSpec("mbconv", 8, 1, 6, 640),
        ),
        head_channels=1280,
        train_size=384,
        eval_size=512,
        dropout=0.4,
    ),
}


class EfficientNetV2(nn.Module):
    """Stem, stages of blocks, head, classifier.

    Args:
        variant: the table of stages.
        num_classes: K, the width of the logits; the variant's own where left out.
        attention: the SE module, one of ``ATTENTION``.
        attention_stages: the numbers of the stages whose blocks have it; the MBConv stages where left out.
        padding: ``"symmetric"`` as PyTorch pads, or ``"same"`` as TensorFlow does (for Google's weights).
        dropout: before the classifier, in training; the variant's own where left out.
        drop_path: how often the residual branch after the last block would be dropped in training. Block ``i`` of ``n``
            drops ``drop_path * i / n`` of the images, so the first block never does.
        in_channels: of the images.

    Attributes:
        weights: the named weights that were loaded, or None.
        preprocessing: how pictures become this network's input; ``load_images`` reads it.
        classes: the K names of the classes, or None.
    """

    def __init__(
        self,
        variant: Variant,
        *,
        num_classes: int | None = None,
        attention: str = "se",
        attention_stages: Collection[int] | None = None,
        padding: Padding = "symmetric",
        dropout: float | None = None,
        drop_path: float = 0.2,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        placed = variant.mbconv_stages if attention_stages is None else attention_stages
        for number in placed:
            if not 1 <= number <= len(variant.stages):
                raise ValueError(f"attention_stages has {number}: the stages go from 1 to {len(variant.stages)}")
        self.name: str | None = None
        self.weights: Weights | None = None
        self.preprocessing: Preprocessing | None = None
        self.classes: tuple[str, ...] | None = None
        self.variant, self.attention, self.padding = variant, attention, padding

        self.stem = ConvNormAct(in_channels, variant.stem_channels, 3, variant.stem_stride, padding=padding)
        width, index = variant.stem_channels, 0
        total = sum(spec.repeats for spec in variant.stages)
        for number, spec in enumerate(variant.stages, start=1):
            stage = nn.Sequential()
            for position in range(spec.repeats):
                stride = spec.stride if position == 0 else 1
                drop = drop_path * index / total
                block = FusedMBConv if spec.block == "fused" else MBConv
                stage.append(
                    block(
                        width,
                        spec.out_channels,
                        expand=spec.expand,
                        attention=partial(build_attention, attention) if number in placed else None,
                        se_ratio=spec.se_ratio,
                        stride=stride,
                        drop=drop,
                        padding=padding,
                    )
                )
                width, index = spec.out_channels, index + 1
            self.add_module(f"stage{number}", stage)
        self.head = ConvNormAct(width, variant.head_channels, 1)
        self.pool = GlobalAverage()
        self.dropout = nn.Dropout(variant.dropout if dropout is None else dropout)
        self.classifier = nn.Linear(variant.head_channels, variant.num_classes if num_classes is None else num_classes)
        self.apply(init_like_google)
        for module in self.modules():
            if isinstance(module, GlobalContext):
                module.reset_parameters()

    @property
    def stages(self) -> list[nn.Sequential]:
        """The stages in order; ``stages[0]`` is stage 1, since the stem is stage 0 in the paper."""
        return [getattr(self, f"stage{number}") for number in range(1, len(self.variant.stages) + 1)]

    def forward_features(self, x: Tensor) -> Tensor:  # (N, 3, H, W)
        """The feature map before pooling: (N, head_channels, H / 32, W / 32); nano and pico divide by 8."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(x)

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, H, W)
        x = self.forward_features(x)  # (N, head_channels, H / 32, W / 32)
        x = self.pool(x).flatten(1)  # (N, head_channels)
        return self.classifier(self.dropout(x))  # (N, K) logits

    def reset_classifier(self, num_classes: int) -> None:
        """A fresh classifier for ``num_classes`` classes, to fine-tune loaded weights on another data set."""
        old = self.classifier
        self.classifier = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
        init_like_google(self.classifier)
        self.classes = None

    def summary(self, size: int | None = None) -> ModelSummary:
        """The stage table with output shapes, parameters, multiply-adds and SE share.

        Args:
            size: height and width of the image in pixels; the variant's published evaluation size where left out.
        """
        from effv2viz.models.summary import summarize

        return summarize(self, size)


def init_like_google(module: nn.Module) -> None:
    """Google's initialisation: convolutions N(0, sqrt(2 / fan_out)), linear layers U(-1 / sqrt(out), 1 / sqrt(out)).

    The fan out of a depthwise kernel is k * k; PyTorch's ``kaiming_normal_(mode="fan_out")`` would say k * k * C. The
    linear layers inside ``senet`` keep PyTorch's default: they are not part of Google's network.
    """
    if isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0.0, math.sqrt(2 / fan_out))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear) and module.bias is not None:
        limit = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -limit, limit)
        nn.init.zeros_(module.bias)


def pick_device(device: str | torch.device | None) -> torch.device | None:
    """``"auto"`` becomes cuda, mps or cpu, whichever is there first; None stays None (torch's active device)."""
    if device is None:
        return None
    if str(device) != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
