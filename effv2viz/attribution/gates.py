"""Attribution to gates: what every gate of a network does to the logit of a class, beside the truth."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from effv2viz.attribution.gate_methods import gate_slopes, groups, integrated_gradients
from effv2viz.attribution.gate_model import GateModel
from effv2viz.attribution.gate_problem import GateProblem
from effv2viz.attribution.methods import find_method
from effv2viz.attribution.running import Cost, CountedForward, Progress, counted, first_answer
from effv2viz.attribution.shapley import shapley_of_channels, shapley_of_sites
from effv2viz.probing.ablation import ablate_gates, checked_target
from effv2viz.probing.baselines import Baseline, baseline_gates
from effv2viz.probing.by_site import BySite
from effv2viz.probing.gate_hooks import gates_seen
from effv2viz.probing.guards import checked_images, eager
from effv2viz.probing.replay import EFFECTS, Effect, Replay
from effv2viz.probing.sites import choose_channel_sites
from effv2viz.suggestions import unknown_name


class GateAttribution(BySite[Tensor]):
    """What every gate contributes to F(gate) - F(baseline): a mapping from sites to (N, C).

    Attributes:
        method: its name.
        effect: ``"direct"``: other gates held; ``"total"``: later gates respond.
        target: (N,) the class whose logit F is.
        output: (N,) F.
        gates: {site: (N, C)}, the network's own.
        baseline: {site: (N, C)}.
        sums: {site: (N,)}; by Shapley over sites these are what was computed, and the mapping itself is empty.
        residual: {sites: (N,)}, F(own) - F(baseline) less what was attributed, for each group of sites that move
            together: all for a direct effect, each alone for a total one. None for methods that do not promise zero.
        exact: {site: (N, C)}, the exact ablation of the gates that were asked for, NaN elsewhere; None if none were.
        cost: the whole forwards and backwards that it took. Replayed parts of forwards, as in ablation, do not count.
    """

    def __init__(
        self,
        values: Mapping[str, Tensor],
        *,
        method: str,
        effect: Effect,
        target: Tensor,
        output: Tensor,
        gates: Mapping[str, Tensor],
        baseline: Mapping[str, Tensor],
        sums: Mapping[str, Tensor],
        residual: Mapping[str, Tensor] | None,
        exact: Mapping[str, Tensor] | None,
        cost: Cost,
    ) -> None:
        super().__init__(values)
        self.method, self.effect, self.target, self.output = method, effect, target, output
        self.gates, self.baseline, self.sums = dict(gates), dict(baseline), dict(sums)
        self.residual = None if residual is None else dict(residual)
        self.exact = None if exact is None else dict(exact)
        self.cost = cost

    def __repr__(self) -> str:
        rest = ""
        if self.residual is not None:
            worst = max(float(value.abs().max()) for value in self.residual.values())
            rest = f", residual at most {worst:.2g}"
        what = f"{self.method}, {self.effect} effect: {len(self.output)} images, {len(self.sums)} sites"
        return f"<{what}{rest}, {self.cost}>"

    def top(self, count: int = 10, image: int = 0) -> list[dict[str, Any]]:
        """The gates with the largest contributions, either sign: site, channel, gate, baseline, attribution, exact."""
        if not 0 <= image < len(self.output):
            raise ValueError(f"there is no image {image}: they go from 0 to {len(self.output) - 1}")
        return [self._row(site, channel, image) for site, channel in _strongest(self, count, image)]

    def table(self, site: str, image: int = 0) -> list[dict[str, Any]]:
        """A row for each channel of a site, as in ``top``."""
        return [self._row(site, channel, image) for channel in range(self[site].shape[1])]

    def by_site(self, image: int = 0) -> list[dict[str, Any]]:
        """A row for each site: the sum of its contributions."""
        return [{"site": name, "attribution": float(value[image])} for name, value in self.sums.items()]

    def _row(self, site: str, channel: int, image: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            "site": site,
            "channel": channel,
            "gate": float(self.gates[site][image, channel]),
            "baseline": float(self.baseline[site][image, channel]),
            "attribution": float(self[site][image, channel]),
        }
        if self.exact is not None:
            exact = float(self.exact[site][image, channel])
            row["exact"] = None if exact != exact else exact
        return row


@dataclass(frozen=True)
class _Options:
    """The options of a method, with their defaults."""

    steps: int = 16
    samples: int = 25
    seed: int = 0
    over: str = "sites"
    channels: Sequence[int] | None = None


_TAKES = {
    "first_order": (),
    "integrated_gradients": ("steps",),
    "shapley": ("samples", "seed", "over", "channels"),
    "ablation": ("channels",),
    "random": ("seed",),
}


def attribute_gates(
    model: nn.Module,
    images: Tensor,
    target: int | Sequence[int] | Tensor | None = None,
    method: str = "first_order",
    *,
    baseline: Baseline | None = None,
    effect: Effect = "total",
    sites: Sequence[str] | None = None,
    exact_top: int = 0,
    progress: Progress = False,
    cancel: threading.Event | None = None,
    memory: int | None = None,
    **options: Any,
) -> GateAttribution:
    """What every gate does to the logit of a class: its share in F(gate) - F(baseline).

    Recommended: ``method="first_order", exact_top=50``. The first order of all gates costs one forward and one
    backward; the strongest ones are then ablated exactly, and stand beside it.

    Args:
        model: any network that ``find_se`` finds sites in. It runs in eval mode and is left as it was.
        images: (N, C, H, W), as ``load_images`` makes them.
        target: the class: an int, or one for each image; the predicted class where left out.
        method: a name of ``list_methods("gates")``.
        baseline: see ``baseline_gates``; the data-set mean that the named weights ship with where left out.
        effect: ``"direct"``: all other gates are held; ``"total"``: later gates respond.
        sites: names of the sites that are explained; all where left out.
        exact_top: ablate so many of each image's strongest gates exactly, too.
        progress: show a bar, or tell a function of how many forwards are done, and how many are expected.
        cancel: once it is set, the call raises ``AttributionCancelledError`` before its next forward; exact ablations
            end there, and what was not reached is NaN.
        memory: see ``attribute_pixels``.
        options: of the method: ``steps`` (integrated_gradients), ``samples``, ``seed``, ``over="sites"`` or a site with
            ``channels`` (shapley), ``channels`` (ablation, of every site), ``seed`` (random).

    Raises:
        ValueError: for methods, options, sites, targets or baselines that do not exist or fit.
        AttributionCancelledError: if it was cancelled.
    """
    find_method(method, "gates")
    for name in options:
        if name not in _TAKES[method]:
            raise unknown_name(f"option of {method}:", name, _TAKES[method])
    chosen = _Options(**options)
    if effect not in EFFECTS:
        raise unknown_name("effect", effect, EFFECTS)
    model = eager(model)
    with torch.inference_mode(False):
        images = checked_images(model, images).detach().clone()
    places = choose_channel_sites(model, list(sites) if sites is not None else None)
    base = baseline_gates(model, baseline, places)
    with counted(model, cancel, progress, len(images), f"gates by {method}") as forward:
        gates = GateModel(model, run=forward)
        if method == "first_order":
            problem, output, values = _first_order(gates, images, target, base, effect, memory)
            sums, residual = {name: value.sum(1) for name, value in values.items()}, None
        else:
            problem, output = _problem(gates, images, target, base, effect, memory, forward)
            values, sums, residual = _solve(problem, output, method, chosen, cancel)
        exact = _exact_top(model, problem, values, exact_top, cancel) if exact_top and values else None
        return GateAttribution(
            values,
            method=method,
            effect=effect,
            target=problem.target,
            output=output,
            gates=problem.own,
            baseline=problem.baseline,
            sums=sums,
            residual=residual,
            exact=exact,
            cost=forward.cost(len(images)),
        )


def _problem(
    gates: GateModel,
    images: Tensor,
    target: int | Sequence[int] | Tensor | None,
    base: dict[str, Tensor],
    effect: Effect,
    memory: int | None,
    forward: CountedForward,
) -> tuple[GateProblem, Tensor]:
    """The question, with the network's own gates, and F (N,)."""
    kept: dict[str, list[Tensor]] = {site.name: [] for site in gates.sites}
    with gates_seen(gates.model, gates.sites, lambda name, gate: kept[name].append(gate)):
        logits, together = first_answer(forward, images, True, memory)
    own = {name: torch.cat(parts) for name, parts in kept.items()}
    classes = checked_target(target, logits)
    problem = GateProblem(gates, images, classes, own, _expanded(base, own), effect, together)
    return problem, logits.gather(1, classes[:, None])[:, 0]


def _expanded(base: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The baseline as (N, C) of every site that is explained."""
    baseline = {}
    for name in base:
        gate, value = own[name], base[name].to(own[name])
        if value.ndim == 2 and len(value) not in (1, len(gate)):
            raise ValueError(f"the baseline has gates of {len(value)} images, and there are {len(gate)}")
        baseline[name] = value.expand_as(gate)
    return baseline


def _first_order(
    gates: GateModel,
    images: Tensor,
    target: int | Sequence[int] | Tensor | None,
    base: dict[str, Tensor],
    effect: Effect,
    memory: int | None,
) -> tuple[GateProblem, Tensor, dict[str, Tensor]]:
    """Slope times difference. The same forward tells the gates, the logits and the slopes."""
    wanted = None if target is None else torch.as_tensor(target, device=images.device)

    def classes(logits: Tensor, some: slice) -> Tensor:
        whole = wanted is None or wanted.ndim == 0
        if not whole and len(wanted) != len(images):  # type: ignore[arg-type]
            return checked_target(wanted, logits.new_zeros(len(images), logits.shape[1]))
        return checked_target(wanted if whole else wanted[some], logits)  # type: ignore[index]

    found = gate_slopes(gates, images, classes, effect, memory)
    chosen = checked_target(wanted, found.logits)
    baseline = _expanded(base, found.gates)
    problem = GateProblem(gates, images, chosen, found.gates, baseline, effect, len(images))
    values = {name: found.slopes[name] * (found.gates[name] - baseline[name]) for name in problem.names}
    return problem, found.logits.gather(1, chosen[:, None])[:, 0], values


_Solution = tuple[dict[str, Tensor], dict[str, Tensor], "dict[str, Tensor] | None"]


def _solve(
    problem: GateProblem, output: Tensor, method: str, options: _Options, cancel: threading.Event | None
) -> _Solution:
    """Contributions by gate, their sums by site, and residuals."""
    if method == "shapley":
        return _shapley(problem, output, options)
    residual = None
    if method == "integrated_gradients":
        values = integrated_gradients(problem, options.steps)
    elif method == "random":
        generator = torch.Generator().manual_seed(options.seed)
        chosen = {name: problem.own[name] for name in problem.names}
        values = {name: torch.randn(gate.shape, generator=generator).to(gate) for name, gate in chosen.items()}
    else:
        values = _ablation(problem, options.channels, cancel)
    sums = {name: value.nansum(1) for name, value in values.items()}
    if method == "integrated_gradients":
        residual = {
            ", ".join(group): output - problem.at_baseline(group) - sum(sums[name] for name in group)
            for group in groups(problem)
        }
    return values, sums, residual


def _ablation(
    problem: GateProblem, channels: Sequence[int] | None, cancel: threading.Event | None
) -> dict[str, Tensor]:
    replay = Replay(problem.gates.model, problem.images)
    return {
        name: ablate_gates(
            replay,
            target=problem.target,
            site=name,
            baseline=problem.baseline,
            effect=problem.effect,
            channels=channels,
            cancel=cancel,
        )
        for name in problem.names
    }


def _shapley(problem: GateProblem, output: Tensor, options: _Options) -> _Solution:
    if options.over == "sites":
        if options.channels is not None:
            raise ValueError('channels go with over="<a site>": over="sites" shares out among whole sites')
        columns = shapley_of_sites(problem, options.samples, options.seed)
        sums = dict(zip(problem.names, columns.unbind(1), strict=True))
        rest = output - problem.at_baseline(problem.names) - columns.sum(1)
        return {}, sums, {", ".join(problem.names): rest}
    if options.over not in problem.names:
        raise unknown_name('over: use "sites" or a site;', options.over, ["sites", *problem.names])
    own = problem.own[options.over]
    channels = list(range(own.shape[1])) if options.channels is None else [int(c) for c in options.channels]
    for channel in channels:
        if not 0 <= channel < own.shape[1]:
            raise ValueError(f"{options.over} has no channel {channel}: they go from 0 to {own.shape[1] - 1}")
    columns = shapley_of_channels(problem, options.over, channels, options.samples, options.seed)
    values = torch.full_like(own, float("nan"))
    values[:, channels] = columns
    return {options.over: values}, {options.over: columns.sum(1)}, None


def _exact_top(
    model: nn.Module,
    problem: GateProblem,
    values: Mapping[str, Tensor],
    count: int,
    cancel: threading.Event | None,
) -> dict[str, Tensor]:
    """The exact ablation of each image's strongest gates, NaN elsewhere."""
    exact = {name: torch.full_like(value, float("nan")) for name, value in values.items()}
    for image in range(len(problem.images)):
        one = slice(image, image + 1)
        replay = Replay(model, problem.images[one])
        chosen: dict[str, list[int]] = {}
        for site, channel in _strongest(values, count, image):
            chosen.setdefault(site, []).append(channel)
        for site, channels in chosen.items():
            exact[site][one] = ablate_gates(
                replay,
                target=problem.target[one],
                site=site,
                baseline={site: problem.baseline[site][one]},
                effect=problem.effect,
                channels=channels,
                cancel=cancel,
            )
    return exact


def _strongest(values: Mapping[str, Tensor], count: int, image: int) -> list[tuple[str, int]]:
    """The sites and channels of an image's largest contributions, the largest first."""
    rows = [value[image].abs().nan_to_num(-1) for value in values.values()]
    names = [(name, channel) for name, value in values.items() for channel in range(value.shape[1])]
    together = torch.cat(rows)
    order = together.argsort(descending=True)[: min(count, int((together >= 0).sum()))]
    return [names[place] for place in order.tolist()]
