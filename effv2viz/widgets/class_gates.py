"""Class gates: which classes open which gates, and at which sites classes come apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure
from torch import nn

from effv2viz.figures.site_views import class_gates_figure
from effv2viz.models import create_model
from effv2viz.probing import GateStatistics, shipped_gates
from effv2viz.suggestions import unknown_name
from effv2viz.widgets.experiment import as_array
from effv2viz.widgets.packing import GATE, REFERENCE, Column
from effv2viz.widgets.site_view import Row, SiteView
from effv2viz.widgets.turns import Menu


class ClassGates(SiteView):
    """The mean gate of every class and channel of a site as a heat map, and the separability of every site.

    ``class_gates`` makes it, and says what its arguments are.

    Attributes:
        site: its name.
        group: the name of the class that is chosen: channels are sorted by it, and its gates are drawn as bars.
        order: as in the explorer, and ``"spread"`` (standard deviation within the class) and ``"separability"`` (the
            share of the gate's variance that lies between classes).
        channel, mode, selection: as in the explorer; the mode ``"strip"`` shows all classes.
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("site", "group", "order", "channel", "mode", "selection")
    ROW: ClassVar[str] = "group"

    group = traitlets.Unicode()

    def __init__(self, what: nn.Module | GateStatistics | None = None, *, classes: Sequence[str] | None = None) -> None:
        super().__init__("gates by class", noun="class", nouns="classes", aligned=True)
        if what is None:
            what = create_model("efficientnetv2_nano", weights="fashion")
        self._statistics = shipped_gates(what) if isinstance(what, nn.Module) else what
        if not isinstance(self._statistics, GateStatistics):
            raise TypeError(f"class_gates takes a network or GateStatistics, not {type(what).__name__}")
        count = len(next(iter(self._statistics.values())).by_class.count)
        if count < 2:
            raise ValueError("the statistics are of one group: collect them with labels, collect_gates(model, loader)")
        names = classes if classes is not None else getattr(what, "classes", None)
        self._classes = [str(name) for name in names] if names else [f"class {k}" for k in range(count)]
        if len(self._classes) != count or len(set(self._classes)) != count:
            raise ValueError(f"{len(self._classes)} names of classes for {count} classes: give each its own")
        self._build()
        self._begin_at(next(iter(self._statistics)))

    @traitlets.validate("site")
    def _check_site(self, proposal: Any) -> str:
        if proposal.value not in self._statistics:
            raise unknown_name("site", proposal.value, self._statistics)
        return proposal.value

    @traitlets.validate("group")
    def _check_group(self, proposal: Any) -> str:
        if proposal.value not in self._classes:
            raise unknown_name("class", proposal.value, self._classes)
        return proposal.value

    def table(self) -> list[dict[str, Any]]:
        """A row for each channel of the site, in the order shown: channel, separability, spread, each class's mean."""
        rows, first = self._rows(), self._classes[0]
        spread = np.mean([row["spread"] for row in rows.values()], axis=0)
        return [
            {
                "channel": int(channel),
                "separability": float(rows[first]["separability"][channel]),
                "spread within classes": float(spread[channel]),
                **{name: float(row[GATE][channel]) for name, row in rows.items()},
            }
            for channel in self._ranking()
        ]

    def by_site(self) -> dict[str, float]:
        """The separability of every site: between-class variance of all its gates over their total variance."""
        return {name: site.site_separability for name, site in self._statistics.items()}

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        order = self._ranking()
        return class_gates_figure(
            site=self.site,
            means=np.stack([row[GATE][order] for row in self._rows().values()]),
            classes=self._classes,
            sorted_by=self._orders()[self.order],
            separability=self.by_site(),
        )

    def heading(self) -> str:
        """The title of the view on a page."""
        return f"Gates by class at {self.site}"

    def __repr__(self) -> str:
        return f"ClassGates(site {self.site!r}, {len(self._classes)} classes, {self._statistics.count} images)"

    # How it is made.

    def _build(self) -> None:
        shares = self.by_site()
        self._site = Menu(
            options=[(f"{name}  (separability {shares[name]:.2f})", name) for name in self._statistics],
            description="site",
            style={"description_width": "4em"},
        )
        self.widget = ipywidgets.VBox([self._site, self._front])
        self.widget.add_class("effv2viz-class-gates")
        self._mirror(self._site, {"value": "site"})

    def _begin_at(self, site: str, **choices: Any) -> None:
        separability = as_array(self._statistics[site].separability)
        self._begin(
            site=site,
            group=self._classes[0],
            order="separability",
            channel=int(np.argmax(separability)),
            mode="strip",
            **choices,
        )

    def _show(self) -> None:
        row = self._row()
        own, usual, share = (float(row[key][self.channel]) for key in (GATE, REFERENCE, "separability"))
        self._message = (
            f"Channel {self.channel} of {self.site}: {self.group} opens it to {own:.3f} on average, all classes to "
            f"{usual:.3f}; separability {share:.3f}."
        )
        shares = [{"label": name, "value": share} for name, share in self.by_site().items()]
        panel = {"id": "", "caption": "classes by site", "heads": ["site", "separability"], "rows": shares}
        self._tell(prediction=panel)

    def _put_back(self) -> None:
        self._site.value = self.site
        super()._put_back()

    def _numbers(self) -> Mapping[str, Row]:
        site = self._statistics[self.site]
        mean, spread = as_array(site.by_class.mean), as_array(site.by_class.var.sqrt())
        shared = {REFERENCE: as_array(site.mean), "separability": as_array(site.separability)}
        return {name: {GATE: mean[k], "spread": spread[k], **shared} for k, name in enumerate(self._classes)}

    def _columns(self) -> list[Column]:
        return [
            Column(GATE, "mean gate of the class"),
            Column(REFERENCE, "mean over all classes"),
            Column.spanning("spread", "spread within the class", [row["spread"] for row in self._rows().values()]),
            Column("separability", "separability"),
        ]

    def _menu(self) -> Mapping[str, str]:
        return {name: name for name in self._classes}

    def _content(self) -> Hashable:
        return self.site


def class_gates(what: nn.Module | GateStatistics | None = None, *, classes: Sequence[str] | None = None) -> ClassGates:
    """The mean gate of every class and channel as a heat map, with the separability of every site.

    Args:
        what: gate statistics by class, or a network whose named weights ship with them; the bundled one where left out.
        classes: their names; those of the network where left out.

    Raises:
        ValueError: if there are no statistics, if they are not by class, or the names do not match.
    """
    return ClassGates(what, classes=classes)
