"""The attribution explorer: which gates or pixels speak for a class, with what it costs and how far to believe it."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure
from torch import nn

from effv2viz.attribution import (
    AttributionCancelledError,
    GateAttribution,
    PixelAttribution,
    find_method,
    list_methods,
)
from effv2viz.figures.attribution import attribution_figure
from effv2viz.figures.gate_attribution import gate_attribution_figure
from effv2viz.probing import GateStatistics
from effv2viz.probing.replay import EFFECTS
from effv2viz.suggestions import unknown_name
from effv2viz.widgets.attribution_controls import AttributionControls
from effv2viz.widgets.attribution_numbers import (
    ATTRIBUTION,
    EXACT,
    gate_columns,
    gate_rows,
    pixel_picture,
    strongest_pixels,
)
from effv2viz.widgets.attribution_question import OF_A_GATE, Answer, Question, baselines, checks
from effv2viz.widgets.experiment import Experiment, as_array
from effv2viz.widgets.packing import GATE, REFERENCE, Column, Picture, pack_pictures
from effv2viz.widgets.site_view import Row, SiteView
from effv2viz.widgets.worker import Worker

EXPLAINS = ("gates", "pixels")
FIRST = {"gates": "first_order", "pixels": "integrated_gradients"}


class AttributionExplorer(SiteView):
    """Choose what is explained, by which method and against which baseline; ``run`` it; read map, numbers and checks.

    ``attribution_explorer`` makes it, and says what its arguments are. Nothing runs before ``run`` is asked for.

    Attributes:
        image: the number of the picture.
        target: the class whose logit is explained; a new picture begins with the predicted one.
        explains: ``"gates"`` or ``"pixels"``.
        method: a name of ``list_methods(explains)``.
        baseline: for gates ``"mean"``, ``"class mean"``, ``"one"``, ``"zero"``; for pixels ``"black"``, ``"mean"``,
            ``"blur"``, ``"random"``; for both ``"next picture"``.
        effect: ``"total"`` or ``"direct"``, of gates.
        site, order, channel, mode, selection: as in the explorer; after a run there are the orders ``"attribution"``
            and ``"exact ablation"``.
    """

    CHOICES: ClassVar[tuple[str, ...]] = (
        "image",
        "target",
        "explains",
        "method",
        "baseline",
        "effect",
        *SiteView.CHOICES,
    )

    image = traitlets.Int()
    target = traitlets.Int()
    explains = traitlets.Unicode("gates")
    method = traitlets.Unicode(FIRST["gates"])
    baseline = traitlets.Unicode()
    effect = traitlets.Unicode("total")

    def __init__(
        self,
        model: nn.Module | None = None,
        images: Any = None,
        *,
        labels: Sequence[str] | None = None,
        statistics: GateStatistics | None = None,
        exact_top: int = 20,
    ) -> None:
        super().__init__("attribution")
        if exact_top < 2:
            raise ValueError(f"exact_top={exact_top}: use at least 2, to have an order to compare with")
        self._experiment = Experiment(model, images, labels, statistics)
        self._exact_top = exact_top
        self._answers: dict[Question, tuple[Answer, list[dict[str, str]]]] = {}
        self._costs: dict[tuple[str, str], str] = {}
        self._worker: Worker | None = None
        self._running = False
        self._outcome = ""
        self._build()
        self._begin_at(next(iter(self._experiment.sites)), target=self._predicted(0), baseline=self._baselines()[0])

    # What can be done.

    def run(self) -> AttributionExplorer:
        """Begins to compute what is chosen, beside the notebook; ``wait`` for it, or ``cancel`` it.

        Raises:
            RuntimeError: if a run is under way.
        """
        with self._settled():
            if self._running:
                raise RuntimeError("a run is under way: wait() for it, or cancel() it")
            question = self.question()
            if question not in self._answers:
                self._show_running(True)
                self._controls.say(self._before())
                self._worker = Worker(lambda cancel: self._answer(question, cancel), self._finished)
        return self

    def wait(self, timeout: float | None = None) -> AttributionExplorer:
        """Waits for the end of a run. Ctrl-C cancels it.

        Raises:
            TimeoutError: if it takes longer than so many seconds; it goes on.
        """
        if self._worker is not None:
            self._worker.wait(timeout)
        return self

    def cancel(self) -> None:
        """Stops a run before its next forward."""
        if self._worker is not None:
            self._worker.cancel()

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._running

    # What can be read.

    def question(self) -> Question:
        """What is chosen."""
        gate = (self.site, self.channel) if self.explains == "pixels" and self.method == OF_A_GATE else None
        effect = self.effect if self.explains == "gates" else ""
        return Question(self.image, self.target, self.explains, self.method, self.baseline, effect, gate)

    @property
    def result(self) -> Answer | None:
        """The attribution that is chosen; None before it is run."""
        found = self._answers.get(self.question())
        return None if found is None else found[0]

    def checks(self) -> list[dict[str, str]]:
        """How far the result can be believed, as rows of check, value and meaning; empty before it is run."""
        found = self._answers.get(self.question())
        return [] if found is None else found[1]

    def strongest(self, count: int = 8) -> list[dict[str, Any]]:
        """The gates of all sites with the largest contributions: value, exact ablation and attribution side by side."""
        result = self.result
        return result.top(count) if isinstance(result, GateAttribution) and len(result) else []

    def cost(self) -> str:
        """What a run of what is chosen costs."""
        key = (self.explains, self.method)
        if key not in self._costs:
            self._costs[key] = self.question().cost(self._experiment)
        return self._costs[key]

    def table(self) -> list[dict[str, Any]]:
        """Of gates, a row for each channel of the site in the order shown; of pixels, the hundred strongest."""
        result = self.result
        if isinstance(result, PixelAttribution):
            return strongest_pixels(result)
        row = self._row()
        return [{"channel": int(c), **{key: float(row[key][c]) for key in row}} for c in self._ranking()]

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        result, experiment = self.result, self._experiment
        if isinstance(result, PixelAttribution):
            pixels = experiment.pixels(self.image)[None]
            return attribution_figure(pixels, {self._title(): as_array(result.per_pixel())}, captions=[self._what()])
        row = self._row()
        nothing = np.full_like(row[GATE], np.nan)
        return gate_attribution_figure(
            site=self.site,
            gates=row[GATE],
            baseline=row.get(REFERENCE, nothing),
            attribution=row.get(ATTRIBUTION, np.zeros_like(row[GATE])),
            exact=row.get(EXACT, nothing),
            order=self._ranking(),
            channel=self.channel,
            title=f"{self._title()}: {self._what()}" if result is not None else "not run yet",
        )

    def heading(self) -> str:
        """The title of the view on a page."""
        return f"{self._title()} of {self._what()}"

    def __repr__(self) -> str:
        what = f"{self.explains} by {self.method}, target {self._experiment.class_name(self.target)!r}"
        return f"AttributionExplorer(image {self.image}, {what}{'' if self.result is not None else ', not run'})"

    # How it is made.

    def _build(self) -> None:
        experiment = self._experiment

        classes = int(experiment.gates(0).logits.shape[1])
        options: dict[str, tuple[str, Sequence[Any]]] = {
            "image": ("picture", experiment.picture_labels()),
            "target": ("class", [(experiment.class_name(k), k) for k in range(classes)]),
            "explains": ("explain", EXPLAINS),
            "method": ("method", self._methods()),
            "baseline": ("baseline", self._baselines()),
            "effect": ("effect", EFFECTS[::-1]),
        }
        self._controls = AttributionControls(options, lambda: self._guarded(self._pressed), self.cancel)
        for name, menu in self._controls.menus.items():
            self._mirror(menu, {"value": name})
        self.widget = ipywidgets.VBox([*self._controls.rows, self._front])
        self.widget.add_class("effv2viz-attribution-explorer")

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        return self._experiment.check_image(proposal.value)

    @traitlets.validate("target")
    def _check_target(self, proposal: Any) -> int:
        count = len(self._controls.menus["target"].options)
        if not 0 <= proposal.value < count:
            raise ValueError(f"there is no class {proposal.value}: they go from 0 to {count - 1}")
        return proposal.value

    @traitlets.validate("explains")
    def _check_explains(self, proposal: Any) -> str:
        if proposal.value not in EXPLAINS:
            raise unknown_name("explains", proposal.value, EXPLAINS)
        return proposal.value

    @traitlets.validate("method")
    def _check_method(self, proposal: Any) -> str:
        return find_method(proposal.value, self.explains).name  # type: ignore[arg-type]

    @traitlets.validate("baseline")
    def _check_baseline(self, proposal: Any) -> str:
        if proposal.value not in self._baselines():
            raise unknown_name("baseline", proposal.value, self._baselines())
        return proposal.value

    @traitlets.validate("effect")
    def _check_effect(self, proposal: Any) -> str:
        if proposal.value not in EFFECTS:
            raise unknown_name("effect", proposal.value, EFFECTS)
        return proposal.value

    def _follow(self, changed: set[str]) -> None:
        super()._follow(changed)
        if "image" in changed and "target" not in changed:
            self.target = self._predicted(self.image)
        if "explains" in changed:
            if "method" not in changed:
                self.method = FIRST[self.explains]
            if "baseline" not in changed:
                self.baseline = self._baselines()[0]
        if self.order not in self._orders():
            self.order = "value"

    def _show(self) -> None:
        result, experiment = self.result, self._experiment
        pictures = [Picture("what the network sees", experiment.labels[self.image], experiment.pixels(self.image))]
        if isinstance(result, PixelAttribution):
            pictures.append(pixel_picture(result, self._title(), pictures[0].pixels))
        self._message = self._sentence()
        self._controls.say(self._outcome or self._before())
        self._controls.show_tables(self.checks(), self.strongest())
        second = [key for key in (ATTRIBUTION, EXACT) if key in self._row()]
        self._tell(**pack_pictures(pictures), warning=experiment.warning(self.image), second=second)

    def _put_back(self) -> None:
        menus = self._controls.menus
        menus["method"].options, menus["baseline"].options = self._methods(), self._baselines()
        for name, menu in menus.items():
            menu.value = getattr(self, name)
        self._show_running(self._running)
        super()._put_back()

    def _pressed(self) -> None:
        if not self._running:
            self.run()

    def _show_running(self, running: bool) -> None:
        self._running = running
        self._controls.show_running(running, without=("effect",) if self.explains == "pixels" else ())

    def _answer(self, question: Question, cancel: threading.Event) -> None:
        self._controls.begin()
        answer = question.ask(self._experiment, self._exact_top, cancel, self._controls.progress)
        self._answers[question] = (answer, checks(self._experiment, question, answer, cancel))

    def _finished(self, error: Exception | None) -> None:
        """Shows the answer, on the worker's thread. What went wrong is said, and what was there stays."""

        def show() -> None:
            if error is not None and not isinstance(error, AttributionCancelledError):
                raise error
            if ATTRIBUTION in self._orders():
                self.order = ATTRIBUTION
                self.channel = int(self._ranking()[0])
            self._update(set())

        with self._settled():
            self._show_running(False)
            self._outcome = "" if error is None else f"{error}: nothing has changed"
            self._guarded(show)
            self._outcome = ""

    def _predicted(self, image: int) -> int:
        return int(self._experiment.gates(image).logits[0].argmax())

    def _methods(self) -> list[tuple[str, str]]:
        return [(method.title, method.name) for method in list_methods(self.explains)]  # type: ignore[arg-type]

    def _baselines(self) -> list[str]:
        return baselines(self._experiment, self.explains)

    def _title(self) -> str:
        return find_method(self.method, self.explains).title  # type: ignore[arg-type]

    def _what(self) -> str:
        return self.question().what(self._experiment)

    def _before(self) -> str:
        return "" if self.result is not None else f"cost: {self.cost()}"

    def _sentence(self) -> str:
        row, result = self._row(), self.result
        where = f"Channel {self.channel} of {self.site}: gate {row[GATE][self.channel]:.3f}"
        if isinstance(result, GateAttribution) and ATTRIBUTION in row:
            exact = row[EXACT][self.channel] if EXACT in row else np.nan
            known = f"{exact:+.3f}" if np.isfinite(exact) else "not computed"
            value = row[ATTRIBUTION][self.channel]
            return f"{where}, attribution {value:+.3f}, exact ablation {known} of {self._what()}."
        return f"{where}." if result is not None else f"{where}. Not run yet."

    # The gates.

    def _numbers(self) -> Mapping[str, Row]:
        rows, result = self._experiment.rows(self.image), self.result
        return gate_rows(rows, result) if isinstance(result, GateAttribution) else rows

    def _columns(self) -> list[Column]:
        columns = self._experiment.columns(self.image)
        if isinstance(self.result, GateAttribution):
            return gate_columns(columns, self._rows(), self.baseline)
        return columns

    def _menu(self) -> Mapping[str, str]:
        return self._experiment.site_labels()

    def _content(self) -> Hashable:
        return (self.image, self.question() if isinstance(self.result, GateAttribution) else None)


def attribution_explorer(
    model: nn.Module | None = None,
    images: Any = None,
    *,
    labels: Sequence[str] | None = None,
    statistics: GateStatistics | None = None,
    exact_top: int = 20,
) -> AttributionExplorer:
    """Which gates or pixels speak for a class: methods, baselines and effects to choose, and checks beside the answer.

    Args:
        model: any network that ``find_se`` finds sites in; the bundled one where left out.
        images: as for ``explore``.
        labels: what each picture shows.
        statistics: whose means are the baseline of gates; those that ship with named weights where left out. Without
            any, gates are measured against one.
        exact_top: how many of the strongest gates are ablated exactly, too.

    Raises:
        ValueError: as for ``explore``, or for fewer than two exact ablations.
    """
    return AttributionExplorer(model, images, labels=labels, statistics=statistics, exact_top=exact_top)
