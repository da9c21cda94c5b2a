"""Blocks: the row of blocks that a network is made of, with and without SE, for drawing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from effv2viz.probing.guards import eager
from effv2viz.probing.sites import Site, choose_sites

# The classes of blocks of EfficientNets and their kin, in our, torchvision's and timm's code.
_BLOCKS = ("MBConv", "FusedMBConv", "InvertedResidual", "EdgeResidual", "DepthwiseSeparableConv", "ConvBnAct")


@dataclass(frozen=True)
class Block:
    """One block, or a convolution before or after the blocks.

    Attributes:
        name: its path in the network.
        kind: ``"MBConv"`` (with a depthwise convolution), ``"Fused-MBConv"`` (without), ``"Conv"`` outside of blocks.
        inputs: channels that enter.
        width: the most channels inside.
        outputs: channels that leave.
        stride: what it divides height and width by.
        site: the name of its SE site; empty without SE.
        squeeze: R, the squeeze width of the site; 0 without.
    """

    name: str
    kind: str
    inputs: int
    width: int
    outputs: int
    stride: int
    site: str = ""
    squeeze: int = 0

    def __str__(self) -> str:
        size = f"{self.inputs} to {self.width} to {self.outputs} channels"
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        if self.site:
            squeeze = f" through {self.squeeze} hidden values" if self.squeeze else ""
            return f"{self.name}: {self.kind}, {size}{stride}, SE with {self.width} gates{squeeze}"
        return f"{self.name}: {self.kind}, {size}{stride}, no SE"


def network_blocks(model: nn.Module) -> list[Block]:
    """The blocks of a network in their order, with the convolutions before and after them.

    A block is an instance of a known class, or what holds a site directly.

    Raises:
        ValueError: for a network without SE.
    """
    model = eager(model)
    sites = choose_sites(model)
    homes = {site.path.rpartition(".")[0] for site in sites}
    paths: list[str] = []
    for path, module in model.named_modules():
        if any(path.startswith(f"{known}.") for known in paths):
            continue
        if (path and (type(module).__name__ in _BLOCKS or path in homes)) or isinstance(module, nn.Conv2d):
            paths.append(path)
    return [_block(model, path, sites) for path in paths]


def blocks_table(blocks: list[Block]) -> list[dict[str, Any]]:
    """The blocks as plain rows."""
    return [asdict(block) for block in blocks]


def _block(model: nn.Module, path: str, sites: list[Site]) -> Block:
    module = model.get_submodule(path)
    if isinstance(module, nn.Conv2d):
        stride = int(module.stride[0])
        return Block(path, "Conv", module.in_channels, module.out_channels, module.out_channels, stride)
    site = next((one for one in sites if one.path.startswith(f"{path}.") or one.path == path), None)
    inside = site.path.removeprefix(path).lstrip(".") if site is not None else None
    convs = [
        part
        for name, part in module.named_modules()
        if isinstance(part, nn.Conv2d) and not (inside and name.startswith(inside))
    ]
    if not convs:
        raise ValueError(f"{path} has no convolution outside its SE module, so it cannot be drawn as a block")
    depthwise = any(conv.groups == conv.in_channels > 1 for conv in convs)
    stride = 1
    for conv in convs:
        stride = max(stride, int(conv.stride[0]))
    return Block(
        path,
        "MBConv" if depthwise else "Fused-MBConv",
        convs[0].in_channels,
        max(conv.out_channels for conv in convs),
        convs[-1].out_channels,
        stride,
        site.name if site is not None else "",
        (site.squeeze_channels or 0) if site is not None else 0,
    )
