"""Collecting statistics of gates: one pass over a data set, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from effv2viz.probing.guards import eager
from effv2viz.probing.memory import must_fit
from effv2viz.probing.sites import choose_channel_sites, refuse_spatial
from effv2viz.probing.statistics import BINS, GateStatistics, Groups, SiteStatistics
from effv2viz.probing.tracing import Trace, trace

Batches = Iterable["Tensor | tuple[Tensor, Tensor]"]
BYTES_PER_GATE = 2 * 8 + 2 * 4 + BINS * 4  # and group: see Groups


class GateCollector:
    """Takes in batch after batch.

    Args:
        groups: K, the classes; 1 for images without labels.
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self._gates: dict[str, slice] = {}
        self._sums = Groups.empty(groups, 0)

    def add(self, run: Trace, labels: Tensor | None = None) -> None:
        """Takes in the gates of a trace.

        Raises:
            ValueError: if a label is out of range, or a gate is NaN; nothing is taken in then.
        """
        index = torch.zeros(run.count, dtype=torch.long) if labels is None else labels.long().cpu()
        if len(index) != run.count:
            raise ValueError(f"there are {len(index)} labels for {run.count} images")
        if int(index.min()) < 0 or int(index.max()) >= self.groups:
            raise ValueError(f"labels go from {int(index.min())} to {int(index.max())}: use 0 to {self.groups - 1}")
        for name, site in run.items():
            refuse_spatial(name, site.gate.ndim > 2)
        gates = torch.cat([run[name].gate for name in self._gates or run], 1)
        if not bool(torch.isfinite(gates).all()):
            name = next(name for name, site in run.items() if not bool(torch.isfinite(site.gate).all()))
            bad = (~torch.isfinite(run[name].gate)).any(1).nonzero().flatten().tolist()
            raise ValueError(f"the gates of {name} are NaN or infinite for images {bad[:5]} of the batch")
        if not self._gates:
            self._begin(run)
        self._sums.add(gates.double().cpu(), index)

    def _begin(self, run: Trace) -> None:
        """Lays all gates of the network side by side, so that a batch is taken in at once."""
        start = 0
        for name, site in run.items():
            self._gates[name] = slice(start, start + site.gate.shape[1])
            start += site.gate.shape[1]
        what = f"the statistics of {start} gates in {self.groups} classes"
        advice = "collect them with by_class=False"
        must_fit(self.groups * start * BYTES_PER_GATE, torch.device("cpu"), None, what, advice)
        self._sums = Groups.empty(self.groups, start)

    def result(self, provenance: dict[str, str] | None = None) -> GateStatistics:
        """The statistics of what was taken in.

        Raises:
            ValueError: if that was nothing.
        """
        if not self._gates:
            raise ValueError("there were no images")
        sites = {name: SiteStatistics(self._sums.of_gates(some)) for name, some in self._gates.items()}
        return GateStatistics(sites, provenance)


def collect_gates(
    model: nn.Module,
    loader: Batches,
    *,
    by_class: bool = True,
    num_classes: int | None = None,
    progress: bool = False,
) -> GateStatistics:
    """Statistics of every gate of a network over a data set.

    Args:
        model: any network that ``find_se`` finds sites in. It is left as it was.
        loader: batches of ``images`` (N, 3, H, W), or of ``(images, labels)`` with labels (N,) from 0.
        by_class: keep the classes apart, where there are labels.
        num_classes: K; the network's logits have as many where left out.
        progress: show a bar.

    Raises:
        ValueError: if there are no images, a label is out of range, gates are NaN, or some batches have labels and
            others do not.
        MemoryError: if the statistics of so many classes would not fit.
    """
    model = eager(model)
    sites = [site.name for site in choose_channel_sites(model)]
    collector: GateCollector | None = None
    labelled: bool | None = None
    for batch in tqdm(loader, desc="gates", disable=not progress, leave=False):
        images, labels = (batch, None) if isinstance(batch, Tensor) else batch
        if labelled not in (None, labels is not None):
            raise ValueError("some batches have labels and others have none")
        labelled = labels is not None
        run = trace(model, images, sites)
        split = labelled and by_class
        if collector is None:
            collector = GateCollector((num_classes or run.logits.shape[1]) if split else 1)
        collector.add(run, labels if split else None)
    if collector is None:
        raise ValueError("the loader gave no images")
    return collector.result()
