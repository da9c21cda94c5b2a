"""Parameter randomisation: a map that stays the same when the network forgets what it learned does not explain it.

Source: Adebayo et al., "Sanity Checks for Saliency Maps" (arXiv 1810.03292).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from effv2viz.attribution.faithfulness.ranks import spearman
from effv2viz.attribution.pixels import PixelAttribution
from effv2viz.probing.guards import eager, undisturbed
from effv2viz.probing.sites import choose_sites
from effv2viz.suggestions import unknown_name

Randomise = Literal["whole", "cascading", "excitation"]
WAYS = ("whole", "cascading", "excitation")


@dataclass(frozen=True, eq=False)
class RandomisedStage:
    """How much of the map is left after some weights were drawn anew.

    Attributes:
        randomised: what was drawn anew last; in a cascade everything behind it is random too.
        signed: (N,) Spearman's correlation of the map with the map before.
        absolute: (N,) that of their absolute values.
    """

    randomised: str
    signed: Tensor
    absolute: Tensor


def parameter_randomisation(
    model: nn.Module,
    explain: Callable[[], PixelAttribution | Tensor],
    how: Randomise = "cascading",
    *,
    seed: int = 0,
) -> list[RandomisedStage]:
    """Compares maps before and after weights are drawn anew. All weights get their own values back, bit by bit.

    Every weight tensor is drawn from a normal distribution with its own mean and standard deviation. Running statistics
    of batch norm stay.

    Args:
        model: the network that ``explain`` explains.
        explain: gives the attribution or map (N, ...) of some pictures and a fixed target. A method without weights,
            such as ``random_attribution``, passes by chance only if it draws anew at each call.
        how: ``"whole"``: all weights at once; ``"cascading"``: block by block, from the classifier down;
            ``"excitation"``: the weights of all SE modules at once, and nothing else.
        seed: of the new weights.

    Returns:
        One stage, or one for each block in a cascade.

    Raises:
        ValueError: for another ``how``, or ``"excitation"`` in a network without SE.
    """
    if how not in WAYS:
        raise unknown_name("way to randomise", how, WAYS)
    model = eager(model)
    generator = torch.Generator().manual_seed(seed)
    stages = []
    with undisturbed(model), _restored(model):
        before = _flat(explain())
        for name, parts in _parts(model, how):
            for part in parts:
                _draw_anew(part, generator)
            after = _flat(explain())
            stages.append(RandomisedStage(name, spearman(before, after), spearman(before.abs(), after.abs())))
    return stages


def _parts(model: nn.Module, how: Randomise) -> Iterator[tuple[str, list[nn.Module]]]:
    """What is randomised together, and in which order."""
    if how == "whole":
        yield "all weights", [model]
    elif how == "excitation":
        sites = choose_sites(model)
        yield f"excitation of {len(sites)} sites", [model.get_submodule(site.path) for site in sites]
    else:
        for name, block in reversed(list(_blocks(model))):
            yield name, [block]


def _blocks(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The parts that have weights, in their order; a Sequential counts as its children."""
    for name, child in model.named_children():
        inner = child.named_children() if isinstance(child, nn.Sequential) else iter([("", child)])
        for inner_name, block in inner:
            if any(True for _ in block.parameters()):
                yield f"{name}.{inner_name}".rstrip("."), block


@torch.no_grad()
def _draw_anew(module: nn.Module, generator: torch.Generator) -> None:
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator).to(parameter)
        spread = parameter.std() if parameter.numel() > 1 else parameter.abs().mean()
        parameter.copy_(parameter.mean() + spread * noise)


@contextmanager
def _restored(model: nn.Module) -> Iterator[None]:
    """Gives all weights their values back at the end."""
    kept = [(parameter, parameter.detach().clone()) for parameter in model.parameters()]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in kept:
                parameter.copy_(value)


def _flat(attribution: PixelAttribution | Tensor) -> Tensor:
    """A number for every pixel, (N, P)."""
    maps = attribution.per_pixel() if isinstance(attribution, PixelAttribution) else attribution
    return maps.detach().flatten(1)
