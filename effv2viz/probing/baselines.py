"""Baselines: the gates that an effect is measured against, from whatever a user has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

import torch
from torch import Tensor, nn

from effv2viz.probing.sites import Site, choose_channel_sites
from effv2viz.probing.statistics import GateStatistics, shipped_gates
from effv2viz.probing.tracing import Trace
from effv2viz.suggestions import unknown_name

Baseline = Union[float, GateStatistics, Trace, Mapping[str, Tensor]]


def baseline_gates(
    model: nn.Module, baseline: Baseline | None = None, sites: list[Site] | None = None
) -> dict[str, Tensor]:
    """The baseline gate of every channel, by site: {site: (C,)} on the CPU, or {site: (N, C)} where it gave rows.

    Args:
        model: the network.
        baseline: one number for all gates; gate statistics (their means); a trace of one image, or of as many as the
            effect is measured on; a mapping from sites to (C,) or (N, C). Left out, the statistics that the
            network's named weights ship with.
        sites: those that are needed; all of the network where left out.

    Raises:
        ValueError: if there is no baseline for a site, one has the wrong width, or holds NaN.
    """
    sites = choose_channel_sites(model) if sites is None else sites
    if baseline is None:
        baseline = shipped_gates(model)
    if isinstance(baseline, int | float):
        gates = {site.name: torch.full((_width(site),), float(baseline)) for site in sites}
    else:
        for site in sites:
            if site.name not in baseline:
                raise unknown_name("site in the baseline:", site.name, list(baseline))
        gates = {site.name: _values(baseline, site.name) for site in sites}
    for site in sites:
        gate = gates[site.name]
        if gate.ndim not in (1, 2) or (site.channels is not None and gate.shape[-1] != site.channels):
            raise ValueError(
                f"the baseline of {site.name} has shape {tuple(gate.shape)}: the site has {site.channels} gates, so "
                f"use ({site.channels},) or (N, {site.channels}); a trace or statistics of another network do not fit"
            )
        if not bool(torch.isfinite(gate).all()):
            raise ValueError(f"the baseline of {site.name} holds NaN or infinite numbers")
    return gates


def _width(site: Site) -> int:
    if site.channels is None:
        raise ValueError(f"only a forward tells how many gates {site.name} has: give the baseline by site")
    return site.channels


def _values(baseline: GateStatistics | Trace | Mapping[str, Tensor], name: str) -> Tensor:
    if isinstance(baseline, GateStatistics):
        return baseline[name].mean.cpu()
    if isinstance(baseline, Trace):
        gate = baseline[name].gate.cpu()
        return gate[0] if len(gate) == 1 else gate
    return torch.as_tensor(baseline[name]).detach().cpu()
