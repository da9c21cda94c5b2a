"""Every claim of the widely circulated description, with a probe that runs it on a network.

Sources: Hu et al., "Squeeze-and-Excitation Networks" (arXiv 1709.01507); Ramachandran et al., "Searching for Activation
Functions" (arXiv 1710.05941); Tan and Le, "EfficientNetV2" (arXiv 2104.00298), section 3.2 and table 4; google/automl
``efficientnetv2/effnetv2_model.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from effv2viz.attribution.faithfulness import spearman
from effv2viz.course.choice import Choice
from effv2viz.datasets import fashion_sample, load_images
from effv2viz.datasets.cue import generate
from effv2viz.models import EfficientNetV2, create_model
from effv2viz.models.blocks import ConvNormAct, FusedMBConv, MBConv
from effv2viz.models.squeeze_excite import SqueezeExcite
from effv2viz.probing import Mean, ablate_gates, find_se, intervene, trace
from effv2viz.probing.sites import Site
from effv2viz.suggestions import unknown_name

_LARGEST_SIDE = 48  # pixels: enough for every variant, and a probe of V2-S takes seconds


class Verdict(str, Enum):
    """What a probe says of a claim."""

    RIGHT = "right"
    RIGHT_FOR_SENET = "right for SENet but not here"
    WRONG = "wrong"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Evidence:
    """What a probe found on one network.

    Attributes:
        verdict: computed from the numbers.
        sentence: what was found, built from the numbers.
        numbers: by name.
    """

    verdict: Verdict
    sentence: str
    numbers: dict[str, float]


@dataclass(frozen=True)
class Claim:
    """A sentence of the description.

    Attributes:
        id: the number of its paragraph, and a letter.
        claim: in our words.
        true_where: where it holds.
        false_where: where it does not, and what is so instead.
        verdict: what the probe finds on every EfficientNetV2.
        probe: runs the claim on a network.
        source: where to read on.
        lesson: the name of the lesson that shows it, in a cell with the tag ``claim-<id>``.
    """

    id: str
    claim: str
    true_where: str
    false_where: str
    verdict: Verdict
    probe: Callable[[EfficientNetV2], Evidence] = field(repr=False)
    source: str
    lesson: str

    @property
    def tag(self) -> str:
        """The tag of the lesson cells that show it."""
        return f"claim-{self.id}"

    def ask(self, model: EfficientNetV2) -> Choice:
        """The claim as a question: the learner's verdict is held against that of the probe on ``model``."""

        def answer() -> tuple[str, str]:
            evidence = self.probe(model)
            told = (evidence.sentence, f"Where true: {self.true_where}", f"Where not: {self.false_where}")
            return str(evidence.verdict), "\n".join((*told, f"Source: {self.source}."))

        return Choice(f"Claim {self.id}. {self.claim}", [str(verdict) for verdict in Verdict], answer)


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


def _pooling_and_layers(model: EfficientNetV2) -> Evidence:
    gap = max(float((_by_matrices(p.module, p.features.mean((2, 3))) - p.gate).abs().max()) for p in _parts(model))
    return Evidence(
        Verdict.RIGHT if gap < 1e-3 else Verdict.WRONG,
        f"Means and two layers give every gate: no gate is off by more than 0.001: {_yes(gap < 1e-3)}.",
        {"largest difference": gap},
    )


def _importance(model: EfficientNetV2) -> Evidence:
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


def _every_block(model: EfficientNetV2) -> Evidence:
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


def _accuracy(_: EfficientNetV2) -> Evidence:
    """Accuracy needs trained networks, so the bundled ones are measured, whatever network is asked about."""
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


def _cost(model: EfficientNetV2) -> Evidence:
    summary = model.summary()
    macs, params = 100 * summary.se_macs / summary.macs, 100 * summary.se_params / summary.params
    return Evidence(
        Verdict.RIGHT if macs < 1 else Verdict.WRONG,
        f"SE has {macs:.2f} % of the multiply-adds, but {params:.1f} % of the parameters.",
        {"share of the multiply-adds (%)": macs, "share of the parameters (%)": params},
    )


def _mean_of_the_map(model: EfficientNetV2) -> Evidence:
    parts = _parts(model)
    gap = max(float((p.features.mean((2, 3)) - p.squeeze).abs().max()) for p in parts)
    return Evidence(
        Verdict.RIGHT if gap < 1e-3 else Verdict.WRONG,
        f"At all {len(parts)} sites the squeeze is the mean over height and width, to 0.001: {_yes(gap < 1e-3)}.",
        {"largest difference": gap},
    )


def _relu(model: EfficientNetV2) -> Evidence:
    parts = _parts(model)
    kinds = {type(p.module.act).__name__ for p in parts}
    largest = max(float((_by_matrices(p.module, p.squeeze, torch.relu) - p.gate).abs().max()) for p in parts)
    return Evidence(
        Verdict.RIGHT if kinds == {"ReLU"} else Verdict.RIGHT_FOR_SENET,
        f"Two layers and a sigmoid, but {', '.join(sorted(kinds))} stands between them. With ReLU in its place some "
        f"gate moves by more than 0.001: {_yes(largest > 1e-3)}.",
        {"largest change of a gate with ReLU": largest},
    )


def _no_bias_quarter(model: EfficientNetV2) -> Evidence:
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


def _product(model: EfficientNetV2) -> Evidence:
    parts = _parts(model)
    gap = max(float((p.features * p.gate[:, :, None, None] - p.scaled).abs().max()) for p in parts)
    return Evidence(
        Verdict.RIGHT if gap < 1e-3 else Verdict.WRONG,
        f"At all {len(parts)} sites the output is map times gate, to 0.001: {_yes(gap < 1e-3)}.",
        {"largest difference": gap},
    )


def _ingredients(model: EfficientNetV2) -> Evidence:
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


def _own_mean_and_variance(model: EfficientNetV2) -> Evidence:
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


def _like_a_sigmoid(model: EfficientNetV2) -> Evidence:
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


def _fused(model: EfficientNetV2) -> Evidence:
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


_CODE = "google/automl, efficientnetv2/effnetv2_model.py, class "
_SENET = "Hu et al., Squeeze-and-Excitation Networks, "
_V2 = "Tan and Le, EfficientNetV2, "

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "1a",
        "SE adapts every channel of a map, from global pooling and fully connected layers.",
        "SENet and EfficientNetV2.",
        "Nowhere; in EfficientNetV2 the layers are written as 1x1 convolutions of one position, which is the same.",
        Verdict.RIGHT,
        _pooling_and_layers,
        _SENET + "sections 3.1 and 3.2",
        "02-excitation",
    ),
    Claim(
        "1b",
        "The weights of the channels scale the map, and so bring out the important channels.",
        "The first half: the gates scale the map.",
        "The second half: a tall gate is not an important one. The next layer can undo any constant factor.",
        Verdict.WRONG,
        _importance,
        _SENET + "section 7.2, on the role of excitation, which reads gates by class and not by height",
        "06-intervening",
    ),
    Claim(
        "1c",
        "In EfficientNetV2 every convolution block has SE.",
        "EfficientNet, the first version; and figure 2 of the V2 paper, which draws SE in Fused-MBConv.",
        "Every published EfficientNetV2: Fused-MBConv has no SE.",
        Verdict.WRONG,
        _every_block,
        _V2 + "table 4; google/automl, efficientnetv2/effnetv2_configs.py",
        "04-where-se-lives",
    ),
    Claim(
        "1d",
        "SE raises the accuracy clearly, on many tasks and data sets.",
        "Shown for SE-ResNet and others on ImageNet, Places365, CIFAR and COCO; here on the cue task.",
        "As a promise for every task. For EfficientNetV2 the paper has no comparison with and without SE.",
        Verdict.RIGHT_FOR_SENET,
        _accuracy,
        _SENET + "section 5",
        "06-intervening",
    ),
    Claim(
        "1e",
        "SE adds little computing.",
        "Counted in multiply-adds.",
        "Counted in parameters; and pooling and scaling read the whole map, which takes time that is not counted.",
        Verdict.RIGHT,
        _cost,
        _SENET + "section 4",
        "04-where-se-lives",
    ),
    Claim(
        "2a",
        "The squeeze is a global average: C x H x W becomes C x 1 x 1.",
        "SENet and EfficientNetV2.",
        "Nowhere here; some relatives squeeze in another way.",
        Verdict.RIGHT,
        _mean_of_the_map,
        _CODE + "SE: reduce_mean",
        "01-squeeze",
    ),
    Claim(
        "2b",
        "The excitation is two layers, C to C // r to C, with ReLU between them and a sigmoid at the end.",
        "SENet.",
        "EfficientNetV2: SiLU stands where ReLU is said to be.",
        Verdict.RIGHT_FOR_SENET,
        _relu,
        _SENET + "section 3.2; " + _CODE + "SE",
        "02-excitation",
    ),
    Claim(
        "2c",
        "The layers have no bias, and C // r is a quarter of the module's own channels.",
        "SENet's ablations have no bias, and take R from the module's own channels (16 by default, 4 in one of them).",
        "EfficientNetV2: both layers have a bias, and R is a quarter of the channels that enter the block.",
        Verdict.RIGHT_FOR_SENET,
        _no_bias_quarter,
        _SENET + "section 6.1; " + _CODE + "MBConvBlock: num_reduced_filters",
        "04-where-se-lives",
    ),
    Claim(
        "2d",
        "The output is the input times the gates.",
        "SENet and EfficientNetV2.",
        "Nowhere.",
        Verdict.RIGHT,
        _product,
        _SENET + "equation 4",
        "03-scale",
    ),
    Claim(
        "3a",
        "The building block is MSE normalisation, SE and Swish.",
        "Swish is there, and SE is in some of the blocks.",
        "There is no such normalisation: it is batch norm. Convolutions are the main part of every block.",
        Verdict.WRONG,
        _ingredients,
        _CODE + "MBConvBlock and FusedMBConvBlock",
        "04-where-se-lives",
    ),
    Claim(
        "3b",
        "MSE normalisation normalises each channel by its mean and its variance.",
        "Batch norm in training does that over a batch, under its own name. MSE is an error measure.",
        "A trained network: the factors are fixed. And nothing in SE is normalised.",
        Verdict.WRONG,
        _own_mean_and_variance,
        "Ioffe and Szegedy, Batch Normalization (arXiv 1502.03167), section 3.1",
        "04-where-se-lives",
    ),
    Claim(
        "3c",
        "Swish has a form like a sigmoid, and works better.",
        "Swish is a times sigmoid(a). The Swish paper finds it better than ReLU in deep networks.",
        "The form: it has no upper bound, goes below 0 and is not monotonic. The sigmoid has another task, the gates.",
        Verdict.WRONG,
        _like_a_sigmoid,
        "Ramachandran et al., Searching for Activation Functions, section 4",
        "02-excitation",
    ),
    Claim(
        "3d",
        "Fused-MBConv and Fused-Stem are more efficient convolutions.",
        "Fused-MBConv is faster in the early stages, where maps are large and channels few.",
        "It multiplies more often, and in late stages it is slower. There is no Fused-Stem.",
        Verdict.WRONG,
        _fused,
        _V2 + "section 3.2 and table 4",
        "04-where-se-lives",
    ),
)


def find_claim(id: str) -> Claim:
    """The claim of an id, such as ``"1c"``.

    Raises:
        ValueError: for an unknown one.
    """
    for claim in CLAIMS:
        if claim.id == id:
            return claim
    raise unknown_name("claim", id, [claim.id for claim in CLAIMS])
