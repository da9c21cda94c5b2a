"""Chains: the networks whose forward is known as a row of steps, so that what follows a site can run alone.

Known are our EfficientNetV2, torchvision's EfficientNet (V1 and V2) and timm's EfficientNet. Each step takes one map
and gives one; the last gives the logits. In a step with a site the SE module is followed by a 1x1 projection, a batch
norm and perhaps a skip, so in eval mode the step's output is affine in the gate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from effv2viz.models.blocks import FusedMBConv, MBConv
from effv2viz.models.efficientnetv2 import EfficientNetV2
from effv2viz.probing.anatomy import qualified_name
from effv2viz.probing.guards import eager
from effv2viz.probing.sites import Site, find_se


@dataclass(frozen=True)
class Projection:
    """What follows the gate in its block: ``norm(conv(u * s))``, and perhaps a skip. ``conv`` is 1x1 without bias."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d

    def columns(self) -> Tensor:
        """(out, C): what one unit of each scaled channel adds to the block's output, in eval mode."""
        norm = self.norm
        assert norm.running_var is not None
        scale = torch.rsqrt(norm.running_var + norm.eps)
        if norm.weight is not None:
            scale = scale * norm.weight
        return self.conv.weight.flatten(1) * scale[:, None]


@dataclass(frozen=True)
class Step:
    """One step of a chain; ``site`` and ``projection`` are those of a block with SE."""

    run: Callable[[Tensor], Tensor]
    site: Site | None = None
    projection: Projection | None = None


def chain(model: nn.Module) -> list[Step] | None:
    """The steps of a network; None if it is of no known family, or has blocks of another make."""
    model = eager(model)
    modules = _modules(model)
    if modules is None:
        return None
    sites = {site.path: site for site in find_se(model)}
    paths = {module: path for path, module in model.named_modules()}
    steps = []
    for module in modules:
        if not isinstance(module, nn.Module):
            steps.append(Step(module))
            continue
        path = paths[module]
        own = [site for site in sites.values() if site.path.startswith(f"{path}.")]
        if not own:
            steps.append(Step(module))
            continue
        projection = _projection(module)
        if len(own) > 1 or projection is None or not _feeds_projection(own[0], path):
            return None
        steps.append(Step(module, own[0], projection))
    placed = {step.site.path for step in steps if step.site is not None}
    return steps if placed == set(sites) else None


def _feeds_projection(site: Site, block: str) -> bool:
    """Whether what the gate scaled is what the projection takes: no spatial gate follows, as it does in CBAM."""
    return site.anatomy.scales_only and site.path.rpartition(".")[0] in (block, f"{block}.block")


def _modules(model: nn.Module) -> list[nn.Module | Callable[[Tensor], Tensor]] | None:
    """The network as a row of modules and functions."""
    name = qualified_name(type(model))
    if isinstance(model, EfficientNetV2):
        blocks = [block for stage in model.stages for block in stage]

        def ours_end(x: Tensor) -> Tensor:
            return model.classifier(model.dropout(model.pool(x).flatten(1)))

        return [model.stem, *blocks, model.head, ours_end]
    if name == "torchvision.models.efficientnet.EfficientNet":
        stages: nn.Sequential = model.features  # type: ignore[assignment]

        def torchvision_end(x: Tensor) -> Tensor:
            return model.classifier(torch.flatten(model.avgpool(x), 1))  # type: ignore[operator]

        blocks = [block for stage in list(stages)[1:-1] for block in stage]  # type: ignore[attr-defined]
        return [stages[0], *blocks, stages[-1], torchvision_end]
    if name == "timm.models.efficientnet.EfficientNet":

        def stem(x: Tensor) -> Tensor:
            return model.bn1(model.conv_stem(x))  # type: ignore[operator]

        def head(x: Tensor) -> Tensor:
            return model.forward_head(model.bn2(model.conv_head(x)))  # type: ignore[operator]

        return [stem, *[block for stage in model.blocks for block in stage], head]  # type: ignore[union-attr]
    return None


def _projection(block: nn.Module) -> Projection | None:
    """The projection of a block with SE, if the SE module is directly followed by one that is affine."""
    name = qualified_name(type(block))
    conv: nn.Module | None = None
    norm: nn.Module | None = None
    act: nn.Module = nn.Identity()
    if isinstance(block, MBConv | FusedMBConv) and not isinstance(block.project, nn.Identity):
        conv, norm = block.project.conv, block.project.norm
        act = block.project.act
    elif name.startswith("torchvision.models.efficientnet."):
        conv, norm, *rest = list(block.get_submodule("block").children())[-1].children()
        act = rest[0] if rest else act
    elif name == "timm.models._efficientnet_blocks.InvertedResidual":
        conv, norm, act = _modules_of(block, "conv_pwl", "bn3", "bn3.act")
    elif name == "timm.models._efficientnet_blocks.DepthwiseSeparableConv":
        conv, norm, act = _modules_of(block, "conv_pw", "bn2", "bn2.act")
    if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and isinstance(act, nn.Identity)):
        return None
    if conv.kernel_size != (1, 1) or conv.stride != (1, 1) or conv.groups != 1 or conv.bias is not None:
        return None
    return Projection(conv, norm) if norm.running_var is not None else None


def _modules_of(block: nn.Module, *paths: str) -> list[nn.Module]:
    return [block.get_submodule(path) for path in paths]
