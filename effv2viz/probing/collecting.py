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
        self._sites: dict[str, Groups] = {}

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
        gates = {name: site.gate.double().cpu() for name, site in run.items()}
        for name, gate in gates.items():
            refuse_spatial(name, gate.ndim > 2)
            if not bool(torch.isfinite(gate).all()):
                bad = (~torch.isfinite(gate)).any(1).nonzero().flatten().tolist()
                raise ValueError(f"the gates of {name} are NaN or infinite for images {bad[:5]} of the batch")
        if not self._sites:
            needed = self.groups * sum(gate.shape[1] for gate in gates.values()) * BYTES_PER_GATE
            what = f"the statistics of {sum(g.shape[1] for g in gates.values())} gates in {self.groups} classes"
            must_fit(needed, torch.device("cpu"), None, what, "collect them with by_class=False")
            self._sites = {name: Groups.empty(self.groups, gate.shape[1]) for name, gate in gates.items()}
        for name, gate in gates.items():
            self._sites[name].add(gate, index)

    def result(self, provenance: dict[str, str] | None = None) -> GateStatistics:
        """The statistics of what was taken in.

        Raises:
            ValueError: if that was nothing.
        """
        if not self._sites:
            raise ValueError("there were no images")
        return GateStatistics({name: SiteStatistics(groups) for name, groups in self._sites.items()}, provenance)


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
