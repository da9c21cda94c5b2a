"""What a view is about: a network, pictures, and what is known of its gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor, nn

from effv2viz.datasets import fashion_sample, load_images
from effv2viz.models import create_model
from effv2viz.probing import GateStatistics, SiteTrace, Trace, shipped_gates, trace
from effv2viz.probing.guards import checked_images
from effv2viz.probing.sites import choose_channel_sites, choose_sites
from effv2viz.suggestions import unknown_name
from effv2viz.widgets.packing import GATE, REFERENCE, Column

Extra = Mapping[str, Mapping[str, Union[Tensor, np.ndarray]]]


class Experiment:
    """A network and its pictures, as ``explore`` and the other views take them.

    Args:
        model: any network that ``find_se`` finds sites in; the bundled one where left out.
        images: the network's input (N, 3, H, W) float, or anything that ``load_images`` takes; one picture of each
            class of the bundled sample where left out.
        labels: what each picture shows.
        statistics: of the gates; those that ship with named weights where left out.
        columns: more numbers of every gate, by name and site: (C,), or (N, C) for N images.
        maps: whether gates may be maps, such as GE's; each then counts as its mean over positions.

    Raises:
        ValueError: for a network without SE, or with gates that are maps where they may not be; labels that do not
            match, pictures that cannot be used, or columns that do not fit.
    """

    def __init__(
        self,
        model: nn.Module | None = None,
        images: Any = None,
        labels: Sequence[str] | None = None,
        statistics: GateStatistics | None = None,
        columns: Extra | None = None,
        *,
        maps: bool = False,
    ) -> None:
        if model is None:
            model = create_model("efficientnetv2_nano", weights="fashion")
        self.model = model
        choose = choose_sites if maps else choose_channel_sites
        self.sites = {site.name: site for site in choose(model)}
        self.classes: tuple[str, ...] | None = getattr(model, "classes", None)
        self.preprocessing = getattr(model, "preprocessing", None)
        if images is None:
            first = fashion_sample().balanced(1)
            images = list(first.images)
            if labels is None and self.classes and len(self.classes) == 10:
                labels = [self.classes[k] for k in first.labels]
        if not (isinstance(images, Tensor) and images.ndim == 4 and images.is_floating_point()):
            images = load_images(images, model)
        self.images = checked_images(model, images)
        self.labels = [str(label) for label in labels] if labels is not None else [""] * len(self.images)
        if len(self.labels) != len(self.images):
            raise ValueError(f"{len(self.labels)} labels for {len(self.images)} images: give one label for each")
        if statistics is None and getattr(getattr(model, "weights", None), "statistics", None) is not None:
            statistics = shipped_gates(model)
        self.statistics = statistics
        self._extra = self._checked_columns(columns or {})
        self.gates = lru_cache(maxsize=16)(self._gates)
        self.rows = lru_cache(maxsize=16)(self._rows)
        self.maps = lru_cache(maxsize=8)(self._maps)

    @property
    def count(self) -> int:
        """N, the pictures."""
        return len(self.images)

    def add(self, picture: Any, label: str) -> int:
        """Takes in one more picture, of any kind that ``load_images`` takes; returns its number."""
        loaded = load_images(picture, self.model)
        self.images = torch.cat([self.images, checked_images(self.model, loaded[:1])])
        self.labels.append(label)
        return self.count - 1

    def check_image(self, number: int) -> int:
        """The number, or a ``ValueError`` if there is no such picture."""
        if not 0 <= number < self.count:
            raise ValueError(f"there is no picture {number}: they go from 0 to {self.count - 1}")
        return number

    def check_site(self, name: str) -> str:
        """The name, or a ``ValueError`` if there is no such site."""
        if name not in self.sites:
            raise unknown_name("site", name, self.sites)
        return name

    def check_channel(self, site: str, number: int) -> int:
        """The number, or a ``ValueError`` if the site has no such channel."""
        width = self.width(site)
        if not 0 <= number < width:
            raise ValueError(f"{site} has no channel {number}: they go from 0 to {width - 1}")
        return number

    def width(self, site: str) -> int:
        """C, the gates of a site."""
        return self.sites[site].channels or self.gates(0)[site].gate.shape[1]

    def site_labels(self) -> dict[str, str]:
        """The sites as a menu calls them."""
        return {name: f"{name}  ({self.width(name)} gates)" for name in self.sites}

    def picture_labels(self) -> list[tuple[str, int]]:
        """The pictures as a menu calls them, with their numbers."""
        return [(f"{i}: {label}" if label else str(i), i) for i, label in enumerate(self.labels)]

    def pixels(self, image: int) -> np.ndarray:
        """What the network sees of a picture: (H, W, 3) in [0, 1]."""
        one = self.images[image][None]
        if self.preprocessing is not None:
            pixels = self.preprocessing.denormalize(one)[0]
        else:
            low, high = one.min(), one.max()
            pixels = ((one - low) / (high - low).clamp(min=1e-12))[0]
        return as_array(pixels).transpose(1, 2, 0)

    def out_of_domain(self, image: int) -> bool:
        """Whether a picture looks unlike those that the network was trained on."""
        if self.preprocessing is None:
            return False
        return bool(self.preprocessing.out_of_domain(self.images[image][None])[0])

    @property
    def has_maps(self) -> bool:
        """Whether some gates are maps, so that their means are shown."""
        return any(site.spatial for site in self.sites.values())

    def warning(self, image: int) -> str:
        """What to say of a picture out of domain, and of what a network does beside a gate for each channel."""
        said = []
        if self.out_of_domain(image):
            said.append(
                f"Out of domain. This network was trained on {self.preprocessing.domain}. "  # type: ignore[union-attr]
                "Its answer here says nothing about the picture."
            )
        if self.has_maps:
            said.append(
                "The gates of this network are maps: a channel has one at each position. Shown are their means."
            )
        if any(site.kind == "cbam" for site in self.sites.values()):
            said.append("After its gates CBAM multiplies every channel by one map of places, which is not shown.")
        return " ".join(said)

    def class_name(self, k: int) -> str:
        """The name of a class, or its number in words."""
        return self.classes[k] if self.classes is not None else f"class {k}"

    def columns(self, image: int) -> list[Column]:
        """What ``rows`` says of each gate."""
        some = list(self.rows(image).values())
        gate = "mean of the gate's map" if self.has_maps else "gate"
        found = [Column(GATE, f"{gate} of this picture" if self.statistics is not None else gate)]
        if self.statistics is not None:
            found.append(Column(REFERENCE, "mean over the training set"))
        for key in some[0]:
            if key not in (GATE, REFERENCE):
                label = {"separability": "separability of classes"}.get(key, key)
                found.append(Column.spanning(key, label, [row[key] for row in some]))
        return found

    def _rows(self, image: int) -> dict[str, dict[str, np.ndarray]]:
        """The columns of every site for a picture: {site: {key: (C,)}}."""
        return {site: self._row(image, site) for site in self.sites}

    def _row(self, image: int, site: str) -> dict[str, np.ndarray]:
        run = self.gates(image)[site]
        row = {GATE: as_array(per_channel(run.gate)[0])}
        if self.statistics is not None:
            row[REFERENCE] = as_array(self.statistics[site].mean)
        if all(one.squeeze is not None and one.squeeze.shape == one.gate.shape for one in self.gates(image).values()):
            assert run.squeeze is not None
            row["squeeze"] = as_array(run.squeeze[0])
        if self.statistics is not None and all(len(one.by_class.count) > 1 for one in self.statistics.values()):
            row["separability"] = as_array(self.statistics[site].separability)
        for key, by_site in self._extra.items():
            values = by_site[site]
            if values.ndim == 1:
                row[key] = values
            else:  # nothing is known of a picture that came later
                row[key] = values[image] if image < len(values) else np.full(values.shape[1], np.nan, np.float32)
        return row

    def _checked_columns(self, columns: Extra) -> dict[str, dict[str, np.ndarray]]:
        checked: dict[str, dict[str, np.ndarray]] = {}
        for key, by_site in columns.items():
            if key in ("channel", "value", "difference", GATE, REFERENCE, "squeeze", "separability"):
                raise ValueError(f"a column cannot be called {key!r}: the view has one of this name")
            checked[key] = {}
            for site in self.sites:
                if site not in by_site:
                    raise ValueError(f"the column {key!r} has no numbers for the site {site}")
                values = as_array(torch.as_tensor(by_site[site]))
                shapes = ((self.width(site),), (len(self.images), self.width(site)))
                if values.shape not in shapes:
                    raise ValueError(
                        f"the column {key!r} has shape {values.shape} at {site}: use {shapes[0]} or {shapes[1]}"
                    )
                checked[key][site] = values
        return checked

    def _gates(self, image: int) -> Trace:
        """Every site of one picture."""
        return trace(self.model, self.images[image : image + 1], keep_on="cpu")

    def _maps(self, image: int, site: str) -> SiteTrace:
        """One site of one picture, with its maps before and after scaling."""
        return trace(self.model, self.images[image : image + 1], sites=[site], features=True, keep_on="cpu")[site]


def per_channel(gate: Tensor) -> Tensor:
    """Gates (N, C); of maps (N, C, H, W) their means over positions."""
    return gate.flatten(2).mean(2) if gate.ndim > 2 else gate


def as_array(tensor: Tensor) -> np.ndarray:
    """A tensor as float32 numbers on the CPU."""
    return tensor.detach().float().cpu().numpy()
