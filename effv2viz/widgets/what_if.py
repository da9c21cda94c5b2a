"""What if: change gates by hand and see what the network answers."""

from __future__ import annotations

import html
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor, nn

from effv2viz.figures.site_views import what_if_figure
from effv2viz.probing import GateStatistics, Replay, intervene
from effv2viz.widgets.experiment import Experiment, as_array
from effv2viz.widgets.ordering import ranking
from effv2viz.widgets.packing import GATE, REFERENCE, Column, pack_edits
from effv2viz.widgets.site_view import Row, SiteView
from effv2viz.widgets.steps import Step, read_steps, steps_code, write_steps
from effv2viz.widgets.turns import Menu

SCOPES = {"channel": "the chosen channel", "selection": "the selection", "site": "every channel of the site"}


class WhatIf(SiteView):
    """Gates changed by hand, and the answer of the network to them.

    ``what_if`` makes it, and says what its arguments are. A change of one site leaves the gates of later sites to
    respond, as ``ev.intervene`` does; ``code()`` is the same experiment by that function.

    Attributes:
        image: number of the picture, from 0.
        steps: what was done to the gates, as one line of text such as ``"zero:stage4.0:all;set:stage5.1:3+5:0.25"``.
        site, order, channel, mode, selection: as in the explorer. Gates are compared with the picture's own ones.
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("image", *SiteView.CHOICES, "steps")

    image = traitlets.Int()
    steps = traitlets.Unicode()

    def __init__(
        self,
        model: nn.Module | None = None,
        images: Any = None,
        *,
        labels: Sequence[str] | None = None,
        statistics: GateStatistics | None = None,
    ) -> None:
        super().__init__("what if", editable=True)
        self._experiment = Experiment(model, images, labels, statistics)
        self._replay = lru_cache(maxsize=4)(self._replay_once)
        self._changed_run = lru_cache(maxsize=16)(self._run)
        self._build()
        self._begin_at(list(self._experiment.sites)[-1])

    # What Python can do.

    def set(self, value: float, channels: Iterable[int] | None = None) -> None:
        """Sets gates of the site. Left out, ``channels`` are all of the site; likewise in the methods below."""
        self._do("set", channels, value)

    def zero(self, channels: Iterable[int] | None = None) -> None:
        """Shuts channels."""
        self._do("zero", channels)

    def one(self, channels: Iterable[int] | None = None) -> None:
        """Lets channels pass as they are."""
        self._do("one", channels)

    def mean(self, channels: Iterable[int] | None = None) -> None:
        """Sets gates to their means over a data set.

        Raises:
            ValueError: if neither the view nor the network's weights have statistics.
        """
        self._do("mean", channels)

    def scale(self, factor: float, channels: Iterable[int] | None = None) -> None:
        """Multiplies gates."""
        self._do("scale", channels, factor)

    def swap(self, image: int, channels: Iterable[int] | None = None) -> None:
        """Takes the gates of another picture."""
        self._do("swap", channels, image)

    def shuffle(self, seed: int = 0, channels: Iterable[int] | None = None) -> None:
        """Lets gates change places."""
        self._do("shuffle", channels, seed)

    def undo(self) -> None:
        """Takes the last change back, if there is one."""
        self._take({"steps": write_steps(read_steps(self.steps)[:-1])})

    def reset(self) -> None:
        """Takes all changes back."""
        self._take({"steps": ""})

    def code(self) -> str:
        """The experiment as Python to copy: ``model`` and ``images`` (N, 3, H, W) are those of the view."""
        return steps_code(read_steps(self.steps), list(self._experiment.sites), self.image)

    @property
    def model(self) -> nn.Module:
        """The network."""
        return self._experiment.model

    @property
    def images(self) -> Tensor:
        """The pictures as the network takes them: (N, 3, H, W)."""
        return self._experiment.images

    @property
    def logits(self) -> Tensor:
        """The network's answer with the changed gates: (K,) on the CPU."""
        return self._changed_run(self.image, self.steps)[0]

    @property
    def own_logits(self) -> Tensor:
        """Its answer with its own gates: (K,) on the CPU."""
        return self._changed_run(self.image, "")[0]

    def table(self) -> list[dict[str, Any]]:
        """A row for each channel of the site, in the order shown: channel, own gate, gate now."""
        now = self._gates_now()[self.site]
        own = self._row()[REFERENCE]
        return [
            {"channel": int(channel), "own gate": float(own[channel]), "gate": float(now[channel])}
            for channel in self._ranking()
        ]

    def prediction(self, top: int = 5) -> list[dict[str, Any]]:
        """The likeliest classes with or without the change: class, logit, probability, and both before it."""
        return self._answer(self.logits, top)

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        return what_if_figure(
            site=self.site,
            own=self._row()[REFERENCE],
            now=self._gates_now()[self.site],
            order=self._ranking(),
            sorted_by=self._orders()[self.order],
            channel=self.channel,
            classes=[row["class"] for row in self.prediction()],
            before=np.array([row["probability before"] for row in self.prediction()]),
            after=np.array([row["probability"] for row in self.prediction()]),
        )

    def heading(self) -> str:
        """The title of the view on a page."""
        return f"What if gates of picture {self.image} were others: {self.steps or 'nothing is changed'}"

    def __repr__(self) -> str:
        count = len(read_steps(self.steps))
        changes = "nothing changed" if count == 0 else f"{count} change{'s' if count > 1 else ''}"
        return f"WhatIf(image {self.image} of {self._experiment.count}, site {self.site!r}, {changes})"

    # How it is made.

    def _build(self) -> None:
        experiment = self._experiment
        narrow = {"style": {"description_width": "initial"}, "layout": {"width": "max-content"}}
        self._picture = Menu(options=experiment.picture_labels(), value=0, description="picture", **narrow)
        self._scope = Menu(options=[(text, key) for key, text in SCOPES.items()], description="change", **narrow)
        self._factor = ipywidgets.BoundedFloatText(
            value=0.5,
            min=-10,
            max=10,
            step=0.1,
            description="factor",
            style={"description_width": "initial"},
            layout={"width": "8em"},
        )
        self._other = Menu(
            options=experiment.picture_labels(), value=min(1, experiment.count - 1), description="other", **narrow
        )
        presses = {
            "zero": lambda: None,
            "one": lambda: None,
            "mean": lambda: None,
            "scale": lambda: self._factor.value,
            "swap": lambda: self._other.value,
            "shuffle": lambda: 0,
        }
        self._buttons = {kind: ipywidgets.Button(description=kind, layout={"width": "5em"}) for kind in presses}
        for kind, number in presses.items():
            self._buttons[kind].on_click(
                lambda _, kind=kind, number=number: self._guarded(lambda: self._do(kind, self._in_scope(), number()))
            )
        for name, act in (("undo", self.undo), ("reset", self.reset)):
            self._buttons[name] = ipywidgets.Button(description=name, layout={"width": "5em"})
            self._buttons[name].on_click(lambda _, act=act: self._guarded(act))
        self._buttons["mean"].disabled = experiment.statistics is None
        self._code = ipywidgets.HTML()
        wrap = {"flex_flow": "row wrap"}
        plain = [self._buttons[name] for name in ("zero", "one", "mean", "shuffle")]
        self.widget = ipywidgets.VBox(
            [
                ipywidgets.HBox([self._picture, self._scope, *plain], layout=wrap),
                ipywidgets.HBox(
                    [
                        self._factor,
                        self._buttons["scale"],
                        self._other,
                        self._buttons["swap"],
                        self._buttons["undo"],
                        self._buttons["reset"],
                    ],
                    layout=wrap,
                ),
                self._front,
                self._code,
            ]
        )
        self.widget.add_class("effv2viz-what-if")
        self._mirror(self._picture, {"value": "image"})
        self._front.observe(self._requested, names=["request"])

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        return self._experiment.check_image(proposal.value)

    @traitlets.validate("steps")
    def _check_steps(self, proposal: Any) -> str:
        steps = read_steps(proposal.value)
        for step in steps:
            self._experiment.check_site(step.site)
            for channel in step.channels or ():
                self._experiment.check_channel(step.site, channel)
            if step.kind == "swap":
                self._experiment.check_image(int(step.number or 0))
        return write_steps(steps)

    def _do(self, kind: str, channels: Iterable[int] | None, number: float | None = None) -> None:
        chosen = None if channels is None else tuple(int(channel) for channel in channels)
        if chosen == ():
            raise ValueError(f"{kind} of no channel: leave channels out for all of the site, or name some")
        self._take({"steps": self._with(Step(kind, self.site, chosen, number))})

    def _with(self, step: Step) -> str:
        return f"{self.steps};{step}" if self.steps else str(step)

    def _in_scope(self) -> Iterable[int] | None:
        if self._scope.value == "site":
            return None
        if self._scope.value == "channel":
            return [self.channel]
        if not self.selection:
            raise ValueError("no channel is selected: drag over some with Shift held, or use Shift and the arrow keys")
        return list(self.selection)

    def _requested(self, change: Any) -> None:
        """Answers a gate that is dragged. Every request gets an answer, so that the page sends the next one."""
        request = change.new
        answer = self._front.prediction

        def respond() -> None:
            nonlocal answer
            step = Step("set", request["row"], tuple(request["channels"]), round(float(request["value"]), 4))
            if request["done"]:
                self._take({"steps": self._with(step)})
                answer = self._front.prediction
            else:
                steps = self._with(step)
                self._experiment.check_channel(step.site, max(step.channels or (0,)))
                answer = self._shown_prediction(self._changed_run(self.image, steps)[0])

        self._guarded(respond)
        self._front.prediction = {**answer, "id": str(request.get("id", ""))}

    def _show(self) -> None:
        logits, gates = self._changed_run(self.image, self.steps)
        shown = self._shown_prediction(logits)
        own = self._experiment.rows(self.image)
        changed = {site: gate for site, gate in gates.items() if not np.array_equal(gate, own[site][GATE])}
        top = self._answer(logits, 1)[0]
        self._message = (
            f"{'With' if self.steps else 'Without'} the change {top['class']} is predicted with "
            f"{100 * top['probability']:.1f} %, logit {top['logit']:.2f}."
        )
        self._tell(**pack_edits(changed), prediction=shown, warning=self._experiment.warning(self.image))
        self._code.value = (
            f"<details><summary>the same in Python</summary><pre>{html.escape(self.code())}</pre></details>"
        )
        self._buttons["undo"].disabled = self._buttons["reset"].disabled = not self.steps

    def _put_back(self) -> None:
        self._picture.value = self.image
        super()._put_back()

    def _shown_prediction(self, logits: Tensor) -> dict[str, Any]:
        rows = [
            {
                "label": row["class"],
                "value": row["probability"],
                "before": row["probability before"],
                "logit": row["logit"],
            }
            for row in self._answer(logits, 5)
        ]
        return {"id": "", "caption": "prediction, the line is before the change", "rows": rows}

    def _answer(self, logits: Tensor, top: int) -> list[dict[str, Any]]:
        own = self.own_logits
        before, after = own.double().softmax(0), logits.double().softmax(0)
        likeliest = torch.maximum(before, after).topk(min(top, len(logits))).indices
        ranked = sorted(likeliest.tolist(), key=lambda k: -float(after[k]))
        return [
            {
                "class": self._experiment.class_name(k),
                "logit": float(logits[k]),
                "probability": float(after[k]),
                "logit before": float(own[k]),
                "probability before": float(before[k]),
            }
            for k in ranked
        ]

    def _numbers(self) -> Mapping[str, Row]:
        return {
            site: {GATE: row[GATE], REFERENCE: row[GATE], **({"mean": row[REFERENCE]} if REFERENCE in row else {})}
            for site, row in self._experiment.rows(self.image).items()
        }

    def _columns(self) -> list[Column]:
        columns = [Column(GATE, "gate"), Column(REFERENCE, "own gate")]
        if self._experiment.statistics is not None:
            columns.append(Column("mean", "mean over the training set"))
        return columns

    def _menu(self) -> Mapping[str, str]:
        return self._experiment.site_labels()

    def _content(self) -> Hashable:
        return self.image

    def _ranking(self) -> np.ndarray:
        return ranking(self.order, {**self._row(), GATE: self._gates_now()[self.site]})

    def _gates_now(self) -> dict[str, np.ndarray]:
        return self._changed_run(self.image, self.steps)[1]

    def _trace(self, image: int) -> Any:
        return self._experiment.gates(image)

    def _replay_once(self, image: int) -> Replay:
        return Replay(self._experiment.model, self._experiment.images[image : image + 1])

    def _run(self, image: int, steps: str) -> tuple[Tensor, dict[str, np.ndarray]]:
        """The logits (K,) and the gates of every site (C,) after some steps.

        The first changed site is set and what follows it runs again; changes of later sites act on what their gates
        have then become.
        """
        replay = self._replay(image)
        plan: dict[str, list[Any]] = {}
        for step in read_steps(steps):
            plan.setdefault(step.site, []).append(step.intervention(self._trace, self._experiment.statistics))
        gates = {site: as_array(gate[0]) for site, gate in replay.gates.items()}
        ordered = [name for name in self._experiment.sites if name in plan]
        if not ordered:
            return replay.logits[0].cpu(), gates
        first, *later = ordered
        site = replay.sites[first]
        gate = replay.gates[first]
        for rule in plan[first]:
            gate = rule.check(replay.model, site).apply(gate, site)
        names = list(self._experiment.sites)
        with intervene(replay.model, {name: plan[name] for name in later}), ExitStack() as hooks:
            for name in names[names.index(first) + 1 :]:
                module = replay.model.get_submodule(replay.sites[name].gate_path)
                hooks.callback(module.register_forward_hook(_keeper(gates, name)).remove)
            logits = replay.run({first: gate})
        return logits[0].cpu(), {**gates, first: as_array(gate[0])}


def _keeper(gates: dict[str, np.ndarray], name: str) -> Any:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        gates[name] = as_array(output.flatten(1)[0])

    return hook


def what_if(
    model: nn.Module | None = None,
    images: Any = None,
    *,
    labels: Sequence[str] | None = None,
    statistics: GateStatistics | None = None,
) -> WhatIf:
    """Change gates of a picture by hand, and see what the network answers.

    In the view a gate is dragged, or moved by the up and down arrow keys; the probabilities follow. Buttons set gates
    to zero, one or their mean, scale or shuffle them, or take those of another picture.

    Args:
        model: any network that ``find_se`` finds sites in; the bundled one where left out.
        images: the network's input (N, 3, H, W) float, or anything that ``load_images`` takes; one picture of each
            class of the bundled sample where left out.
        labels: what each picture shows.
        statistics: for ``mean``; those that ship with named weights where left out.

    Raises:
        ValueError: for a network without SE or with gates that are maps, labels that do not match, or pictures that
            cannot be used.
    """
    return WhatIf(model, images, labels=labels, statistics=statistics)
