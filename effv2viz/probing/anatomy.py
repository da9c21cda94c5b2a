"""Anatomy: where in an SE module squeeze, hidden, logit and gate can be read, for every kind of SE that is known.

The registry is keyed by fully qualified class names, so that no library is imported for it, and so that two classes of
one name (timm has two ``SEModule``) are told apart. Classes that nobody registered are recognised by their parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn


@dataclass(frozen=True)
class Port:
    """Where a value passes by: what goes into a submodule, or what comes out of it, the first time it runs."""

    path: str
    side: Literal["input", "output"] = "output"


@dataclass(frozen=True)
class Anatomy:
    """The parts of an SE module, as paths within it.

    Attributes:
        kind: of SE, such as ``"se"``.
        gate: the activation whose output is the gate and whose input is the logit.
        squeeze: where each channel's summary passes.
        hidden: where the bottleneck passes, after its activation; None for a kind without bottleneck.
        reduce: the layer that makes R hidden channels of C; None for a kind without bottleneck.
        expand: the layer that makes the C logits; None if its weight does not tell C.
        spatial: the gate is a map (N, C, H, W), one for each channel and position, not (N, C).
        scales_only: the module returns its input times the gate, and does nothing after it.
    """

    kind: str
    gate: str
    squeeze: Port | None = None
    hidden: Port | None = None
    reduce: str | None = None
    expand: str | None = None
    spatial: bool = False
    scales_only: bool = True


def _bottleneck(kind: str, squeeze: Port, reduce: str, act: str, expand: str, gate: str) -> Anatomy:
    return Anatomy(kind, gate=gate, squeeze=squeeze, hidden=Port(act), reduce=reduce, expand=expand)


_REGISTRY: dict[str, Anatomy] = {
    "effv2viz.models.squeeze_excite.SqueezeExcite": _bottleneck(
        "se", Port("squeeze"), "reduce", "act", "expand", "gate"
    ),
    "effv2viz.models.squeeze_excite.SENetSqueezeExcite": _bottleneck(
        "senet", Port("squeeze"), "excitation.0", "excitation.1", "excitation.2", "excitation.3"
    ),
    **{
        f"effv2viz.models.se_relatives.{name}": _bottleneck(kind, Port("squeeze"), "reduce", "act", "expand", "gate")
        for name, kind in {
            "ReluSqueezeExcite": "se_relu",
            "BiasFreeSqueezeExcite": "se_nobias",
            "MaxSqueezeExcite": "se_max",
            "GlobalContext": "gc",
        }.items()
    },
    "effv2viz.models.se_relatives.EffectiveSqueezeExcite": Anatomy("ese", "gate", Port("squeeze"), expand="mix"),
    "effv2viz.models.se_relatives.EfficientChannelAttention": Anatomy("eca", "gate", Port("squeeze")),
    # Mean and maximum pass the bottleneck one after the other: there are two hidden vectors, and none is given.
    "effv2viz.models.se_relatives.ChannelGate": Anatomy(
        "cbam_channel", "gate", Port("squeeze"), reduce="reduce", expand="expand"
    ),
    "effv2viz.models.se_relatives.CBAM": Anatomy(
        "cbam",
        "channel.gate",
        Port("channel.squeeze"),
        reduce="channel.reduce",
        expand="channel.expand",
        scales_only=False,
    ),
    "effv2viz.models.se_relatives.GatherExcite": Anatomy("ge", "gate", Port("squeeze"), spatial=True),
    "effv2viz.models.se_relatives.GatherExcitePlus": Anatomy(
        "ge_plus", "gate", Port("squeeze"), Port("act"), "reduce", "expand", spatial=True
    ),
    "effv2viz.models.se_relatives.StyleRecalibration": Anatomy("srm", "gate", Port("squeeze")),
    "effv2viz.models.se_relatives.StaticGate": Anatomy("static", "gate"),
    "effv2viz.models.se_relatives.NoSqueeze": Anatomy(
        "no_squeeze", "gate", hidden=Port("act"), reduce="reduce", expand="expand", spatial=True
    ),
    "torchvision.ops.misc.SqueezeExcitation": _bottleneck(
        "se", Port("avgpool"), "fc1", "activation", "fc2", "scale_activation"
    ),
    "timm.models._efficientnet_blocks.SqueezeExcite": _bottleneck(
        "se", Port("conv_reduce", "input"), "conv_reduce", "act1", "conv_expand", "gate"
    ),
    "timm.layers.squeeze_excite.SEModule": _bottleneck("se", Port("fc1", "input"), "fc1", "act", "fc2", "gate"),
    "timm.models.senet.SEModule": _bottleneck("se", Port("fc1", "input"), "fc1", "relu", "fc2", "sigmoid"),
    "timm.layers.squeeze_excite.EffectiveSEModule": Anatomy("ese", "gate", Port("fc", "input"), expand="fc"),
    "timm.models.hgnet.EseModule": Anatomy("ese", "sigmoid", Port("conv", "input"), expand="conv"),
    "timm.layers.eca.EcaModule": Anatomy("eca", "gate", Port("conv", "input")),
    "timm.layers.global_context.GlobalContext": _bottleneck(
        "gc", Port("mlp_scale.fc1", "input"), "mlp_scale.fc1", "mlp_scale.act", "mlp_scale.fc2", "gate"
    ),
    # The channel gate. The mean passes fc1 first, then the maximum: there are two hidden vectors, and none is given.
    "timm.layers.cbam.ChannelAttn": Anatomy("cbam", "gate", Port("fc1", "input"), reduce="fc1", expand="fc2"),
}

_LOOKED_UP: dict[type[nn.Module], Anatomy | None] = {}  # classes that were met, and what the registry says of them


def register_se(cls: type[nn.Module], anatomy: Anatomy) -> None:
    """Teaches ``find_se`` a class of SE modules. A class registered before is described anew.

    Args:
        cls: the class. Subclasses with the same ``forward`` count as it.
        anatomy: where its parts are.

    Raises:
        TypeError: if ``cls`` is no module class.
    """
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise TypeError(f"register_se takes a class of torch.nn.Module, not {cls!r}")
    _REGISTRY[qualified_name(cls)] = anatomy
    _LOOKED_UP.clear()


def qualified_name(cls: type) -> str:
    """The name of a class with its module."""
    return f"{cls.__module__}.{cls.__qualname__}"


def registered() -> list[tuple[str, Anatomy]]:
    """Every class in the registry with its anatomy."""
    return list(_REGISTRY.items())


def known_classes() -> list[str]:
    """The fully qualified names of the classes that are registered."""
    return list(_REGISTRY)


def anatomy_of(module: nn.Module) -> Anatomy | None:
    """The anatomy of an SE module, or None if the module is not recognised as one."""
    if not module._modules:
        return None  # every known kind has parts; most modules of a network have none
    anatomy = _registered(type(module))
    if anatomy is not None:
        parts = [anatomy.gate, anatomy.reduce, anatomy.expand]
        return anatomy if all(_has(module, path) for path in parts if path is not None) else None
    return _by_parts(module)


def _registered(kind: type[nn.Module]) -> Anatomy | None:
    """What the registry says of a class, or of the class that it has its ``forward`` from."""
    if kind not in _LOOKED_UP:
        _LOOKED_UP[kind] = None
        for cls in kind.__mro__:
            anatomy = _REGISTRY.get(qualified_name(cls))
            if anatomy is not None and getattr(cls, "forward", None) is kind.forward:
                _LOOKED_UP[kind] = anatomy
                break
    return _LOOKED_UP[kind]


def _has(module: nn.Module, path: str) -> bool:
    """Whether the part is there. A GlobalContext that only adds has no gate in use, for example."""
    try:
        return isinstance(module.get_submodule(path), nn.Module)
    except AttributeError:
        return False


_GATE_NAMES = ("gate", "sigmoid", "scale_activation", "hsigmoid", "hard_sigmoid", "gate_fn", "excite_act")


def _by_parts(module: nn.Module) -> Anatomy | None:
    """Recognises an SE module by its parts: C -> R -> C (or C -> C) through 1x1 layers, ended by a gate activation.

    The gate is a child of a telling name, or the sigmoid that ends a Sequential child, as in the widely copied code
    with ``avg_pool`` and ``fc``. The layers must be all the weights that the module has, and must begin and end at the
    same width, which a spatial gate or a softmax over branches does not.
    """
    if isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict) or not any(True for _ in module.children()):
        return None
    gate = _gate_by_name(module)
    if gate is None:
        return None
    layers = [(path, child) for path, child in module.named_modules() if path and _own_parameters(child)]
    layers = [(path, child) for path, child in layers if not isinstance(child, nn.BatchNorm2d | nn.LayerNorm)]
    if not 1 <= len(layers) <= 2 or not all(_is_pointwise(child) for _, child in layers):
        return None
    (first_path, first), (last_path, last) = layers[0], layers[-1]
    if first.weight.shape[1] != last.weight.shape[0]:
        return None
    squeeze = Port(first_path, "input")
    if len(layers) == 1:
        return Anatomy("se-like", gate, squeeze, expand=last_path)
    return Anatomy("se-like", gate, squeeze, Port(last_path, "input"), reduce=first_path, expand=last_path)


def _gate_by_name(module: nn.Module) -> str | None:
    for name, child in module.named_children():
        if name in _GATE_NAMES and not _own_parameters(child) and not isinstance(child, nn.Identity):
            return name
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and len(child) and isinstance(child[-1], nn.Sigmoid | nn.Hardsigmoid):
            return f"{name}.{len(child) - 1}"
    return None


def _own_parameters(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False))


def _is_pointwise(module: nn.Module) -> bool:
    if isinstance(module, nn.Linear):
        return True
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
