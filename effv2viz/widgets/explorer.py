"""The gate explorer: choose a picture, a site and a channel, and see what the gate does to it."""

from __future__ import annotations

import base64
import html
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from effv2viz.datasets import fashion_sample, load_images
from effv2viz.figures import explorer_figure, save_figure, to_png
from effv2viz.models import create_model
from effv2viz.probing import GateStatistics, SiteTrace, shipped_gates, trace
from effv2viz.probing.guards import checked_images
from effv2viz.probing.tracing import choose_sites
from effv2viz.suggestions import unknown_name

ORDERS = {
    "channel": "by channel number",
    "value": "by gate, largest first",
    "difference": "by distance from the mean gate, largest first",
}


class GateExplorer:
    """What ``explore`` returns: a view that a notebook shows, and that Python can drive and read.

    ``image``, ``site``, ``order`` and ``channel`` can be set; the picture follows. ``widget`` is the ipywidget inside,
    to put into a box with others.
    """

    def __init__(
        self, model: nn.Module, images: Tensor, labels: Sequence[str] | None, statistics: GateStatistics | None
    ) -> None:
        self._sites = {site.name: site for site in choose_sites(model, None)}
        images = checked_images(model, images)
        names = [str(label) for label in labels] if labels is not None else [""] * len(images)
        if len(names) != len(images):
            raise ValueError(f"{len(names)} labels for {len(images)} images: give one label for each")
        self._model, self._images, self._labels, self._statistics = model, images, names, statistics
        self._classes: tuple[str, ...] | None = getattr(model, "classes", None)
        self._preprocessing = getattr(model, "preprocessing", None)
        self._lock = threading.RLock()
        self._drawing = False
        self._look = lru_cache(maxsize=8)(self._look_once)
        self._build()
        self._redraw()

    # What Python can set and read.

    @property
    def image(self) -> int:
        """The number of the picture, from 0."""
        return int(self._image.value)

    @image.setter
    def image(self, number: int) -> None:
        if not 0 <= number < len(self._images):
            raise ValueError(f"there is no picture {number}: they go from 0 to {len(self._images) - 1}")
        self._image.value = number

    @property
    def site(self) -> str:
        """The name of the site."""
        return str(self._site.value)

    @site.setter
    def site(self, name: str) -> None:
        if name not in self._sites:
            raise unknown_name("site", name, self._sites)
        self._site.value = name

    @property
    def order(self) -> str:
        """How the gates are sorted: ``"channel"``, ``"value"`` or, where mean gates are known, ``"difference"``."""
        return str(self._order.value)

    @order.setter
    def order(self, name: str) -> None:
        known = [value for _, value in self._order.options]
        if name not in known:
            raise unknown_name("order", name, known)
        self._order.value = name

    @property
    def channel(self) -> int:
        """The channel whose feature map is shown."""
        return int(self._ranking()[self._position.value])

    @channel.setter
    def channel(self, number: int) -> None:
        channels = self._width
        if not 0 <= number < channels:
            raise ValueError(f"{self.site} has no channel {number}: they go from 0 to {channels - 1}")
        self._position.value = int(np.flatnonzero(self._ranking() == number)[0])

    def table(self) -> list[dict[str, Any]]:
        """A row for each channel of the site, in the order shown: channel, squeeze, gate, mean gate if known."""
        run, means = self._look(self.image, self.site)[0], self._means()
        rows = []
        for channel in self._ranking():
            row: dict[str, Any] = {"channel": int(channel)}
            if run.squeeze is not None:
                row["squeeze"] = float(run.squeeze[0, channel])
            row["gate"] = float(run.gate[0, channel])
            if means is not None:
                row["mean gate"] = float(means[channel])
            rows.append(row)
        return rows

    def prediction(self, top: int = 3) -> list[tuple[str, float]]:
        """The likeliest classes of the picture and their probabilities."""
        logits = self._look(self.image, self.site)[1]
        values, indices = logits.double().softmax(0).topk(min(top, len(logits)))
        return [(self._class_name(int(k)), float(p)) for p, k in zip(values, indices, strict=True)]

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        run = self._look(self.image, self.site)[0]
        assert run.features is not None
        assert run.scaled is not None
        name, probability = self.prediction(1)[0]
        caption = f"predicted: {name}, {100 * probability:.1f} %"
        if self._labels[self.image]:
            caption = f"shows: {self._labels[self.image]}\n{caption}"
        if self.out_of_domain:
            caption += "\nOUT OF DOMAIN"
        return explorer_figure(
            picture=self._pixels(),
            caption=caption,
            site=self.site,
            gates=_array(run.gate[0]),
            order=self._ranking(),
            sorted_by=ORDERS[self.order],
            channel=self.channel,
            means=self._means(),
            before=_array(run.features[0, self.channel]),
            after=_array(run.scaled[0, self.channel]),
        )

    def save(self, path: str | Path) -> None:
        """Writes what the view shows as .png, .svg or .pdf."""
        save_figure(self.figure(), path)

    @property
    def out_of_domain(self) -> bool:
        """Whether the picture looks unlike those that the network was trained on."""
        if self._preprocessing is None:
            return False
        return bool(self._preprocessing.out_of_domain(self._images[self.image][None])[0])

    @property
    def message(self) -> str:
        """The sentence under the controls: what is shown, in numbers; after a failure, what went wrong."""
        return self._message

    def __repr__(self) -> str:
        return (
            f"GateExplorer(image {self.image} of {len(self._images)}, site {self.site!r}, "
            f"channel {self.channel} of {self._width})"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(self.widget._repr_mimebundle_(**kwargs) or {})
        return {**bundle, "text/plain": repr(self), "image/png": base64.b64encode(self._png).decode()}

    # How it is made.

    def _build(self) -> None:
        described = {"style": {"description_width": "4em"}, "layout": {"width": "22em"}}
        pictures = [(f"{i}: {label}" if label else str(i), i) for i, label in enumerate(self._labels)]
        orders = [name for name in ORDERS if name != "difference" or self._statistics is not None]
        self._image = ipywidgets.Dropdown(options=pictures, description="picture", **described)
        self._site = ipywidgets.Dropdown(
            options=[(f"{s.name}  ({s.channels or chr(63)} gates)", s.name) for s in self._sites.values()],
            value=list(self._sites)[-1],
            description="site",
            **described,
        )
        self._order = ipywidgets.Dropdown(
            options=[(ORDERS[name], name) for name in orders], value="value", description="sort", **described
        )
        self._position = ipywidgets.IntSlider(
            value=0,
            min=0,
            max=self._width - 1,
            description="channel",
            readout=False,
            style={"description_width": "4em"},
            layout={"width": "40em"},
        )
        self._text = ipywidgets.HTML()
        self._canvas = ipywidgets.HTML()
        controls = ipywidgets.HBox([self._image, self._site, self._order], layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([controls, self._position, self._text, self._canvas])
        self.widget.add_class("effv2viz-gate-explorer")
        for control in (self._image, self._site, self._order, self._position):
            control.observe(self._changed, names=["value"])

    def _changed(self, change: Any) -> None:
        """Answers a control. Whatever goes wrong is said in the view, which keeps its last good picture."""
        with self._lock:
            if self._drawing:
                return
            try:
                self._drawing = True  # moving the slider below must not answer itself
                if change.owner is not self._position:
                    self._keep_channel(change)
                self._redraw()
            except Exception as error:
                self._message = f"{type(error).__name__}: {error}"
                self._text.value = f'<div role="alert"><b>{html.escape(self._message)}</b></div>'
            finally:
                self._drawing = False

    def _keep_channel(self, change: Any) -> None:
        """Keeps the marked channel when the picture or the order changes; a new site starts at its first one."""
        if change.owner is self._site:
            self._position.value = 0
            self._position.max = self._width - 1
            return
        if change.owner is self._image:
            channel = self._ranking(image=change.old)[self._position.value]
        else:
            channel = self._ranking(order=change.old)[self._position.value]
        self._position.value = int(np.flatnonzero(self._ranking() == channel)[0])

    def _redraw(self) -> None:
        run = self._look(self.image, self.site)[0]
        channel = self.channel
        s = float(run.gate[0, channel])
        z = f"squeeze {float(run.squeeze[0, channel]):.3f}, " if run.squeeze is not None else ""
        means = self._means()
        usual = f", its mean over the training set is {means[channel]:.3f}" if means is not None else ""
        self._message = f"Channel {channel} of {self.site}: {z}gate {s:.3f}{usual}."
        bars = "".join(
            f'<tr><td>{html.escape(name)}</td><td><div style="background:#0072B2;height:0.8em;width:{9 * p:.2f}em">'
            f'</div></td><td style="text-align:right">{100 * p:.1f} %</td></tr>'
            for name, p in self.prediction()
        )
        warning = ""
        if self._preprocessing is not None and self.out_of_domain:
            warning = (
                '<div role="alert" style="border-left:4px solid #D55E00;padding-left:0.6em"><b>Out of domain.</b> This '
                f"network was trained on {html.escape(self._preprocessing.domain)}. Its answer here says nothing about "
                "the picture.</div>"
            )
        figure = self.figure()
        self._png = to_png(figure)
        self._text.value = (
            f'{warning}<div style="display:flex;gap:2em;align-items:center"><div role="status">'
            f"{html.escape(self._message)}</div>"
            f'<table style="white-space:nowrap;line-height:1.4">{bars}</table></div>'
        )
        self._canvas.value = (
            f'<img style="max-width:100%" alt="{html.escape(self._alt())}" '
            f'src="data:image/png;base64,{base64.b64encode(self._png).decode()}">'
        )

    def _alt(self) -> str:
        name, probability = self.prediction(1)[0]
        return (
            f"Picture {self.image}, predicted {name} with {100 * probability:.0f} percent. Gates of {self.site} sorted "
            f"{ORDERS[self.order]}. {self._message} Its feature map before and after scaling."
        )

    def _look_once(self, image: int, site: str) -> tuple[SiteTrace, Tensor]:
        run = trace(self._model, self._images[image : image + 1], sites=[site], features=True)
        return run[site], run.logits[0].cpu()

    @property
    def _width(self) -> int:
        """C, the gates of the site."""
        return self._look(self.image, self.site)[0].gate.shape[1]

    def _means(self) -> np.ndarray | None:
        if self._statistics is None:
            return None
        return _array(self._statistics[self.site].mean)

    def _ranking(self, image: int | None = None, order: str | None = None) -> np.ndarray:
        """The channels of the site from left to right."""
        run = self._look(self.image if image is None else image, self.site)[0]
        gates = _array(run.gate[0])
        order = order or self.order
        if order == "channel":
            return np.arange(len(gates))
        means = self._means() if order == "difference" else None
        return np.argsort(-(gates if means is None else np.abs(gates - means)), kind="stable")

    def _pixels(self) -> np.ndarray:
        image = self._images[self.image][None]
        if self._preprocessing is not None:
            pixels = self._preprocessing.denormalize(image)[0]
        else:
            low, high = image.min(), image.max()
            pixels = ((image - low) / (high - low).clamp(min=1e-12))[0]
        return _array(pixels).transpose(1, 2, 0)

    def _class_name(self, k: int) -> str:
        return self._classes[k] if self._classes is not None else f"class {k}"


def explore(
    model: nn.Module | None = None,
    images: Any = None,
    *,
    labels: Sequence[str] | None = None,
    statistics: GateStatistics | None = None,
) -> GateExplorer:
    """The gate explorer: pick a picture and a site, see the gate of every channel, and what one gate does to its map.

    Args:
        model: any network that ``find_se`` finds sites in; the bundled one where left out.
        images: the network's input (N, 3, H, W) float, or anything that ``load_images`` takes; one picture of each
            class of the bundled sample where left out.
        labels: what each picture shows.
        statistics: each gate's mean is marked from these; those that ship with named weights where left out.

    Raises:
        ValueError: for a network without SE, labels that do not match, or pictures that cannot be used.
    """
    if model is None:
        model = create_model("efficientnetv2_nano", weights="fashion")
    if images is None:
        sample = fashion_sample()
        first = sample.balanced(1)
        images = list(first.images)
        names = getattr(model, "classes", None)
        labels = [names[k] for k in first.labels] if labels is None and names and len(names) == 10 else labels
    if not (isinstance(images, torch.Tensor) and images.ndim == 4 and images.is_floating_point()):
        images = load_images(images, model)
    if statistics is None and getattr(getattr(model, "weights", None), "statistics", None) is not None:
        statistics = shipped_gates(model)
    return GateExplorer(model, images, labels, statistics)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
