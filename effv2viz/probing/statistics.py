"""Statistics of every gate over a data set, in one pass and in float64, overall and by class."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from effv2viz.probing.tracing import choose_sites, trace
from effv2viz.suggestions import unknown_name


@dataclass(frozen=True)
class Moments:
    """Counts (K,), means (K, C) and sums of squared deviations (K, C) of C gates in K groups of images, float64."""

    count: Tensor
    mean: Tensor
    squares: Tensor

    @property
    def var(self) -> Tensor:
        """The variance within each group, dividing by its count: (K, C)."""
        return self.squares / self.count[:, None]

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of images together (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        share = torch.where(count > 0, other.count / count.clamp(min=1), 0.0)[:, None]
        delta = other.mean - self.mean
        squares = self.squares + other.squares + delta**2 * self.count[:, None] * share
        return Moments(count, self.mean + delta * share, squares)

    def together(self) -> Moments:
        """The moments of all groups as one: K becomes 1."""
        total = Moments(self.count[:1], self.mean[:1], self.squares[:1])
        for k in range(1, len(self.count)):
            total = total.merge(Moments(self.count[k : k + 1], self.mean[k : k + 1], self.squares[k : k + 1]))
        return total


@dataclass(frozen=True)
class SiteStatistics:
    """The gates of one site over a data set; ``by_class`` has a row for each class (one row if there are no labels)."""

    by_class: Moments
    min: Tensor
    max: Tensor

    @property
    def mean(self) -> Tensor:
        """The mean of each gate over all images: (C,)."""
        return self.by_class.together().mean[0]

    @property
    def var(self) -> Tensor:
        """The variance of each gate over all images, dividing by their count: (C,)."""
        return self.by_class.together().var[0]


class GateStatistics(Mapping[str, SiteStatistics]):
    """A mapping from the names of sites to their statistics.

    Attributes:
        provenance: what they were computed from, as text by key.
    """

    def __init__(self, sites: Mapping[str, SiteStatistics], provenance: Mapping[str, str] | None = None) -> None:
        self._sites = dict(sites)
        self.provenance = dict(provenance or {})

    def __getitem__(self, name: str) -> SiteStatistics:
        if name not in self._sites:
            raise KeyError(str(unknown_name("site", name, self._sites)))
        return self._sites[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)

    @property
    def count(self) -> int:
        """The number of images."""
        return int(next(iter(self._sites.values())).by_class.count.sum())

    def __repr__(self) -> str:
        gates = sum(len(site.min) for site in self._sites.values())
        return f"<GateStatistics of {self.count:,} images: {len(self)} sites, {gates:,} gates>"

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file, whole or not at all."""
        from safetensors.torch import save

        tensors: dict[str, Tensor] = {}
        for name, site in self._sites.items():
            moments = site.by_class
            parts = {"count": moments.count, "mean": moments.mean, "squares": moments.squares}
            parts |= {"min": site.min, "max": site.max}
            tensors |= {f"{name}:{part}": value.contiguous() for part, value in parts.items()}
        metadata = {"provenance": json.dumps(self.provenance, sort_keys=True), "sites": json.dumps(list(self._sites))}
        part = Path(path).with_suffix(".part")
        part.write_bytes(save(tensors, metadata))
        os.replace(part, path)

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
            sites = {}
            for name in json.loads(metadata["sites"]):
                moments = Moments(*(tensors[f"{name}:{part}"] for part in ("count", "mean", "squares")))
                sites[name] = SiteStatistics(moments, tensors[f"{name}:min"], tensors[f"{name}:max"])
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} is broken or holds no gate statistics: {error}") from error
        return cls(sites, json.loads(metadata["provenance"]))


def shipped_gates(model: nn.Module) -> GateStatistics:
    """The statistics over the training set that ship with the named weights of a network.

    Raises:
        ValueError: if the network has no named weights, or they ship without statistics.
    """
    weights = getattr(model, "weights", None)
    if weights is None or weights.statistics is None:
        raise ValueError(
            "no gate statistics ship with this network's weights: compute them with collect_gates(model, loader)"
        )
    return GateStatistics.load(weights.statistics.path(how_to_fetch=""))


Batches = Iterable["Tensor | tuple[Tensor, Tensor]"]


def collect_gates(
    model: nn.Module, loader: Batches, *, num_classes: int | None = None, progress: bool = True
) -> GateStatistics:
    """Statistics of every gate of a network over a data set. Memory does not grow with the number of images.

    Args:
        model: any network that ``find_se`` finds sites in. It is left as it was.
        loader: batches of ``images`` (N, 3, H, W), or of ``(images, labels)`` with labels (N,) from 0.
        num_classes: K; the network's logits have as many where left out.
        progress: show a bar.

    Raises:
        ValueError: if there are no images, a label is out of range, or some batches have labels and others do not.
    """
    sites = [site.name for site in choose_sites(model, None)]
    sums: dict[str, SiteStatistics] = {}
    labelled: bool | None = None
    for batch in tqdm(loader, desc="gates", disable=not progress, leave=False):
        images, labels = (batch, None) if isinstance(batch, Tensor) else batch
        if labelled not in (None, labels is not None):
            raise ValueError("some batches have labels and others have none")
        labelled = labels is not None
        run = trace(model, images)
        groups = (num_classes or run.logits.shape[1]) if labelled else 1
        index = torch.zeros(len(images), dtype=torch.long) if labels is None else labels.long().cpu()
        if int(index.min()) < 0 or int(index.max()) >= groups:
            raise ValueError(f"labels go from {int(index.min())} to {int(index.max())}: use 0 to {groups - 1}")
        for name in sites:
            gate = run[name].gate.double().cpu()
            new = SiteStatistics(_moments(gate, index, groups), gate.amin(0), gate.amax(0))
            old = sums.get(name)
            sums[name] = (
                new
                if old is None
                else SiteStatistics(
                    old.by_class.merge(new.by_class), torch.minimum(old.min, new.min), torch.maximum(old.max, new.max)
                )
            )
    if not sums:
        raise ValueError("the loader gave no images")
    return GateStatistics(sums)


def _moments(gate: Tensor, index: Tensor, groups: int) -> Moments:
    """The moments of one batch: ``gate`` (N, C) float64, ``index`` (N,) the group of each image."""
    count = torch.bincount(index, minlength=groups).double()
    zeros = torch.zeros(groups, gate.shape[1], dtype=torch.float64)
    mean = zeros.index_add(0, index, gate) / count.clamp(min=1)[:, None]
    squares = zeros.index_add(0, index, (gate - mean[index]) ** 2)
    return Moments(count, mean, squares)
