"""Statistics of gates: what is known of every gate over a data set, overall and by class, and how two sets merge."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from effv2viz.probing.by_site import BySite

BINS = 20  # of the histograms, each 0.05 wide; what lies outside 0 and 1 counts in the outermost
SATURATED = 1 / BINS  # a gate below this, or above one minus this, is saturated


@dataclass(frozen=True)
class Groups:
    """C gates in K groups of images. Everything is in float64 but the extremes (float32) and the counts of bins.

    Attributes:
        count: (K,), images.
        mean: (K, C).
        squares: (K, C), sums of squared deviations from the mean.
        min: (K, C); infinite where a group has no image.
        max: (K, C); minus infinite where a group has no image.
        histogram: (K, C, BINS) int32, how many gates fell into each twentieth of 0 to 1.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor
    min: Tensor
    max: Tensor
    histogram: Tensor

    @classmethod
    def empty(cls, groups: int, channels: int) -> Groups:
        """No image yet."""
        zeros = torch.zeros(groups, channels, dtype=torch.float64)
        return cls(
            count=torch.zeros(groups, dtype=torch.float64),
            mean=zeros,
            squares=zeros.clone(),
            min=torch.full((groups, channels), float("inf")),
            max=torch.full((groups, channels), -float("inf")),
            histogram=torch.zeros(groups, channels, BINS, dtype=torch.int32),
        )

    @property
    def var(self) -> Tensor:
        """The variance within each group, dividing by its count: (K, C)."""
        return self.squares / self.count[:, None]

    @property
    def saturation(self) -> Tensor:
        """The share of images whose gate lies below 0.05 or above 0.95: (K, C)."""
        outer = self.histogram[..., 0] + self.histogram[..., -1]
        return outer.double() / self.count[:, None]

    def add(self, gate: Tensor, labels: Tensor) -> None:
        """Takes in the gates (N, C) float64 of images in groups ``labels`` (N,). Only their groups are touched."""
        present, index = labels.unique(return_inverse=True)
        width = gate.shape[1]
        member = torch.nn.functional.one_hot(index, len(present)).double().T  # (present, N)
        count = member.sum(1)
        centre = gate.mean(0)  # sums of deviations from a near centre lose no digits
        deviation = gate - centre
        sums = member @ deviation
        squares = member @ deviation.square_() - sums**2 / count[:, None]
        mean = centre + sums / count[:, None]
        total, merged_mean, merged_squares = _merged(
            (self.count[present], self.mean[present], self.squares[present]), (count, mean, squares)
        )
        self.count[present], self.mean[present], self.squares[present] = total, merged_mean, merged_squares
        single = gate.float()
        for place, label in enumerate(present.tolist()):
            own = single[index == place]
            self.min[label] = torch.minimum(self.min[label], own.amin(0))
            self.max[label] = torch.maximum(self.max[label], own.amax(0))
        bins = (gate * BINS).long().clamp_(0, BINS - 1)
        cells = len(present) * width * BINS
        if cells <= 4 * bins.numel():
            bins += (index[:, None] * width + torch.arange(width)) * BINS
            counts = torch.bincount(bins.flatten(), minlength=cells)
            self.histogram[present] += counts.view(len(present), width, BINS).int()
        else:  # few images of many classes: touch only the bins that they fall into
            bins += (labels[:, None] * width + torch.arange(width)) * BINS
            ones = torch.ones(1, dtype=torch.int32).expand(bins.numel())
            self.histogram.view(-1).index_add_(0, bins.flatten(), ones)

    def of_gates(self, some: slice) -> Groups:
        """The same of some of the gates."""
        return Groups(self.count.clone(), *(getattr(self, part.name)[:, some].clone() for part in fields(self)[1:]))

    def merge(self, other: Groups) -> Groups:
        """Both sets of images together, group by group."""
        count, mean, squares = _merged((self.count, self.mean, self.squares), (other.count, other.mean, other.squares))
        low, high = torch.minimum(self.min, other.min), torch.maximum(self.max, other.max)
        return Groups(count, mean, squares, low, high, self.histogram + other.histogram)

    def together(self) -> Groups:
        """All groups as one: K becomes 1."""
        count = self.count.sum(0, keepdim=True)
        mean = (self.count[:, None] * self.mean).sum(0, keepdim=True) / count
        between = (self.count[:, None] * (self.mean - mean) ** 2).sum(0, keepdim=True)
        squares = self.squares.sum(0, keepdim=True) + between
        low, high = self.min.amin(0, keepdim=True), self.max.amax(0, keepdim=True)
        return Groups(count, mean, squares, low, high, self.histogram.sum(0, keepdim=True, dtype=torch.int32))


_Moments = tuple[Tensor, Tensor, Tensor]


def _merged(a: _Moments, b: _Moments) -> _Moments:
    """Counts, means and squared deviations of two sets together (Chan, Golub and LeVeque 1979)."""
    count = a[0] + b[0]
    share = torch.where(count > 0, b[0] / count.clamp(min=1), 0.0)[:, None]
    delta = b[1] - a[1]
    return count, a[1] + delta * share, a[2] + b[2] + delta**2 * a[0][:, None] * share


@dataclass(frozen=True)
class SiteStatistics:
    """The gates of one site over a data set; ``by_class`` has a row for each class (one row if there are no labels)."""

    by_class: Groups

    @cached_property
    def overall(self) -> Groups:
        """All images as one group: K is 1."""
        return self.by_class.together()

    @property
    def mean(self) -> Tensor:
        """The mean of each gate over all images: (C,)."""
        return self.overall.mean[0]

    @property
    def var(self) -> Tensor:
        """The variance of each gate over all images, dividing by their count: (C,)."""
        return self.overall.var[0]

    @property
    def min(self) -> Tensor:
        """The smallest value of each gate: (C,)."""
        return self.overall.min[0]

    @property
    def max(self) -> Tensor:
        """The largest value of each gate: (C,)."""
        return self.overall.max[0]

    @property
    def histogram(self) -> Tensor:
        """How many images have each gate in each twentieth of 0 to 1: (C, 20)."""
        return self.overall.histogram[0]

    @property
    def saturation(self) -> Tensor:
        """The share of images whose gate lies below 0.05 or above 0.95: (C,)."""
        return self.overall.saturation[0]

    @cached_property
    def separability(self) -> Tensor:
        """The share of each gate's variance that lies between classes, 0 to 1: (C,). 0 for a gate that never varies."""
        count, mean = self.by_class.count[:, None], self.by_class.mean
        between = (count * (mean - self.mean) ** 2).sum(0)
        total = self.overall.squares[0]
        return torch.where(total > 0, between / total.clamp(min=1e-300), 0.0)

    @property
    def site_separability(self) -> float:
        """The same share for the site: between-class variance of all its gates over their total variance."""
        total = self.overall.squares[0]
        return float((self.separability * total).sum() / total.sum()) if float(total.sum()) > 0 else 0.0


class GateStatistics(BySite[SiteStatistics]):
    """A mapping from the names of sites to their statistics.

    Attributes:
        provenance: what they were computed from, as text by key.
    """

    def __init__(self, sites: Mapping[str, SiteStatistics], provenance: Mapping[str, str] | None = None) -> None:
        super().__init__(sites)
        self.provenance = dict(provenance or {})

    @property
    def count(self) -> int:
        """The number of images."""
        return int(next(iter(self.values())).by_class.count.sum())

    def __repr__(self) -> str:
        gates = sum(site.by_class.mean.shape[1] for site in self.values())
        return f"<GateStatistics of {self.count:,} images: {len(self)} sites, {gates:,} gates>"

    def merge(self, other: GateStatistics) -> GateStatistics:
        """Both sets of images together. The provenance is this one's, with the new count.

        Raises:
            ValueError: if they are of different sites, widths or numbers of classes.
        """
        for name in [*self, *other]:
            if name not in self or name not in other:
                raise ValueError(f"only one of the statistics has the site {name}: they are of different networks")
            ours, theirs = self[name].by_class.mean.shape, other[name].by_class.mean.shape
            if ours != theirs:
                raise ValueError(
                    f"the statistics of {name} have shapes {tuple(ours)} and {tuple(theirs)} (classes, gates)"
                )
        merged = {name: SiteStatistics(site.by_class.merge(other[name].by_class)) for name, site in self.items()}
        result = GateStatistics(merged, self.provenance)
        if "count" in result.provenance:
            result.provenance["count"] = str(result.count)
        return result

    def table(self) -> list[dict[str, float | int | str]]:
        """A row for each site: how far its gates vary, how well they separate classes, how many are saturated."""
        return [
            {
                "site": name,
                "gates": site.mean.numel(),
                "mean gate": float(site.mean.mean()),
                "spread over images": float(site.var.sqrt().mean()),
                "separability": site.site_separability,
                "saturated": float(site.saturation.mean()),
            }
            for name, site in self.items()
        ]

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file, whole or not at all."""
        unfinished = Path(path).with_name(Path(path).name + ".part")
        unfinished.write_bytes(self.to_bytes())
        os.replace(unfinished, path)

    def to_bytes(self) -> bytes:
        """The content of the file that ``save`` writes."""
        from safetensors.torch import save

        tensors = {
            f"{name}:{part.name}": getattr(site.by_class, part.name).contiguous()
            for name, site in self.items()
            for part in fields(Groups)
        }
        metadata = {
            "kind": "effv2viz gate statistics",
            "provenance": json.dumps(self.provenance, sort_keys=True),
            "sites": json.dumps(list(self)),
        }
        return save(tensors, metadata)

    @classmethod
    def load(cls, path: str | Path) -> GateStatistics:
        """Reads what ``save`` wrote.

        Raises:
            ValueError: if the file is broken or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
            sites = {
                name: SiteStatistics(Groups(**{part.name: tensors[f"{name}:{part.name}"] for part in fields(Groups)}))
                for name in json.loads(metadata["sites"])
            }
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} is broken or holds no gate statistics: {error}") from error
        return cls(sites, json.loads(metadata["provenance"]))


def shipped_gates(model: nn.Module) -> GateStatistics:
    """The statistics over the training set that ship with the named weights of a network.

    Raises:
        ValueError: if the network has no named weights, or they ship without statistics.
    """
    weights = getattr(model, "weights", None)
    if weights is None or getattr(weights, "statistics", None) is None:
        raise ValueError(
            "no gate statistics ship with this network's weights: compute them with collect_gates(model, loader)"
        )
    return GateStatistics.load(weights.statistics.path(how_to_fetch=""))
