"""Training playback: how gates, accuracy and loss developed in a recorded run, along a slider of time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from effv2viz.figures.training import training_figure
from effv2viz.training.playback import Playback, load_playback
from effv2viz.widgets.experiment import as_array
from effv2viz.widgets.front_end import SliderFrontEnd
from effv2viz.widgets.packing import GATE, REFERENCE, Column, Picture, pack_pictures
from effv2viz.widgets.site_view import Row, SiteView
from effv2viz.widgets.training_curves import curves_svg
from effv2viz.widgets.turns import Menu


class TrainingPlayback(SiteView):
    """The gates of one picture at one step of a training run, compared with those at the first record.

    ``training_playback`` makes it, and says what its arguments are.

    Attributes:
        record: which record is shown, from 0.
        image: the number of the picture.
        site, order, channel, mode, selection: as in the explorer; the order ``"change so far"`` is one more.
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("record", "image", *SiteView.CHOICES)

    record = traitlets.Int()
    image = traitlets.Int()

    def __init__(
        self,
        run: str | Path | Playback = "cue",
        *,
        beside: str | Path | Playback | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        super().__init__("gates in training")
        self._name, self._run = _named(run)
        if not self._run.gates:
            raise ValueError(f"no gates were recorded in {self._name}: show it beside a run of a network with SE")
        self._gates = {site: gates.float() for site, gates in self._run.gates.items()}
        self._beside = None if beside is None else _named(beside)
        if self._beside is not None and self._beside[1].steps.tolist() != self._run.steps.tolist():
            raise ValueError(f"{self._name} and {self._beside[0]} were not recorded at the same steps")
        self._classes = classes
        self._build()
        self._begin_at(next(reversed(self._gates)), record=len(self._run.steps) - 1)

    @traitlets.validate("record")
    def _check_record(self, proposal: Any) -> int:
        return _within("record", proposal.value, len(self._run.steps))

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        return _within("picture", proposal.value, len(self._run.images))

    @property
    def step(self) -> int:
        """The step of training that is shown."""
        return int(self._run.steps[self.record])

    def table(self) -> list[dict[str, Any]]:
        """A row for each record: step, loss, accuracy, and the gate of the channel that is pinned."""
        gate = self._gates[self.site][:, self.image, self.channel]
        numbers = zip(self._run.steps, self._run.loss, self._run.accuracy, gate, strict=True)
        return [{"step": int(s), "loss": float(o), "accuracy": float(a), "gate": float(g)} for s, o, a, g in numbers]

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        row = self._row()
        return training_figure(
            steps=as_array(self._run.steps),
            curves={"accuracy": self._curves("accuracy"), "loss": self._curves("loss")},
            at=self.record,
            site=self.site,
            gates=row[GATE],
            first=row[REFERENCE],
            order=self._ranking(),
            channel=self.channel,
        )

    def heading(self) -> str:
        """The title of the view on a page."""
        return f"Training of {self._name}, step {self.step}"

    def __repr__(self) -> str:
        return f"TrainingPlayback({self._name}, step {self.step}, image {self.image}, site {self.site!r})"

    # How it is made.

    def _build(self) -> None:
        self._slider = SliderFrontEnd(title="time", max=len(self._run.steps) - 1)
        pictures = [(f"{i}: {self._class(k)}", i) for i, k in enumerate(self._run.labels.tolist())]
        self._picture = Menu(options=pictures, description="picture", style={"description_width": "4em"})
        self._drawn = {kind: ipywidgets.HTML() for kind in ("accuracy", "loss")}
        wrapped = {"flex_flow": "row wrap"}
        controls = ipywidgets.HBox([self._slider, self._picture], layout=wrapped)
        curves = ipywidgets.HBox(list(self._drawn.values()), layout=wrapped)
        self.widget = ipywidgets.VBox([controls, curves, self._front])
        self.widget.add_class("effv2viz-training-playback")
        self._mirror(self._slider, {"value": "record"})
        self._mirror(self._picture, {"value": "image"})

    def _show(self) -> None:
        run = self._run
        gate, first = self._row()[GATE][self.channel], self._row()[REFERENCE][self.channel]
        self._message = (
            f"Step {self.step}: accuracy {run.accuracy[self.record]:.3f}, loss {run.loss[self.record]:.3f}. Channel "
            f"{self.channel} of {self.site}: gate {gate:.3f}, at step {int(run.steps[0])} it was {first:.3f}."
        )
        self._slider.text = f"step {self.step}"
        for kind, drawn in self._drawn.items():
            drawn.value = curves_svg(as_array(run.steps), self._curves(kind), at=self.record, unit=kind)
        shown = as_array(run.images[self.image]).astype(np.float64) / 255
        if shown.ndim == 2:
            shown = np.repeat(shown[:, :, None], 3, axis=2)
        label = self._class(int(run.labels[self.image]))
        self._tell(**pack_pictures([Picture("the picture", label, shown)]))

    def _put_back(self) -> None:
        self._slider.value, self._picture.value = self.record, self.image
        super()._put_back()

    def _curves(self, kind: str) -> dict[str, np.ndarray]:
        runs = [(self._name, self._run), *([self._beside] if self._beside is not None else [])]
        return {name: as_array(getattr(run, kind)) for name, run in runs}

    def _class(self, k: int) -> str:
        return f"class {k}" if self._classes is None else self._classes[k]

    def _numbers(self) -> Mapping[str, Row]:
        def row(gates: Tensor) -> Row:
            now, first = as_array(gates[self.record, self.image]), as_array(gates[0, self.image])
            return {GATE: now, REFERENCE: first, "change so far": now - first}

        return {site: row(gates) for site, gates in self._gates.items()}

    def _columns(self) -> list[Column]:
        whole = [as_array(gates[:, self.image] - gates[:1, self.image]) for gates in self._gates.values()]
        return [
            Column(GATE, "gate at this step"),
            Column(REFERENCE, "gate at the first record"),
            Column.spanning("change so far", "change so far", whole),  # one scale for all steps
        ]

    def _menu(self) -> Mapping[str, str]:
        return {site: f"{site}  ({gates.shape[2]} gates)" for site, gates in self._gates.items()}

    def _content(self) -> Hashable:
        return (self.record, self.image)


def training_playback(
    run: str | Path | Playback = "cue",
    *,
    beside: str | Path | Playback | None = None,
    classes: Sequence[str] | None = None,
) -> TrainingPlayback:
    """How the gates of a network developed while it learnt, along a slider of time.

    Args:
        run: a recorded run: the name of a bundled one, ``"cue"``; the ``playback.safetensors`` that a training run
            wrote; or a ``Playback``.
        beside: another run, recorded at the same steps, whose curves are drawn dashed. It may be without SE, as the
            bundled ``"cue_none"`` is.
        classes: the names of the classes.

    Raises:
        ValueError: if there is no such run, it has no gates, or the two were not recorded at the same steps.
    """
    return TrainingPlayback(run, beside=beside, classes=classes)


def _named(run: str | Path | Playback) -> tuple[str, Playback]:
    if isinstance(run, Playback):
        return "this run", run
    if isinstance(run, Path) or run.endswith(".safetensors"):
        return Path(run).parent.name or Path(run).name, Playback.load(run)
    return run, load_playback(run)


def _within(what: str, number: int, count: int) -> int:
    if not 0 <= number < count:
        raise ValueError(f"there is no {what} {number}: they go from 0 to {count - 1}")
    return number
