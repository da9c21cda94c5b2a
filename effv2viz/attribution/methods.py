"""The attribution methods as data: what each answers, needs, assumes and costs, and which are refused and why.

Menus, documentation and error messages read from here. F is a logit of the target (or a gate), x the picture, x' the
baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from effv2viz.suggestions import unknown_name

Explains = Literal["pixels", "gates"]
Unit = Literal["slope", "contribution", "relative"]


@dataclass(frozen=True)
class Method:
    """A method of attribution.

    Attributes:
        name: in Python.
        title: for menus and captions.
        explains: what the numbers are given to.
        answers: the question that its numbers answer.
        unit: ``"slope"``: F per unit of the network's input; ``"contribution"``: F; ``"relative"``: only sign, order
            and ratio mean something.
        signed: whether numbers below zero speak against the target.
        complete: whether the numbers add up to F(x) - F(x').
        baseline: whether it measures against a baseline.
        assumes: when its answer can be trusted.
        cost: forwards (F) and backwards (B) for each picture, in terms of its options.
        reference: where it was published.
    """

    name: str
    title: str
    explains: Explains
    answers: str
    unit: Unit
    signed: bool
    complete: bool
    baseline: bool
    assumes: str
    cost: str
    reference: str


_PIXELS = (
    Method(
        name="saliency",
        title="Saliency",
        explains="pixels",
        answers="how fast does F change with each number of the input?",
        unit="slope",
        signed=True,
        complete=False,
        baseline=False,
        assumes="small changes: where F is saturated the slope is near zero though the pixel matters",
        cost="1F + 1B",
        reference="Simonyan et al. 2014, arXiv 1312.6034 (there the absolute value)",
    ),
    Method(
        name="input_x_gradient",
        title="Input x gradient",
        explains="pixels",
        answers="what would each number of the input contribute if F were linear through zero?",
        unit="contribution",
        signed=True,
        complete=False,
        baseline=False,
        assumes="that a normalised input of zero (the data set's mean colour) means absence",
        cost="1F + 1B",
        reference="Shrikumar et al. 2016, arXiv 1605.01713",
    ),
    Method(
        name="integrated_gradients",
        title="Integrated gradients",
        explains="pixels",
        answers="how is F(x) - F(x') shared out among the pixels, on the straight path from x' to x?",
        unit="contribution",
        signed=True,
        complete=True,
        baseline=True,
        assumes="that the baseline means absence, and that the pictures between it and x make sense",
        cost="steps x (1F + 1B)",
        reference="Sundararajan et al. 2017, arXiv 1703.01365; Gauss-Legendre quadrature",
    ),
    Method(
        name="smoothgrad",
        title="SmoothGrad",
        explains="pixels",
        answers="what does a gradient method say on average over noisy copies of the picture?",
        unit="slope",
        signed=True,
        complete=False,
        baseline=False,
        assumes="what the method underneath assumes, and noise that does not change what is seen",
        cost="samples x the method underneath",
        reference="Smilkov et al. 2017, arXiv 1706.03825",
    ),
    Method(
        name="grad_cam",
        title="Grad-CAM",
        explains="pixels",
        answers="where are the channels of a layer active whose mean slope is large?",
        unit="relative",
        signed=True,
        complete=False,
        baseline=False,
        assumes="that a channel's slope is the same everywhere, and that a cell of the layer sees what lies under it",
        cost="1F + at most 1B",
        reference="Selvaraju et al. 2017, arXiv 1610.02391 (there without the negative part)",
    ),
    Method(
        name="occlusion",
        title="Occlusion",
        explains="pixels",
        answers="how much does F fall when a window around the pixel takes the baseline, on average over windows?",
        unit="relative",
        signed=True,
        complete=False,
        baseline=True,
        assumes="that the edges of the window are not themselves evidence",
        cost="(windows + 1)F",
        reference="Zeiler and Fergus 2014, arXiv 1311.2901",
    ),
    Method(
        name="feature_ablation",
        title="Ablation of regions",
        explains="pixels",
        answers="how much does F fall when a region takes the baseline and all others stay?",
        unit="contribution",
        signed=True,
        complete=False,
        baseline=True,
        assumes="that regions act alone: where one can replace another, neither is seen to matter",
        cost="(regions + 1)F",
        reference="Zeiler and Fergus 2014, arXiv 1311.2901, with regions for windows",
    ),
    Method(
        name="shapley_sampling",
        title="Shapley values of regions",
        explains="pixels",
        answers="what does a region add to F, on average over all orders in which regions can be put in?",
        unit="contribution",
        signed=True,
        complete=True,
        baseline=True,
        assumes="enough orders: the error of the estimate falls with the root of their number",
        cost="(samples x regions + 1)F",
        reference="Castro et al. 2009, doi 10.1016/j.cor.2008.04.004",
    ),
    Method(
        name="neuron_integrated_gradients",
        title="Integrated gradients of a gate",
        explains="pixels",
        answers="which pixels open this gate: how is gate(x) - gate(x') shared out among them?",
        unit="contribution",
        signed=True,
        complete=True,
        baseline=True,
        assumes="that the baseline means absence, and that the pictures between it and x make sense",
        cost="steps x (1F + 1B)",
        reference="Sundararajan et al. 2017, arXiv 1703.01365, with a gate for F",
    ),
    Method(
        name="random",
        title="Random",
        explains="pixels",
        answers="none: the floor that every other method has to be above",
        unit="relative",
        signed=True,
        complete=False,
        baseline=False,
        assumes="nothing",
        cost="0F",
        reference="the control of Adebayo et al. 2018, arXiv 1810.03292",
    ),
)

_GATES = (
    Method(
        name="first_order",
        title="First order",
        explains="gates",
        answers="how much would F fall if every gate went to the baseline alone, and F were linear?",
        unit="contribution",
        signed=True,
        complete=False,
        baseline=True,
        assumes="small differences from the baseline, or a network that is nearly linear in one gate",
        cost="1F + 1B for all gates of all sites",
        reference="attribution patching; Kramar et al. 2024, arXiv 2403.00745",
    ),
    Method(
        name="integrated_gradients",
        title="Integrated gradients",
        explains="gates",
        answers="how is F(gates) - F(baseline) shared out, on the straight path between them?",
        unit="contribution",
        signed=True,
        complete=True,
        baseline=True,
        assumes="that the gates between baseline and own make sense together",
        cost="steps x (1F + 1B); for a total effect so much for every site",
        reference="Sundararajan et al. 2017, arXiv 1703.01365, with gates for inputs",
    ),
    Method(
        name="shapley",
        title="Shapley values",
        explains="gates",
        answers="what does a site (or a channel) add to F, on average over all orders of leaving the baseline?",
        unit="contribution",
        signed=True,
        complete=True,
        baseline=True,
        assumes="enough orders where there are more than ten players; up to ten it is exact",
        cost="2 ** players F, or samples x players F",
        reference="Shapley 1953; sampled as Castro et al. 2009, doi 10.1016/j.cor.2008.04.004",
    ),
    Method(
        name="ablation",
        title="Exact ablation",
        explains="gates",
        answers="how much does F fall when this gate alone takes the baseline?",
        unit="contribution",
        signed=True,
        complete=False,
        baseline=True,
        assumes="nothing: it is what the others are compared with. Gates that can replace each other look unimportant",
        cost="1F for each gate, of what follows the site",
        reference="the definition of the effect itself",
    ),
    Method(
        name="random",
        title="Random",
        explains="gates",
        answers="none: the floor that every other method has to be above",
        unit="relative",
        signed=True,
        complete=False,
        baseline=False,
        assumes="nothing",
        cost="0F",
        reference="the control of Adebayo et al. 2018, arXiv 1810.03292",
    ),
)

METHODS: tuple[Method, ...] = (*_PIXELS, *_GATES)

_SILU = "its rules cover ReLU and a few other activations, and neither SiLU nor the product of a map with its gate"
_NO_RELU = (
    "it changes the backward of ReLU modules, and SiLU is none: it would give the plain gradient under another name"
)

REFUSED: dict[str, str] = {
    "deep_lift": f"{_SILU}: it runs without a warning, and its numbers do not add up to F(x) - F(x')",
    "deep_lift_shap": f"it averages DeepLift over baselines, and {_SILU}: its numbers are wrong too",
    "lrp": f"{_SILU}: relevance is not kept on its way back through a gate",
    "guided_backprop": _NO_RELU,
    "deconvolution": _NO_RELU,
    "guided_grad_cam": "guided backprop finds no ReLU here, so it would be the plain gradient times Grad-CAM",
    "riemann_trapezoid": "the step sizes of this rule in Captum add up to (n - 1) / n and not to 1, so integrated "
    "gradients come out too small: Gauss-Legendre is used",
}
_INSTEAD = {
    "deep_lift": "integrated_gradients",
    "deep_lift_shap": "shapley_sampling",
    "lrp": "integrated_gradients",
    "guided_backprop": "saliency",
    "deconvolution": "saliency",
    "guided_grad_cam": "grad_cam",
    "riemann_trapezoid": "integrated_gradients",
}


def list_methods(explains: Explains) -> list[Method]:
    """The methods that give numbers to pixels, or to gates."""
    return [method for method in METHODS if method.explains == explains]


def find_method(name: str, explains: Explains) -> Method:
    """A method by name.

    Raises:
        ValueError: for a method that is refused (with the reason, and what to use) or unknown (with the nearest names).
    """
    known = {method.name: method for method in list_methods(explains)}
    if name in known:
        return known[name]
    for refused, reason in REFUSED.items():
        if _plain(name) == _plain(refused):
            raise ValueError(f"{refused} is refused on these networks: {reason}. Use {_INSTEAD[refused]!r}")
    raise unknown_name("method", name, known)


def _plain(name: object) -> str:
    """A name without case and separators, so that "DeepLift" and "deep_lift" are one."""
    return "".join(letter for letter in str(name).lower() if letter.isalnum())
