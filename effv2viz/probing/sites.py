"""Sites: the SE modules of a network, and where in each of them squeeze, hidden and gate can be read."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from effv2viz.models.efficientnetv2 import EfficientNetV2
from effv2viz.models.squeeze_excite import SENetSqueezeExcite, SqueezeExcite


@dataclass(frozen=True)
class Anatomy:
    """The submodules of an SE module whose outputs are its squeeze, hidden and gate."""

    kind: str
    squeeze: str
    hidden: str
    gate: str


ANATOMIES: dict[type[nn.Module], Anatomy] = {
    SqueezeExcite: Anatomy("se", squeeze="squeeze", hidden="act", gate="gate"),
    SENetSqueezeExcite: Anatomy("senet", squeeze="squeeze", hidden="excitation.1", gate="excitation.3"),
}


@dataclass(frozen=True)
class Site:
    """One SE module in a network.

    Attributes:
        name: of its block in our networks (``stage4.0``), elsewhere the SE module's own path.
        path: of the SE module, for ``model.get_submodule``.
        kind: of SE, such as ``"se"``.
        channels: C, the gates.
        squeeze_channels: R, the width of the bottleneck.
    """

    name: str
    path: str
    kind: str
    channels: int
    squeeze_channels: int
    anatomy: Anatomy = field(repr=False)

    @property
    def reduction(self) -> float:
        """C / R."""
        return self.channels / self.squeeze_channels


def find_se(model: nn.Module) -> list[Site]:
    """Every SE module of a network, in the order in which they stand in it; an empty list if it has none.

    Raises:
        TypeError: if ``model`` is no network.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"find_se looks into a torch.nn.Module, not into {type(model).__name__}")
    sites = []
    for path, module in model.named_modules():
        anatomy = ANATOMIES.get(type(module))
        if anatomy is None:
            continue
        widths = [layer.weight.shape for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        name = path.removesuffix(".se") if isinstance(model, EfficientNetV2) else path
        sites.append(Site(name, path, anatomy.kind, widths[0][1], widths[0][0], anatomy))
    return sites
