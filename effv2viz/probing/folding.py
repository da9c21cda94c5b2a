"""Folding: a gate that does not change with the picture is only a factor on the next layer's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

from effv2viz.probing.baselines import Baseline, baseline_gates
from effv2viz.probing.chains import chain
from effv2viz.probing.guards import eager, locked


def fold_constant_gates(model: nn.Module, gates: Baseline | None = None) -> nn.Module:
    """A network without SE that computes what this one computes with constant gates.

    The gate multiplies the input channels of the 1x1 projection that follows, so ``W diag(s)`` in its place does the
    same: only what *varies* in a gate cannot be written into weights.

    Args:
        model: ours, torchvision's or timm's EfficientNet. It is left as it is.
        gates: as a baseline: a number, gate statistics (their means), a trace of one image, or {site: (C,)}. Left out,
            the statistics that the network's named weights ship with.

    Returns:
        A copy in eval mode whose SE modules are ``nn.Identity``.

    Raises:
        ValueError: for another network, whose next layer is not known, or gates that do not fit.
    """
    model = eager(model)
    steps = chain(model)
    if steps is None:
        raise ValueError(
            f"fold_constant_gates does not know what follows the gates of {type(model).__name__}: it knows our "
            "EfficientNetV2, torchvision's EfficientNet and timm's EfficientNet, where a gate only scales (CBAM's "
            "spatial gate answers to the channel gate)"
        )
    values = baseline_gates(model, gates)
    with locked(model):
        folded = copy.deepcopy(model)
    for step in chain(folded) or []:
        if step.site is None or step.projection is None:
            continue
        gate = values[step.site.name]
        if gate.ndim != 1:
            raise ValueError(f"{len(gate)} rows of gates were given for {step.site.name}: constant gates are (C,)")
        weight = step.projection.conv.weight
        with torch.no_grad():
            weight.mul_(gate.to(weight)[None, :, None, None])
        parent, _, name = step.site.path.rpartition(".")
        setattr(folded.get_submodule(parent), name, nn.Identity())
    return folded.eval()
