"""Probes of the claims: each runs one claim on a network and returns what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from effv2viz.attribution.faithfulness import spearman
from effv2viz.course.evidence import Evidence, Verdict
from effv2viz.datasets import fashion_sample, load_images
from effv2viz.datasets.cue import generate
from effv2viz.models import EfficientNetV2, create_model
from effv2viz.models.blocks import ConvNormAct, FusedMBConv, MBConv
from effv2viz.models.squeeze_excite import SqueezeExcite
from effv2viz.probing import Mean, ablate_gates, find_se, intervene, trace
from effv2viz.probing.sites import Site

_LARGEST_SIDE = 48  # pixels: enough for every variant, and a probe of V2-S takes seconds


def _pictures(model: EfficientNetV2) -> Tensor:
    """One picture of each class of the sample, as this network takes them, at most 48 pixels a side."""
    images = load_images(list(fashion_sample("test").balanced(1).images), model)
    side = min(_LARGEST_SIDE, images.shape[-1])
    return F.interpolate(images, (side, side), mode="area").to(next(model.parameters()))


def _yes(condition: bool) -> str:
    return "yes" if condition else "no"


class _Parts(NamedTuple):
    """What one site of SE computed on the pictures."""

    site: Site
    module: SqueezeExcite
    features: Tensor  # (N, C, H, W)
    squeeze: Tensor  # (N, C)
    hidden: Tensor  # (N, R)
    gate: Tensor  # (N, C)
    scaled: Tensor  # (N, C, H, W)


def _parts(model: EfficientNetV2) -> list[_Parts]:
    """The parts of every site.

    Raises:
        ValueError: if the network has no SE module, or one of another kind.
    """
    recorded = trace(model, _pictures(model), features=True)
    parts = []
    for site in find_se(model):
        module, found = model.get_submodule(site.path), recorded[site.name]
        if not isinstance(module, SqueezeExcite):
            raise ValueError(f"{site.name} is {type(module).__name__}: the claims are about attention='se'")
        assert found.features is not None
        assert found.squeeze is not None
        assert found.hidden is not None
        assert found.scaled is not None
        parts.append(_Parts(site, module, found.features, found.squeeze, found.hidden, found.gate, found.scaled))
    return parts


def _blocks(model: EfficientNetV2) -> list[nn.Module]:
    return [block for stage in model.stages for block in stage]


@torch.no_grad()
def _by_matrices(module: SqueezeExcite, z: Tensor, act: Callable[[Tensor], Tensor] = F.silu) -> Tensor:
    """The gates (N, C) of a squeeze (N, C), by two matrix products."""
    w1, w2 = module.reduce.weight[:, :, 0, 0], module.expand.weight[:, :, 0, 0]
    return torch.sigmoid(F.linear(act(F.linear(z, w1, module.reduce.bias)), w2, module.expand.bias))


def pooling_and_layers(model: EfficientNetV2) -> Evidence:
    """Claim 1a: the gates, from means and two matrix products."""
    gap = max(float((_by_matrices(p.module, p.features.mean((2, 3))) - p.gate).abs().max()) for p in _parts(model))
    return Evidence(
        Verdict.RIGHT if gap < 1e-3 else Verdict.WRONG,
        f"Means and two layers give every gate: no gate is off by more than 0.001: {_yes(gap < 1e-3)}.",
        {"largest difference": gap},
    )


def importance(model: EfficientNetV2) -> Evidence:
    """Claim 1b: whether the tallest gates are the most effective ones."""
    images = _pictures(model)
    recorded = trace(model, images)
    names = list(recorded)
    site = names[len(names) // 2]
    mean = {name: found.gate.mean(0) for name, found in recorded.items()}
    effect = ablate_gates(model, images[:4], site=site, baseline=mean).abs()
    rho = float(spearman(recorded[site].gate[:4].double(), effect.double()).mean())
    tallest = recorded[site].gate[:4].argmax(1)
    first = int((tallest == effect.argmax(1)).sum())
    return Evidence(
        Verdict.RIGHT if rho > 0.8 else Verdict.WRONG,
        f"The gates do scale the map. But at {site} the tallest gate is the most effective one for {first} of 4 "
        f"pictures, and height and effect agree closely: {_yes(rho > 0.8)}.",
        {"rank correlation of gate and effect": rho, "pictures where the tallest is first": first},
    )


def every_block(model: EfficientNetV2) -> Evidence:
    """Claim 1c: how many blocks have SE."""
    blocks, sites = len(_blocks(model)), len(find_se(model))
    fused = sum(isinstance(block, FusedMBConv) for block in _blocks(model))
    return Evidence(
        Verdict.RIGHT if sites == blocks else Verdict.WRONG,
        f"{sites} of {blocks} blocks have SE. The {fused} Fused-MBConv blocks have none.",
        {"blocks": blocks, "blocks with SE": sites, "fused blocks": fused},
    )


@torch.no_grad()
def _share_right(network: EfficientNetV2, images: Tensor, labels: Tensor) -> float:
    answers = torch.cat([network(some).argmax(1) for some in images.split(128)])
    return 100 * float((answers == labels).double().mean())


def accuracy(_: EfficientNetV2) -> Evidence:
    """Claim 1d: accuracy with SE and without.

    It needs trained networks, so the bundled ones are measured, whatever network is asked about.
    """
    task = generate(256, seed=20)
    pictures = list(task.images)
    twins = [create_model("efficientnetv2_pico", weights=name) for name in ("cue", "cue_none")]
    labels = torch.as_tensor(task.labels)
    with_se, without = (_share_right(twin, load_images(pictures, twin), labels) for twin in twins)
    nano = create_model("efficientnetv2_nano", weights="fashion")
    clothing = fashion_sample("test").balanced(50)
    images, labels = load_images(list(clothing.images), nano), torch.as_tensor(clothing.labels)
    own = _share_right(nano, images, labels)
    with intervene(nano, Mean()):
        fall = own - _share_right(nano, images, labels)
    gain = with_se - without
    return Evidence(
        Verdict.RIGHT if min(gain, fall) > 5 else Verdict.RIGHT_FOR_SENET if gain > 5 else Verdict.WRONG,
        f"It depends on the task. On the cue task pico with SE beats its twin without by more than 5 points: "
        f"{_yes(gain > 5)}. On clothing nano loses more than 5 points if its gates stop changing: {_yes(fall > 5)}.",
        {"gain on the cue task (points)": gain, "loss on clothing with constant gates (points)": fall},
    )


def cost(model: EfficientNetV2) -> Evidence:
    """Claim 1e: SE's share of multiply-adds and parameters."""
    summary = model.summary()
    macs, params = 100 * summary.se_macs / summary.macs, 100 * summary.se_params / summary.params
    return Evidence(
        Verdict.RIGHT if macs < 1 else Verdict.WRONG,
        f"SE has {macs:.2f} % of the multiply-adds, but {params:.1f} % of the parameters.",
        {"share of the multiply-adds (%)": macs, "share of the parameters (%)": params},
    )


def mean_of_the_map(model: EfficientNetV2) -> Evidence:
    """Claim 2a: the squeeze against the mean over height and width."""
    parts = _parts(model)
    gap = max(float((p.features.mean((2, 3)) - p.squeeze).abs().max()) for p in parts)
    return Evidence(
        Verdict.RIGHT if gap < 1e-3 else Verdict.WRONG,
        f"At all {len(parts)} sites the squeeze is the mean over height and width, to 0.001: {_yes(gap < 1e-3)}.",
        {"largest difference": gap},
    )


def relu(model: EfficientNetV2) -> Evidence:
    """Claim 2b: the activation between the two layers, and the gates with ReLU in its place."""
    parts = _parts(model)
    kinds = {type(p.module.act).__name__ for p in parts}
    largest = max(float((_by_matrices(p.module, p.squeeze, torch.relu) - p.gate).abs().max()) for p in parts)
    return Evidence(
        Verdict.RIGHT if kinds == {"ReLU"} else Verdict.RIGHT_FOR_SENET,
        f"Two layers and a sigmoid, but {', '.join(sorted(kinds))} stands between them. With ReLU in its place some "
        f"gate moves by more than 0.001: {_yes(largest > 1e-3)}.",
        {"largest change of a gate with ReLU": largest},
    )


def no_bias_quarter(model: EfficientNetV2) -> Evidence:
    """Claim 2c: biases, and the reduction C / R."""
    parts = _parts(model)
    biases = sum(layer.bias is not None for p in parts for layer in (p.module.reduce, p.module.expand))
    reductions = sorted({round(p.site.reduction or 0) for p in parts})
    right = biases == 0 and reductions == [4]
    return Evidence(
        Verdict.RIGHT if right else Verdict.RIGHT_FOR_SENET,
        f"{biases} of {2 * len(parts)} layers have a bias. The reduction C / R is "
        f"{' or '.join(str(r) for r in reductions)}, since R is a quarter of what enters the block.",
        {"layers with bias": biases, "smallest reduction": reductions[0], "largest reduction": reductions[-1]},
    )


def product(model: EfficientNetV2) -> Evidence:
    """Claim 2d: the output against map times gate."""
    parts = _parts(model)
    gap = max(float((p.features * p.gate[:, :, None, None] - p.scaled).abs().max()) for p in parts)
    return Evidence(
        Verdict.RIGHT if gap < 1e-3 else Verdict.WRONG,
        f"At all {len(parts)} sites the output is map times gate, to 0.001: {_yes(gap < 1e-3)}.",
        {"largest difference": gap},
    )


def ingredients(model: EfficientNetV2) -> Evidence:
    """Claim 3a: which norms there are, which blocks have SE, and what else is in a block."""
    norms = sorted({type(m).__name__ for m in model.modules() if "norm" in type(m).__name__.lower()} - {"ConvNormAct"})
    blocks = _blocks(model)
    without = sum(not isinstance(block, MBConv) for block in blocks)
    convolutions = sum(isinstance(m, nn.Conv2d) and "se" not in n.split(".") for n, m in model.named_modules())
    right = without == 0 and any("mse" in name.lower() for name in norms)
    return Evidence(
        Verdict.RIGHT if right else Verdict.WRONG,
        f"The only norm is {', '.join(norms)}; {without} of {len(blocks)} blocks have no SE; and the list leaves out "
        f"the {convolutions} convolutions, which do the work.",
        {"blocks without SE": without, "convolutions outside of SE": convolutions},
    )


def own_mean_and_variance(model: EfficientNetV2) -> Evidence:
    """Claim 3b: whether the norm divides out the spread of its input."""
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    x = torch.randn(8, norm.num_features, 4, 4, generator=torch.Generator().manual_seed(0)).to(norm.weight)
    with torch.no_grad():
        once, twice, zero = norm(x), norm(2 * x), norm(torch.zeros_like(x))
    follows = float((twice - once).abs().max() / (once - zero).abs().max())  # 0 if each picture's spread is divided out
    return Evidence(
        Verdict.RIGHT if follows < 0.5 else Verdict.WRONG,
        f"No norm of that name exists. Batch norm uses a picture's own mean and variance only in training; here an "
        f"input twice as large comes out {1 + follows:.0f} times as far from the shift.",
        {"growth of the output": 1 + follows},
    )


def like_a_sigmoid(model: EfficientNetV2) -> Evidence:
    """Claim 3c: the bounds of Swish, and the hidden values below 0."""
    a = torch.linspace(-6, 6, 12001)
    lowest, highest = float(F.silu(a).min()), float(F.silu(a).max())
    hidden = torch.cat([p.hidden.flatten() for p in _parts(model)])
    negative = 100 * float((hidden < 0).double().mean())
    return Evidence(
        Verdict.RIGHT if lowest >= 0 and highest <= 1 else Verdict.WRONG,
        f"Between -6 and 6 Swish goes down to {lowest:.2f} and up to {highest:.1f}; a sigmoid stays between 0 and 1. "
        f"Hidden values of this network are below 0, too: {_yes(negative > 0)}.",
        {"lowest": lowest, "highest": highest, "hidden values below 0 (%)": negative},
    )


def fused(model: EfficientNetV2) -> Evidence:
    """Claim 3d: multiplications of Fused-MBConv and of the convolutions that it replaces; and the stem."""
    block = next(b for b in _blocks(model) if isinstance(b, FusedMBConv) and not isinstance(b.project, nn.Identity))
    width = block.fused.conv.in_channels
    expand = block.fused.conv.out_channels // width
    fused = width * width * expand * 9  # weights of one position: the 3x3 convolution
    parts = width * width * expand + width * expand * 9  # 1x1 expansion, and depthwise 3x3
    ratio = fused / parts
    return Evidence(
        Verdict.RIGHT if ratio < 1 and not isinstance(model.stem, ConvNormAct) else Verdict.WRONG,
        f"The first wide Fused-MBConv multiplies {ratio:.1f} times as often at a position as the two convolutions that "
        "it replaces; the paper reports that it is faster in early stages all the same. The stem is one plain 3x3 "
        "convolution: nothing is fused in it.",
        {"multiplications, fused over unfused": ratio},
    )
