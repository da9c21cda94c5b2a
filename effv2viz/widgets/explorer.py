"""The gate explorer: choose a picture, a site and a channel, and see what the gate does to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure
from torch import nn

from effv2viz.figures import explorer_figure
from effv2viz.probing import GateStatistics
from effv2viz.suggestions import unknown_name
from effv2viz.widgets.experiment import Experiment, Extra, as_array
from effv2viz.widgets.front_end import FrontEnd, GatesFrontEnd
from effv2viz.widgets.ordering import order_labels, ranking
from effv2viz.widgets.packing import GATE, REFERENCE, Column, Picture, pack_matrix, pack_pictures
from effv2viz.widgets.uploads import read_upload
from effv2viz.widgets.view import View

MODES = {"bars": "one site", "strip": "all sites"}


class GateExplorer(View):
    """The gates of a picture at every site, and what one gate does to its channel's map.

    ``explore`` makes it, and says what its arguments are.

    Attributes:
        image: number of the picture, from 0.
        site: its name.
        order: how the gates are sorted: ``"channel"``, ``"value"``, ``"difference"`` from the mean gate where that is
            known, or the name of a column (``"squeeze"``, ``"separability"``, or one of the argument ``columns``).
        channel: the channel whose map is shown. A new site begins with its first one in the order.
        mode: ``"bars"`` for one site, ``"strip"`` for all.
        selection: the channels of the site that are brushed.
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("image", "site", "order", "channel", "mode", "selection")

    image = traitlets.Int()
    site = traitlets.Unicode()
    order = traitlets.Unicode("value")
    channel = traitlets.Int()
    mode = traitlets.Unicode("bars")
    selection = traitlets.List(traitlets.Int())

    def __init__(
        self,
        model: nn.Module | None = None,
        images: Any = None,
        *,
        labels: Sequence[str] | None = None,
        statistics: GateStatistics | None = None,
        columns: Extra | None = None,
    ) -> None:
        super().__init__()
        self._experiment = Experiment(model, images, labels, statistics, columns)
        self._sent: tuple[int, ...] = ()
        self._build()
        site = list(self._experiment.sites)[-1]
        self._begin(site=site, channel=int(ranking("value", self._experiment.rows(0)[site])[0]))

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        return self._experiment.check_image(proposal.value)

    @traitlets.validate("site")
    def _check_site(self, proposal: Any) -> str:
        return self._experiment.check_site(proposal.value)

    @traitlets.validate("order")
    def _check_order(self, proposal: Any) -> str:
        if proposal.value not in self._orders():
            raise unknown_name("order", proposal.value, self._orders())
        return proposal.value

    @traitlets.validate("channel")
    def _check_channel(self, proposal: Any) -> int:
        return self._experiment.check_channel(self.site, proposal.value)

    @traitlets.validate("mode")
    def _check_mode(self, proposal: Any) -> str:
        if proposal.value not in MODES:
            raise unknown_name("mode", proposal.value, MODES)
        return proposal.value

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> list[int]:
        return [self._experiment.check_channel(self.site, channel) for channel in proposal.value]

    def table(self) -> list[dict[str, Any]]:
        """A row for each channel of the site, in the order shown: channel, squeeze, gate, mean gate, more if known."""
        known = self._row()
        names = {"squeeze": "squeeze", GATE: "gate", REFERENCE: "mean gate"}
        names |= {key: key for key in known if key not in names}
        return [
            {"channel": int(channel)}
            | {said: float(known[key][channel]) for key, said in names.items() if key in known}
            for channel in self._ranking()
        ]

    def prediction(self, top: int = 3) -> list[tuple[str, float]]:
        """The likeliest classes of the picture and their probabilities."""
        logits = self._experiment.gates(self.image).logits[0]
        values, indices = logits.double().softmax(0).topk(min(top, len(logits)))
        return [(self._experiment.class_name(int(k)), float(p)) for p, k in zip(values, indices, strict=True)]

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        experiment = self._experiment
        before, after = self._maps()
        name, probability = self.prediction(1)[0]
        caption = f"predicted: {name}, {100 * probability:.1f} %"
        if experiment.labels[self.image]:
            caption = f"shows: {experiment.labels[self.image]}\n{caption}"
        if self.out_of_domain:
            caption += "\nOUT OF DOMAIN"
        row = self._row()
        return explorer_figure(
            picture=experiment.pixels(self.image),
            caption=caption,
            site=self.site,
            gates=row[GATE],
            order=self._ranking(),
            sorted_by=self._orders()[self.order],
            channel=self.channel,
            means=row.get(REFERENCE),
            before=before,
            after=after,
        )

    @property
    def out_of_domain(self) -> bool:
        """Whether the picture looks unlike those that the network was trained on."""
        return self._experiment.out_of_domain(self.image)

    def upload(self, name: str, content: bytes) -> None:
        """Takes in the picture in a file's bytes and shows it, as the upload button does.

        Raises:
            ImageError: if it cannot be used; the text says why.
        """
        self.image = self._take_in(name, content)

    def heading(self) -> str:
        """The title of the view on a page."""
        label = self._experiment.labels[self.image]
        return f"Picture {self.image}{f' ({label})' if label else ''}: the gate of every channel"

    def front_ends(self) -> list[FrontEnd]:
        """The front ends that a saved page shows."""
        return [self._front]

    def __repr__(self) -> str:
        experiment = self._experiment
        return (
            f"GateExplorer(image {self.image} of {experiment.count}, site {self.site!r}, "
            f"channel {self.channel} of {experiment.width(self.site)})"
        )

    # How it is made.

    def _build(self) -> None:
        experiment = self._experiment
        self._picture = ipywidgets.Dropdown(
            options=experiment.picture_labels(), value=0, description="picture", style={"description_width": "4em"}
        )
        self._upload = ipywidgets.FileUpload(
            accept="image/*", description="own picture", disabled=experiment.preprocessing is None
        )
        self._front = GatesFrontEnd(title="gate explorer")
        controls = ipywidgets.HBox([self._picture, self._upload], layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([controls, self._front])
        self.widget.add_class("effv2viz-gate-explorer")
        self._mirror(self._picture, {"value": "image"})
        self._mirror(
            self._front,
            {"row": "site", "order": "order", "channel": "channel", "mode": "mode", "selection": "selection"},
        )
        self._upload.observe(self._uploaded, names=["value"])

    def _uploaded(self, change: Any) -> None:
        if change.new:
            file = change.new[0]
            self._guarded(lambda: self._take({"image": self._take_in(file["name"], bytes(file["content"]))}))
            self._upload.value = ()

    def _take_in(self, name: str, content: bytes) -> int:
        number = self._experiment.add(read_upload(name, content), name)
        with self._settled():
            self._picture.options = self._experiment.picture_labels()
            self._picture.value = self.image
        return number

    def _follow(self, changed: set[str]) -> None:
        if "site" in changed:
            if "channel" not in changed:
                self.channel = int(self._ranking()[0])
            if "selection" not in changed:
                self.selection = []

    def _show(self) -> None:
        experiment = self._experiment
        rows, columns = experiment.rows(self.image), experiment.columns(self.image)
        row = rows[self.site]
        gate = float(row[GATE][self.channel])
        before, after = self._maps()
        both = np.concatenate([before.ravel(), after.ravel()])
        limits = (float(both.min()), float(both.max()))
        pictures = [
            Picture("what the network sees", experiment.labels[self.image], experiment.pixels(self.image)),
            Picture(f"channel {self.channel} before", "activation, one scale for both", before, limits),
            Picture(f"after: times {gate:.3f}", f"{self.site}, {before.shape[0]} x {before.shape[1]}", after, limits),
        ]
        shares = [{"label": name, "value": probability} for name, probability in self.prediction()]
        self._message = self._sentence(row)
        self._put_back()
        traits = pack_pictures(pictures)
        if self._sent != (self.image,):
            traits |= pack_matrix(rows, columns, experiment.site_labels())
            traits["orders"] = [{"key": key, "label": text} for key, text in self._orders(columns).items()]
            self._sent = (self.image,)
        self._front.tell(
            **traits,
            prediction={"id": "", "caption": "prediction", "rows": shares},
            warning=experiment.warning(self.image),
        )

    def _put_back(self) -> None:
        self._picture.value = self.image
        self._front.tell(
            row=self.site, order=self.order, channel=self.channel, mode=self.mode, selection=list(self.selection)
        )

    def _sentence(self, row: dict[str, np.ndarray]) -> str:
        z = f"squeeze {row['squeeze'][self.channel]:.3f}, " if "squeeze" in row else ""
        usual = ""
        if REFERENCE in row:
            usual = f", its mean over the training set is {row[REFERENCE][self.channel]:.3f}"
        return f"Channel {self.channel} of {self.site}: {z}gate {row[GATE][self.channel]:.3f}{usual}."

    def _row(self) -> dict[str, np.ndarray]:
        return self._experiment.rows(self.image)[self.site]

    def _maps(self) -> tuple[np.ndarray, np.ndarray]:
        """The channel's map before and after scaling, each (H, W)."""
        run = self._experiment.maps(self.image, self.site)
        assert run.features is not None
        assert run.scaled is not None
        return as_array(run.features[0, self.channel]), as_array(run.scaled[0, self.channel])

    def _orders(self, columns: Sequence[Column] | None = None) -> dict[str, str]:
        found = order_labels(self._experiment.columns(self.image) if columns is None else columns)
        if "difference" in found:
            found["difference"] = "by distance from the mean gate, largest first"
        return found

    def _ranking(self) -> np.ndarray:
        """The channels of the site from left to right."""
        return ranking(self.order, self._row())


def explore(
    model: nn.Module | None = None,
    images: Any = None,
    *,
    labels: Sequence[str] | None = None,
    statistics: GateStatistics | None = None,
    columns: Extra | None = None,
) -> GateExplorer:
    """The gate explorer: pick a picture and a site, see the gate of every channel, and what one gate does to its map.

    Args:
        model: any network that ``find_se`` finds sites in; the bundled one where left out.
        images: the network's input (N, 3, H, W) float, or anything that ``load_images`` takes; one picture of each
            class of the bundled sample where left out.
        labels: what each picture shows.
        statistics: each gate's mean is marked from these; those that ship with named weights where left out.
        columns: more numbers of every gate to sort and colour by, by name and site: (C,), or (N, C) for N images. For
            example ``{"ablation": {site: ev.ablate_gates(...), ...}}``.

    Raises:
        ValueError: for a network without SE or with gates that are maps, labels or columns that do not match, or
            pictures that cannot be used.
    """
    return GateExplorer(model, images, labels=labels, statistics=statistics, columns=columns)
