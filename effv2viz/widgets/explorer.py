"""The gate explorer: choose a picture, a site and a channel, and see what the gate does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure
from torch import nn

from effv2viz.figures import explorer_figure
from effv2viz.probing import GateStatistics
from effv2viz.widgets.experiment import Experiment, Extra, as_array
from effv2viz.widgets.packing import GATE, REFERENCE, Column, Picture, pack_pictures
from effv2viz.widgets.site_view import Row, SiteView
from effv2viz.widgets.turns import Menu
from effv2viz.widgets.uploads import UploadButton, check_size, read_upload


class GateExplorer(SiteView):
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

    CHOICES: ClassVar[tuple[str, ...]] = ("image", *SiteView.CHOICES)

    image = traitlets.Int()

    def __init__(
        self,
        model: nn.Module | None = None,
        images: Any = None,
        *,
        labels: Sequence[str] | None = None,
        statistics: GateStatistics | None = None,
        columns: Extra | None = None,
    ) -> None:
        super().__init__("gate explorer")
        self._experiment = Experiment(model, images, labels, statistics, columns, maps=True)
        self._build()
        self._begin_at(list(self._experiment.sites)[-1])

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        return self._experiment.check_image(proposal.value)

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
        if self._spatial:
            caption += "\ngates: means of maps"
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

    def __repr__(self) -> str:
        experiment = self._experiment
        return (
            f"GateExplorer(image {self.image} of {experiment.count}, site {self.site!r}, "
            f"channel {self.channel} of {experiment.width(self.site)})"
        )

    # How it is made.

    def _build(self) -> None:
        experiment = self._experiment
        self._picture = Menu(
            options=experiment.picture_labels(), value=0, description="picture", style={"description_width": "4em"}
        )
        self._upload = UploadButton(self._uploaded, disabled=experiment.preprocessing is None)
        controls = ipywidgets.HBox([self._picture, self._upload], layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([controls, self._front])
        self.widget.add_class("effv2viz-gate-explorer")
        self._mirror(self._picture, {"value": "image"})

    def _uploaded(self, name: str, content: bytes | None, size: int) -> None:
        def take() -> None:
            check_size(name, size)
            assert content is not None
            self._take({"image": self._take_in(name, content)})

        self._guarded(take)

    def _take_in(self, name: str, content: bytes) -> int:
        number = self._experiment.add(read_upload(name, content), name)
        with self._settled():
            self._picture.options = self._experiment.picture_labels()
            self._picture.value = self.image
        return number

    def _show(self) -> None:
        experiment = self._experiment
        row = self._row()
        gate = float(row[GATE][self.channel])
        before, after = self._maps()
        both = np.concatenate([before.ravel(), after.ravel()])
        limits = (float(both.min()), float(both.max()))
        factor = "its map" if self._spatial else f"{gate:.3f}"
        pictures = [
            Picture("what the network sees", experiment.labels[self.image], experiment.pixels(self.image)),
            Picture(f"channel {self.channel} before", "activation, one scale for both", before, limits),
            Picture(f"after: times {factor}", f"{self.site}, {before.shape[0]} x {before.shape[1]}", after, limits),
        ]
        if self._spatial:
            own = as_array(experiment.gates(self.image)[self.site].gate[0, self.channel])
            pictures.insert(2, Picture("its gate, a map", f"mean {gate:.3f}", own))
        shares = [{"label": name, "value": probability} for name, probability in self.prediction()]
        self._message = self._sentence(row)
        self._tell(
            **pack_pictures(pictures),
            prediction={"id": "", "caption": "prediction", "rows": shares},
            warning=experiment.warning(self.image),
        )

    def _put_back(self) -> None:
        self._picture.value = self.image
        super()._put_back()

    def _numbers(self) -> Mapping[str, Row]:
        return self._experiment.rows(self.image)

    def _columns(self) -> list[Column]:
        return self._experiment.columns(self.image)

    def _menu(self) -> Mapping[str, str]:
        return self._experiment.site_labels()

    def _content(self) -> int:
        return self.image

    @property
    def _spatial(self) -> bool:
        return self._experiment.sites[self.site].spatial

    def _sentence(self, row: Row) -> str:
        z = f"squeeze {row['squeeze'][self.channel]:.3f}, " if "squeeze" in row else ""
        usual = ""
        if REFERENCE in row:
            usual = f", its mean over the training set is {row[REFERENCE][self.channel]:.3f}"
        gate = "mean of its gate's map" if self._spatial else "gate"
        return f"Channel {self.channel} of {self.site}: {z}{gate} {row[GATE][self.channel]:.3f}{usual}."

    def _maps(self) -> tuple[np.ndarray, np.ndarray]:
        """The channel's map before and after scaling, each (H, W)."""
        run = self._experiment.maps(self.image, self.site)
        assert run.features is not None
        assert run.scaled is not None
        return as_array(run.features[0, self.channel]), as_array(run.scaled[0, self.channel])

    def _orders(self) -> dict[str, str]:
        found = super()._orders()
        if "difference" in found:
            found["difference"] = "by distance from the mean gate, largest first"
        return found


def explore(
    model: nn.Module | None = None,
    images: Any = None,
    *,
    labels: Sequence[str] | None = None,
    statistics: GateStatistics | None = None,
    columns: Extra | None = None,
) -> GateExplorer:
    """The gate explorer: pick a picture and a site, see the gate of every channel, and what one gate does to its map.

    Gates that are maps themselves, as GE's are, count as their means over positions.

    Args:
        model: any network that ``find_se`` finds sites in; the bundled one where left out.
        images: the network's input (N, 3, H, W) float, or anything that ``load_images`` takes; one picture of each
            class of the bundled sample where left out.
        labels: what each picture shows.
        statistics: each gate's mean is marked from these; those that ship with named weights where left out.
        columns: more numbers of every gate to sort and colour by, by name and site: (C,), or (N, C) for N images. For
            example ``{"ablation": {site: ev.ablate_gates(...), ...}}``.

    Raises:
        ValueError: for a network without SE, labels or columns that do not match, or pictures that cannot be used.
    """
    return GateExplorer(model, images, labels=labels, statistics=statistics, columns=columns)
