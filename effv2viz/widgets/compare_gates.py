"""Compare gates: two pictures, two classes or two networks on one scale."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Union

import ipywidgets
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor, nn

from effv2viz.figures.site_views import compare_figure
from effv2viz.probing import GateStatistics, Trace, trace
from effv2viz.suggestions import unknown_name
from effv2viz.widgets.experiment import Experiment, as_array, per_channel
from effv2viz.widgets.packing import GATE, REFERENCE, Column
from effv2viz.widgets.site_view import Row, SiteView
from effv2viz.widgets.turns import Menu

Gates = Union[nn.Module, Trace, GateStatistics, Mapping[str, Tensor]]


class CompareGates(SiteView):
    """The gates of two things at every site, on one scale, with their differences.

    ``compare_gates`` makes it, and says what its arguments are.

    Attributes:
        first: the name of what is drawn as bars.
        second: the name of what it is compared with.
        site, order, channel, mode, selection: as in the explorer.
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("first", "second", *SiteView.CHOICES)

    first = traitlets.Unicode()
    second = traitlets.Unicode()

    def __init__(
        self,
        what: nn.Module | GateStatistics | Mapping[str, Gates] | None = None,
        images: Any = None,
        *,
        labels: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        super().__init__("two sets of gates compared", order="difference")
        self._gates = _named_gates(what, images, labels, classes)
        if len(self._gates) < 2:
            raise ValueError(f"there is only {next(iter(self._gates), 'nothing')} to compare: give at least two")
        _check_alike(self._gates)
        self._build()
        first, second, *_ = self._gates
        self._begin_at(list(self._gates[first])[-1], first=first, second=second)

    @traitlets.validate("first", "second")
    def _check_name(self, proposal: Any) -> str:
        if proposal.value not in self._gates:
            raise unknown_name("name", proposal.value, self._gates)
        return proposal.value

    def table(self) -> list[dict[str, Any]]:
        """A row for each channel of the site, in the order shown: channel, both gates, first minus second."""
        row = self._row()
        names = [self.first, self.second if self.second != self.first else f"{self.second} again"]
        return [
            {
                "channel": int(channel),
                names[0]: float(row[GATE][channel]),
                names[1]: float(row[REFERENCE][channel]),
                "difference": float(row[GATE][channel] - row[REFERENCE][channel]),
            }
            for channel in self._ranking()
        ]

    def by_site(self) -> dict[str, float]:
        """The mean distance of the two gates of a channel, for every site."""
        return {name: float(np.abs(row[GATE] - row[REFERENCE]).mean()) for name, row in self._rows().items()}

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        row = self._row()
        return compare_figure(
            site=self.site,
            gates=row[GATE],
            others=row[REFERENCE],
            names=(self.first, self.second),
            order=self._ranking(),
            sorted_by=self._orders()[self.order],
            channel=self.channel,
            distance=self.by_site(),
        )

    def heading(self) -> str:
        """The title of the view on a page."""
        return f"Gates of {self.first} and {self.second}"

    def __repr__(self) -> str:
        return f"CompareGates({self.first!r} with {self.second!r}, site {self.site!r})"

    # How it is made.

    def _build(self) -> None:
        names = list(self._gates)
        self._pickers = {
            choice: Menu(options=names, value=names[i], description=text, style={"description_width": "6em"})
            for i, (choice, text) in enumerate((("first", "compare"), ("second", "with")))
        }
        controls = ipywidgets.HBox(list(self._pickers.values()), layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([controls, self._front])
        self.widget.add_class("effv2viz-compare-gates")
        for choice, picker in self._pickers.items():
            self._mirror(picker, {"value": choice})

    def _begin_at(self, site: str, **choices: Any) -> None:
        with self._settled():
            self.first, self.second, self.order = choices["first"], choices["second"], "difference"
        super()._begin_at(site)

    def _show(self) -> None:
        row = self._row()
        one, other = float(row[GATE][self.channel]), float(row[REFERENCE][self.channel])
        self._message = (
            f"Channel {self.channel} of {self.site}: {self.first} {one:.3f}, {self.second} {other:.3f}, "
            f"difference {one - other:+.3f}."
        )
        distances = self.by_site()
        self._tell(
            prediction={
                "id": "",
                "caption": f"{self.first} and {self.second} by site",
                "heads": ["site", "mean distance"],
                "most": max([*distances.values(), 1e-9]),
                "rows": [{"label": name, "value": value} for name, value in distances.items()],
            }
        )

    def _put_back(self) -> None:
        for choice, picker in self._pickers.items():
            picker.value = getattr(self, choice)
        super()._put_back()

    def _numbers(self) -> Mapping[str, Row]:
        one, other = self._gates[self.first], self._gates[self.second]
        return {site: {GATE: gates, REFERENCE: other[site]} for site, gates in one.items()}

    def _columns(self) -> list[Column]:
        return [Column(GATE, self.first), Column(REFERENCE, self.second)]

    def _menu(self) -> Mapping[str, str]:
        gates = next(iter(self._gates.values()))
        return {site: f"{site}  ({len(values)} gates)" for site, values in gates.items()}

    def _content(self) -> Hashable:
        return self.first, self.second


def compare_gates(
    what: nn.Module | GateStatistics | Mapping[str, Gates] | None = None,
    images: Any = None,
    *,
    labels: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> CompareGates:
    """Two sets of gates on one scale, with their differences.

    Args:
        what: one of these, the bundled network where left out:
            a network, whose gates for two of the pictures are compared;
            gate statistics, whose means for two classes are compared;
            a mapping from names to networks with the same sites, such as a trained and an untrained one, whose mean
            gates over the pictures are compared; or to traces (the mean over their images), gate statistics (the mean
            over all classes) or {site: (C,)}. Gates that are maps count as their means over positions.
        images: as ``explore`` takes them, where networks are compared.
        labels: what each picture shows.
        classes: names of the classes, where gate statistics are compared.

    Raises:
        ValueError: if there are not two things to compare, or they differ in their sites or widths.
        TypeError: for anything else.
    """
    return CompareGates(what, images, labels=labels, classes=classes)


def _named_gates(
    what: Any, images: Any, labels: Sequence[str] | None, classes: Sequence[str] | None
) -> dict[str, dict[str, np.ndarray]]:
    """What is compared: {name: {site: (C,)}}."""
    if what is None or isinstance(what, nn.Module):
        experiment = Experiment(what, images, labels, maps=True)
        run = trace(experiment.model, experiment.images, batch_size=32, keep_on="cpu")
        return {name: _of(run[i], name) for name, i in experiment.picture_labels()}
    if isinstance(what, GateStatistics):
        count = len(next(iter(what.values())).by_class.count)
        names = [str(name) for name in classes] if classes else [f"class {k}" for k in range(count)]
        if len(set(names)) != count:
            raise ValueError(f"{len(set(names))} names of classes for {count} classes: give each its own")
        return {
            name: {site: as_array(one.by_class.mean[k]) for site, one in what.items()} for k, name in enumerate(names)
        }
    if not isinstance(what, Mapping):
        raise TypeError(
            f"compare_gates takes a network, GateStatistics or a mapping of them, not {type(what).__name__}"
        )
    found = {}
    for name, source in what.items():
        if isinstance(source, nn.Module):
            experiment = Experiment(source, images, labels, maps=True)
            source = trace(source, experiment.images, batch_size=32, keep_on="cpu")
        found[str(name)] = _of(source, str(name))
    return found


def _of(source: Any, name: str) -> dict[str, np.ndarray]:
    if isinstance(source, Trace):
        return {site: as_array(per_channel(one.gate).mean(0)) for site, one in source.items()}
    if isinstance(source, GateStatistics):
        return {site: as_array(one.mean) for site, one in source.items()}
    if isinstance(source, Mapping):
        return {site: as_array(torch.as_tensor(values)) for site, values in source.items()}
    raise TypeError(f"{name} is {type(source).__name__}: use a network, a trace, gate statistics or {{site: (C,)}}")


def _check_alike(gates: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    (name, reference), *others = gates.items()
    for site, values in reference.items():
        if values.ndim != 1:
            raise ValueError(f"{name} has gates of shape {values.shape} at {site}: use one for each channel, (C,)")
    shapes = {site: values.shape for site, values in reference.items()}
    for other, some in others:
        found = {site: values.shape for site, values in some.items()}
        if found != shapes:
            site = next(s for s in [*shapes, *found] if shapes.get(s) != found.get(s))
            raise ValueError(
                f"{name} and {other} differ at {site}: gates of shape {shapes.get(site)} and {found.get(site)}; only "
                "networks of the same sites and widths can be compared"
            )
