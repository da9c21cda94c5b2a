"""Sites: the SE modules of any network."""

from __future__ import annotations

import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from effv2viz.models.efficientnetv2 import EfficientNetV2
from effv2viz.probing.anatomy import Anatomy, anatomy_of, known_classes, registered
from effv2viz.probing.guards import eager
from effv2viz.suggestions import unknown_name


@dataclass(frozen=True)
class Site:
    """One SE module in a network.

    Attributes:
        name: of its block in our networks (``stage4.0``), elsewhere the SE module's own path.
        path: of the SE module, for ``model.get_submodule``.
        kind: of SE: a name that ``create_model`` takes as ``attention``, such as ``"se"`` or ``"eca"``, what users
            registered, or ``"se-like"`` where the module was recognised by its parts.
        channels: C, the gates; None where only a forward tells (ECA in an unusual block).
        squeeze_channels: R, the width of the bottleneck; None for a kind without one.
        stage: number of the stage as in the paper (the stem is 0), where the path tells it.
        gain: what the network multiplies the scaled map by (2 in NFNets; 1 elsewhere). It is not part of the gate.
        anatomy: where in the module squeeze, hidden, logit and gate can be read.
    """

    name: str
    path: str
    kind: str
    channels: int | None
    squeeze_channels: int | None
    stage: int | None
    gain: float
    anatomy: Anatomy = field(repr=False)

    @property
    def reduction(self) -> float | None:
        """C / R; None where there is no bottleneck."""
        if self.channels is None or self.squeeze_channels is None:
            return None
        return self.channels / self.squeeze_channels

    @property
    def spatial(self) -> bool:
        """Whether the gate is a map (N, C, H, W), one for each channel and position, not (N, C)."""
        return self.anatomy.spatial

    @property
    def gate_path(self) -> str:
        """The path of the activation that makes the gate, for ``model.get_submodule``."""
        return f"{self.path}.{self.anatomy.gate}" if self.path else self.anatomy.gate


def find_se(model: nn.Module) -> list[Site]:
    """Every SE module of a network, in the order in which they stand in it; an empty list if it has none.

    Known are ours, torchvision's and timm's classes, those that ``register_se`` was told of, and modules that look like
    SE by their parts.

    Raises:
        TypeError: if ``model`` is no network, or a compiled one that cannot be looked into.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"find_se looks into a torch.nn.Module, not into {type(model).__name__}")
    model = eager(model)
    state = (_parts(model), registered())
    if model not in _FOUND or _FOUND[model][0] != state:
        _FOUND[model] = (state, _searched(model))
    return list(_FOUND[model][1])


_Parts = list[tuple[str, "nn.Module | None"]]
_FOUND: weakref.WeakKeyDictionary[nn.Module, tuple[tuple[_Parts, list[tuple[str, Anatomy]]], list[Site]]] = (
    weakref.WeakKeyDictionary()
)  # the sites of networks that were searched, good for as long as they have the same modules under the same names


def _parts(model: nn.Module) -> _Parts:
    """Every module in a network with its name in its parent: a twentieth of the time that a search takes."""
    parts: _Parts = []
    waiting: list[nn.Module | None] = [model]
    while waiting:
        module = waiting.pop()
        if module is not None and module._modules:
            parts += module._modules.items()
            waiting += module._modules.values()
    return parts


def _searched(model: nn.Module) -> list[Site]:
    sites: list[Site] = []
    inside: str | None = None
    width: int | None = None
    for path, module in model.named_modules():
        if inside is not None and path.startswith(inside):
            continue
        inside = None
        anatomy = anatomy_of(module)
        if anatomy is None:
            width = _output_width(module) or width
            continue
        inside = f"{path}." if path else None
        name = path.removesuffix(".se") if isinstance(model, EfficientNetV2) else path
        channels = _output_width(module.get_submodule(anatomy.expand)) if anatomy.expand else width
        squeezed = _output_width(module.get_submodule(anatomy.reduce)) if anatomy.reduce else None
        parent = model.get_submodule(path.rpartition(".")[0])
        gain = float(getattr(parent, "attn_gain", 1.0)) if parent is not module else 1.0
        sites.append(Site(name, path, anatomy.kind, channels, squeezed, _stage(path), gain, anatomy))
        if not path:
            break  # the network is itself an SE module
    _refuse_shared_gates(model, sites)
    return sites


def choose_sites(model: nn.Module, names: Sequence[str] | None = None) -> list[Site]:
    """The sites of these names, or all.

    Raises:
        ValueError: if the network has no site (it says what was tried), or none of such a name (it lists the nearest).
    """
    sites = {site.name: site for site in find_se(model)}
    if not sites:
        modules = sum(1 for _ in model.modules())
        raise ValueError(
            f"{type(eager(model)).__name__} has no SE module that is known: none of its {modules} modules is of a "
            f"registered class ({', '.join(known_classes())}), and none has 1x1 layers from C to C channels that end "
            "in a gate. Describe your class with effv2viz.register_se"
        )
    if names is None:
        return list(sites.values())
    if isinstance(names, str):
        names = [names]
    for name in names:
        if name not in sites:
            raise unknown_name("site", name, sites)
    return [sites[name] for name in names]


def choose_channel_sites(model: nn.Module, names: Sequence[str] | None = None) -> list[Site]:
    """As ``choose_sites``, for what works on one gate per channel.

    Raises:
        ValueError: also if a gate is a map.
    """
    sites = choose_sites(model, names)
    for site in sites:
        refuse_spatial(site.name, site.spatial)
    return sites


def refuse_spatial(name: str, spatial: bool) -> None:
    """Raises a ``ValueError`` if the gate of a site is a map."""
    if spatial:
        raise ValueError(
            f"the gate of {name} is a map (N, C, H, W): a channel has a gate at each position, and this needs one per "
            "channel. trace shows the maps; intervene takes Zero, One, Constant, Scale and Clamp of whole maps"
        )


def _output_width(module: nn.Module) -> int | None:
    """The channels that a layer gives, if its weights tell."""
    if module._modules:
        return None
    for attribute in ("out_channels", "out_features", "num_features"):
        value = module.__dict__.get(attribute)
        if isinstance(value, int):
            return value
    return None


def _stage(path: str) -> int | None:
    """The number of the stage in a path: stage4.0.se, features.4.0.block.2, blocks.3.0.se, layer4.0.se, s4.b1.se."""
    if match := re.match(r"(?:stage|layer|s)(\d+)\b", path):
        return int(match[1])
    if match := re.match(r"features\.(\d+)\.\d+\.", path):
        return int(match[1])
    if match := re.match(r"(?:blocks|stages)\.(\d+)\.", path):
        return int(match[1]) + 1
    if match := re.match(r"trunk_output\.block(\d+)\.", path):
        return int(match[1])
    return None


def _refuse_shared_gates(model: nn.Module, sites: list[Site]) -> None:
    owners: dict[nn.Module, str] = {}
    for site in sites:
        gate = model.get_submodule(site.gate_path)
        if gate in owners:
            raise ValueError(
                f"the sites {owners[gate]} and {site.name} share one gate module, so their gates cannot be told apart: "
                "give each SE module an activation of its own"
            )
        owners[gate] = site.name
