"""Interventions: gates changed on purpose, for as long as a ``with`` block lasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar, Union

import torch
from torch import Tensor, nn

from effv2viz.probing.guards import eager, locked
from effv2viz.probing.sites import Site, choose_sites, refuse_spatial
from effv2viz.probing.statistics import GateStatistics, shipped_gates
from effv2viz.probing.tracing import Trace


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """A rule that makes new gates of a site from those that the network computed.

    Attributes:
        channels: the channels that are changed; all where left out.
    """

    channels: Sequence[int] | None = None
    elementwise: ClassVar[bool] = False  # makes each new gate from the old one alone, so that it can change maps too

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        """The new gates (N, len(chosen)) of the chosen channels, given all gates (N, C)."""
        raise NotImplementedError

    def check(self, model: nn.Module, site: Site) -> Intervention:
        """Refuses what cannot work at a site of a network; returns what will run there."""
        refuse_spatial(site.name, site.spatial and (self.channels is not None or not self.elementwise))
        width = site.channels
        for channel in self.channels or ():
            if channel < 0 or (width is not None and channel >= width):
                limit = f"they go from 0 to {width - 1}" if width is not None else "they start at 0"
                raise ValueError(f"{site.name} has no channel {channel}: {limit}")
        return self

    def apply(self, gate: Tensor, site: Site) -> Tensor:
        """The gates (N, C) after this intervention; ``gate`` is left as it is."""
        chosen = torch.arange(gate.shape[1]) if self.channels is None else torch.as_tensor(list(self.channels))
        chosen = chosen.to(gate.device)
        changed = gate.clone()
        changed[:, chosen] = self.new_gate(gate, site, chosen).to(gate)
        return changed


@dataclass(frozen=True)
class Constant(Intervention):
    """Every gate becomes one number."""

    value: float
    elementwise = True

    def check(self, model: nn.Module, site: Site) -> Intervention:
        if not math.isfinite(self.value):
            raise ValueError(f"Constant({self.value}) is no gate: use a finite number")
        return super().check(model, site)

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        return torch.full_like(gate[:, chosen], self.value)


@dataclass(frozen=True)
class Zero(Intervention):
    """The channel is shut."""

    elementwise = True

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        return torch.zeros_like(gate[:, chosen])


@dataclass(frozen=True)
class One(Intervention):
    """The channel passes as it is: SE switched off."""

    elementwise = True

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        return torch.ones_like(gate[:, chosen])


@dataclass(frozen=True)
class Scale(Intervention):
    """The gate is multiplied."""

    factor: float
    elementwise = True

    def check(self, model: nn.Module, site: Site) -> Intervention:
        if not math.isfinite(self.factor):
            raise ValueError(f"Scale({self.factor}): use a finite factor")
        return super().check(model, site)

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        return gate[:, chosen] * self.factor


@dataclass(frozen=True)
class Clamp(Intervention):
    """The gate is held between two bounds."""

    low: float = 0.0
    high: float = 1.0
    elementwise = True

    def check(self, model: nn.Module, site: Site) -> Intervention:
        if not self.low <= self.high:
            raise ValueError(f"Clamp({self.low}, {self.high}): the lower bound comes first")
        return super().check(model, site)

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        return gate[:, chosen].clamp(self.low, self.high)


@dataclass(frozen=True)
class Mean(Intervention):
    """The gate becomes its mean over a data set, so that it no longer depends on the picture.

    Attributes:
        statistics: of the gates; left out, those that the network's named weights ship with.
    """

    statistics: GateStatistics | None = None

    def check(self, model: nn.Module, site: Site) -> Intervention:
        refuse_spatial(site.name, site.spatial)
        statistics = shipped_gates(model) if self.statistics is None else self.statistics
        mean = statistics[site.name].mean
        if site.channels is not None and len(mean) != site.channels:
            raise ValueError(
                f"the statistics have {len(mean)} gates at {site.name} and the network {site.channels}: they are of "
                "another network"
            )
        return super(Mean, Mean(statistics, channels=self.channels)).check(model, site)

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        assert self.statistics is not None
        return self.statistics[site.name].mean.to(gate)[chosen].expand(len(gate), -1)


@dataclass(frozen=True)
class Swap(Intervention):
    """The gate becomes that of another image, or of as many other images as run.

    Attributes:
        trace: of one image, or of one for each image that will run.
    """

    trace: Trace

    def check(self, model: nn.Module, site: Site) -> Intervention:
        refuse_spatial(site.name, site.spatial)
        if site.name not in self.trace:
            raise ValueError(f"the trace has no site {site.name}: it is of another network, or of other sites")
        gate = self.trace[site.name].gate
        if site.channels is not None and gate.shape[1] != site.channels:
            raise ValueError(
                f"the trace has {gate.shape[1]} gates at {site.name} and the network {site.channels}: it is of another "
                "network"
            )
        if not bool(torch.isfinite(gate).all()):
            raise ValueError(f"the trace holds NaN or infinite gates at {site.name}")
        return super().check(model, site)

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        other = self.trace[site.name].gate
        if len(other) not in (1, len(gate)):
            raise ValueError(
                f"Swap holds gates of {len(other)} images and {len(gate)} run: use a trace of one image or of as many"
            )
        return other.to(gate)[:, chosen].expand(len(gate), -1)


@dataclass(frozen=True)
class Shuffle(Intervention):
    """The gates of each image change places across the chosen channels, the same way for all images.

    Attributes:
        seed: of the order. torch's own random state is not touched.
    """

    seed: int = 0

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(self.seed))
        return gate[:, chosen[order.to(chosen.device)]]


@dataclass(frozen=True)
class Randomize(Intervention):
    """The gate becomes a random number between 0 and 1, another for each image and channel.

    Attributes:
        seed: of the numbers; the same batch shape gets the same ones. torch's own random state is not touched.
    """

    seed: int = 0

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return torch.rand(len(gate), len(chosen), generator=generator).to(gate)


Plan = Union[Intervention, Mapping[str, Union[Intervention, Sequence[Intervention]]]]


@contextmanager
def intervene(model: nn.Module, plan: Plan) -> Iterator[nn.Module]:
    """While the block lasts, the network runs with changed gates.

    Interventions on a site act in the order in which they are listed; those of an inner ``with`` act on what the outer
    ones left. Whatever happens in the block, the network has its own gates afterwards. Other threads that look into the
    network by this package wait until the block ends.

    Args:
        model: any network that ``find_se`` finds sites in.
        plan: one intervention for all sites, or a mapping from sites to one or more.

    Yields:
        The network with the changed gates: the original of a compiled one.

    Raises:
        ValueError: before anything changes, for a site or channel that does not exist, a trace or statistics of another
            network, or gates that are no numbers.
    """
    model = eager(model)
    checked = _checked(model, plan)
    with locked(model), ExitStack() as hooks:
        for site, interventions in checked:
            gate = model.get_submodule(site.gate_path)
            hooks.callback(gate.register_forward_hook(_changer(site, interventions)).remove)
        yield model


def _checked(model: nn.Module, plan: Plan) -> list[tuple[Site, list[Intervention]]]:
    if isinstance(plan, Intervention):
        plan = {site.name: plan for site in choose_sites(model)}
    if not isinstance(plan, Mapping):
        raise TypeError(
            f"intervene takes an intervention, or a mapping from sites to interventions, not {type(plan).__name__}"
        )
    checked = []
    for site in choose_sites(model, list(plan)):
        rules = plan[site.name]
        listed = list(rules) if isinstance(rules, Sequence) else [rules]
        for rule in listed:
            if not isinstance(rule, Intervention):
                raise TypeError(f"{site.name}: {rule!r} is no intervention; use for example ev.Constant({rule!r})")
        checked.append((site, [rule.check(model, site) for rule in listed]))
    return checked


def _changer(site: Site, interventions: list[Intervention]) -> Callable[..., Tensor]:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        gate = output.flatten(1)
        for intervention in interventions:
            gate = intervention.apply(gate, site)
        return gate.reshape(output.shape)

    return hook
