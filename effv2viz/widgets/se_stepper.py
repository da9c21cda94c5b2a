"""The SE stepper: one site in five panels, step by step, with the numbers of a picture in the formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure
from torch import nn

from effv2viz.figures.stepper import stepper_figure
from effv2viz.probing.guards import eager
from effv2viz.widgets.experiment import Experiment, as_array
from effv2viz.widgets.front_end import FrontEnd, StepperFrontEnd
from effv2viz.widgets.turns import Menu
from effv2viz.widgets.view import View

STEPS = ("feature map", "squeeze", "hidden", "gate", "scaled map")


@dataclass(frozen=True)
class Excitation:
    """The numbers of one site for one picture: what the formulas of SE are filled with.

    Attributes:
        squeeze: z (C,).
        before: (R,), hidden before its activation: W1 z + b1.
        hidden: h (R,).
        logit: (C,), W2 h + b2.
        gate: s (C,).
        weights: W2 (C, R).
        bias: b2 (C,), zero where the layer has none.
        features: x (C, H, W).
        scaled: (C, H, W).
        activation: the name of the hidden activation.
    """

    squeeze: np.ndarray
    before: np.ndarray
    hidden: np.ndarray
    logit: np.ndarray
    gate: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    features: np.ndarray
    scaled: np.ndarray
    activation: str

    def contributions(self, channel: int) -> np.ndarray:
        """What each hidden unit adds to the logit of a channel: (R,)."""
        return self.weights[channel] * self.hidden

    def packed(self) -> dict[str, Any]:
        """As the traits ``shape``, ``data`` and ``pixels`` of the front end."""
        low, high = self.features.min((1, 2)), self.features.max((1, 2))
        parts = (self.squeeze, self.before, self.hidden, self.logit, self.gate, self.weights, self.bias, low, high)
        span = np.where(high > low, high - low, 1)[:, None, None]
        channels, height, width = self.features.shape
        shape = {"channels": channels, "hidden": len(self.hidden), "activation": self.activation}
        return {
            "shape": {**shape, "height": height, "width": width},
            "data": np.concatenate([np.asarray(part, "<f4").ravel() for part in parts]).tobytes(),
            "pixels": (255 * (self.features - low[:, None, None]) / span).round().astype(np.uint8).tobytes(),
        }


class SEStepper(View):
    """One SE site in five linked panels: feature map, squeeze, hidden, gate, scaled map.

    ``se_stepper`` makes it, and says what its arguments are.

    Attributes:
        image: number of the picture, from 0.
        site: its name.
        channel: the channel that is followed: its map, its mean, what each hidden unit adds to its logit, its gate.
        step: the last panel that is shown, 0 (feature map) to 4 (scaled map).
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("image", "site", "channel", "step")

    image = traitlets.Int()
    site = traitlets.Unicode()
    channel = traitlets.Int()
    step = traitlets.Int()

    def __init__(
        self, model: nn.Module | None = None, images: Any = None, *, labels: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self._experiment = Experiment(model, images, labels, maps=True)
        every = self._experiment.sites.values()
        self._sites = [site for site in every if site.squeeze_channels and site.anatomy.expand and site.anatomy.hidden]
        if not self._sites:
            kinds = ", ".join(sorted({site.kind for site in every}))
            raise ValueError(
                f"the sites of this network are of kind {kinds}: the stepper shows one squeeze, one hidden layer and "
                "one gate for each channel, as SE has them"
            )
        self._excitation = lru_cache(maxsize=4)(self._excitation_once)
        self._sent: tuple[int, str] | None = None
        self._build()
        self._begin(site=self._sites[0].name)

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        return self._experiment.check_image(proposal.value)

    @traitlets.validate("site")
    def _check_site(self, proposal: Any) -> str:
        name = self._experiment.check_site(proposal.value)
        if name not in [site.name for site in self._sites]:
            raise ValueError(f"{name} has no bottleneck: the stepper shows SE with squeeze, hidden and gate")
        return name

    @traitlets.validate("channel")
    def _check_channel(self, proposal: Any) -> int:
        return self._experiment.check_channel(self.site, proposal.value)

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        if not 0 <= proposal.value < len(STEPS):
            raise ValueError(f"there is no step {proposal.value}: they go from 0 ({STEPS[0]}) to 4 ({STEPS[-1]})")
        return proposal.value

    def forward(self) -> None:
        """Shows one panel more, if there is one."""
        self.step = min(self.step + 1, len(STEPS) - 1)

    def back(self) -> None:
        """Shows one panel less."""
        self.step = max(self.step - 1, 0)

    def numbers(self) -> Excitation:
        """The numbers of the site for the picture."""
        return self._excitation(self.image, self.site)

    def table(self) -> list[dict[str, Any]]:
        """A row for each hidden unit, the largest contribution first: before, hidden, weight and what it adds."""
        numbers = self.numbers()
        added = numbers.contributions(self.channel)
        return [
            {
                "hidden unit": int(j),
                "before activation": float(numbers.before[j]),
                "hidden": float(numbers.hidden[j]),
                "weight": float(numbers.weights[self.channel, j]),
                "adds to logit": float(added[j]),
            }
            for j in np.argsort(-np.abs(added), kind="stable")
        ]

    def figure(self) -> Figure:
        """All five panels, as a matplotlib figure; those after ``step`` are empty."""
        numbers = self.numbers()
        return stepper_figure(
            site=self.site,
            channel=self.channel,
            step=self.step,
            before=numbers.features[self.channel],
            squeeze=numbers.squeeze,
            contributions=numbers.contributions(self.channel),
            gate=numbers.gate,
            after=numbers.scaled[self.channel],
        )

    def heading(self) -> str:
        """The title of the view on a page."""
        return f"SE at {self.site}, step by step, for picture {self.image}"

    def front_ends(self) -> list[FrontEnd]:
        """The front ends that a saved page shows."""
        return [self._front]

    def __repr__(self) -> str:
        return (
            f"SEStepper(image {self.image} of {self._experiment.count}, site {self.site!r}, channel {self.channel}, "
            f"step {self.step}: {STEPS[self.step]})"
        )

    # How it is made.

    def _build(self) -> None:
        narrow = {"style": {"description_width": "4em"}}
        labels = self._experiment.site_labels()
        self._picture = Menu(options=self._experiment.picture_labels(), value=0, description="picture", **narrow)
        self._site = Menu(
            options=[(labels[site.name], site.name) for site in self._sites], description="site", **narrow
        )
        self._front = StepperFrontEnd(title="SE step by step")
        controls = ipywidgets.HBox([self._picture, self._site], layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([controls, self._front])
        self.widget.add_class("effv2viz-se-stepper")
        self._mirror(self._picture, {"value": "image"})
        self._mirror(self._site, {"value": "site"})
        self._mirror(self._front, {"channel": "channel", "step": "step"})

    def _follow(self, changed: set[str]) -> None:
        if "site" in changed and "channel" not in changed:
            self.channel = 0

    def _show(self) -> None:
        numbers = self.numbers()
        self._message = (
            f"Channel {self.channel} of {self.site}: squeeze {numbers.squeeze[self.channel]:.3f}, logit "
            f"{numbers.logit[self.channel]:.3f}, gate {numbers.gate[self.channel]:.3f}."
        )
        self._put_back()
        if self._sent != (self.image, self.site):
            self._front.tell(**numbers.packed())
        self._sent = (self.image, self.site)

    def _put_back(self) -> None:
        self._picture.value, self._site.value = self.image, self.site
        self._front.tell(site=self.site, channel=self.channel, step=self.step)

    def _excitation_once(self, image: int, site: str) -> Excitation:
        place = self._experiment.sites[site]
        run = self._experiment.maps(image, site)
        module = eager(self._experiment.model).get_submodule(place.path)
        assert place.anatomy.reduce is not None
        assert place.anatomy.expand is not None
        reduce: Any = module.get_submodule(place.anatomy.reduce)
        expand: Any = module.get_submodule(place.anatomy.expand)
        assert run.squeeze is not None
        assert run.hidden is not None
        assert run.features is not None
        assert run.scaled is not None
        squeeze, gate = as_array(run.squeeze[0]), as_array(run.gate[0])
        first, weights = as_array(reduce.weight.flatten(1)), as_array(expand.weight.flatten(1))
        return Excitation(
            squeeze=squeeze,
            before=first @ squeeze + (as_array(reduce.bias) if reduce.bias is not None else 0),
            hidden=as_array(run.hidden[0]),
            logit=as_array(run.logit[0]),
            gate=gate,
            weights=weights,
            bias=as_array(expand.bias) if expand.bias is not None else np.zeros(len(gate), np.float32),
            features=as_array(run.features[0]),
            scaled=as_array(run.scaled[0]),
            activation=_activation(module),
        )


def se_stepper(model: nn.Module | None = None, images: Any = None, *, labels: Sequence[str] | None = None) -> SEStepper:
    """One SE site in five linked panels, step by step, with the picture's own numbers in the formulas.

    Args:
        model: any network with SE of squeeze, hidden and gate; the bundled one where left out.
        images: the network's input (N, 3, H, W) float, or anything that ``load_images`` takes; one picture of each
            class of the bundled sample where left out.
        labels: what each picture shows.

    Raises:
        ValueError: for a network without such a site, labels that do not match, or pictures that cannot be used.
    """
    return SEStepper(model, images, labels=labels)


def _activation(module: nn.Module) -> str:
    """The name of the first activation inside an SE module that is not its gate's."""
    known = ("SiLU", "ReLU", "Hardswish", "GELU", "SwishMe", "Swish")
    return next((type(part).__name__ for part in module.modules() if type(part).__name__ in known), "activation")
