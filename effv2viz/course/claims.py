"""Every claim of the widely circulated description, with a probe that runs it on a network.

Sources: Hu et al., "Squeeze-and-Excitation Networks" (arXiv 1709.01507); Ramachandran et al., "Searching for Activation
Functions" (arXiv 1710.05941); Tan and Le, "EfficientNetV2" (arXiv 2104.00298), section 3.2 and table 4; google/automl
``efficientnetv2/effnetv2_model.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from effv2viz.course import claim_probes
from effv2viz.course.choice import Choice
from effv2viz.course.evidence import Evidence, Verdict
from effv2viz.models import EfficientNetV2
from effv2viz.suggestions import unknown_name


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
        claim_probes.pooling_and_layers,
        _SENET + "sections 3.1 and 3.2",
        "02-excitation",
    ),
    Claim(
        "1b",
        "The weights of the channels scale the map, and so bring out the important channels.",
        "The first half: the gates scale the map.",
        "The second half: a tall gate is not an important one. The next layer can undo any constant factor.",
        Verdict.WRONG,
        claim_probes.importance,
        _SENET + "section 7.2, on the role of excitation, which reads gates by class and not by height",
        "06-intervening",
    ),
    Claim(
        "1c",
        "In EfficientNetV2 every convolution block has SE.",
        "EfficientNet, the first version; and figure 2 of the V2 paper, which draws SE in Fused-MBConv.",
        "Every published EfficientNetV2: Fused-MBConv has no SE.",
        Verdict.WRONG,
        claim_probes.every_block,
        _V2 + "table 4; google/automl, efficientnetv2/effnetv2_configs.py",
        "04-where-se-lives",
    ),
    Claim(
        "1d",
        "SE raises the accuracy clearly, on many tasks and data sets.",
        "Shown for SE-ResNet and others on ImageNet, Places365, CIFAR and COCO; here on the cue task.",
        "As a promise for every task. For EfficientNetV2 the paper has no comparison with and without SE.",
        Verdict.RIGHT_FOR_SENET,
        claim_probes.accuracy,
        _SENET + "section 5",
        "06-intervening",
    ),
    Claim(
        "1e",
        "SE adds little computing.",
        "Counted in multiply-adds.",
        "Counted in parameters; and pooling and scaling read the whole map, which takes time that is not counted.",
        Verdict.RIGHT,
        claim_probes.cost,
        _SENET + "section 4",
        "04-where-se-lives",
    ),
    Claim(
        "2a",
        "The squeeze is a global average: C x H x W becomes C x 1 x 1.",
        "SENet and EfficientNetV2.",
        "Nowhere here; some relatives squeeze in another way.",
        Verdict.RIGHT,
        claim_probes.mean_of_the_map,
        _CODE + "SE: reduce_mean",
        "01-squeeze",
    ),
    Claim(
        "2b",
        "The excitation is two layers, C to C // r to C, with ReLU between them and a sigmoid at the end.",
        "SENet.",
        "EfficientNetV2: SiLU stands where ReLU is said to be.",
        Verdict.RIGHT_FOR_SENET,
        claim_probes.relu,
        _SENET + "section 3.2; " + _CODE + "SE",
        "02-excitation",
    ),
    Claim(
        "2c",
        "The layers have no bias, and C // r is a quarter of the module's own channels.",
        "SENet's ablations have no bias, and take R from the module's own channels (16 by default, 4 in one of them).",
        "EfficientNetV2: both layers have a bias, and R is a quarter of the channels that enter the block.",
        Verdict.RIGHT_FOR_SENET,
        claim_probes.no_bias_quarter,
        _SENET + "section 6.1; " + _CODE + "MBConvBlock: num_reduced_filters",
        "04-where-se-lives",
    ),
    Claim(
        "2d",
        "The output is the input times the gates.",
        "SENet and EfficientNetV2.",
        "Nowhere.",
        Verdict.RIGHT,
        claim_probes.product,
        _SENET + "equation 4",
        "03-scale",
    ),
    Claim(
        "3a",
        "The building block is MSE normalisation, SE and Swish.",
        "Swish is there, and SE is in some of the blocks.",
        "There is no such normalisation: it is batch norm. Convolutions are the main part of every block.",
        Verdict.WRONG,
        claim_probes.ingredients,
        _CODE + "MBConvBlock and FusedMBConvBlock",
        "04-where-se-lives",
    ),
    Claim(
        "3b",
        "MSE normalisation normalises each channel by its mean and its variance.",
        "Batch norm in training does that over a batch, under its own name. MSE is an error measure.",
        "A trained network: the factors are fixed. And nothing in SE is normalised.",
        Verdict.WRONG,
        claim_probes.own_mean_and_variance,
        "Ioffe and Szegedy, Batch Normalization (arXiv 1502.03167), section 3.1",
        "04-where-se-lives",
    ),
    Claim(
        "3c",
        "Swish has a form like a sigmoid, and works better.",
        "Swish is a times sigmoid(a). The Swish paper finds it better than ReLU in deep networks.",
        "The form: it has no upper bound, goes below 0 and is not monotonic. The sigmoid has another task, the gates.",
        Verdict.WRONG,
        claim_probes.like_a_sigmoid,
        "Ramachandran et al., Searching for Activation Functions, section 4",
        "02-excitation",
    ),
    Claim(
        "3d",
        "Fused-MBConv and Fused-Stem are more efficient convolutions.",
        "Fused-MBConv is faster in the early stages, where maps are large and channels few.",
        "It multiplies more often, and in late stages it is slower. There is no Fused-Stem.",
        Verdict.WRONG,
        claim_probes.fused,
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
