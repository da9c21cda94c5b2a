"""What a trained network does when its gates are not its own: which part of SE matters once training is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from effv2viz.probing import GateStatistics, find_se, intervene, trace
from effv2viz.probing.interventions import Intervention
from effv2viz.probing.sites import Site

BATCH = 250  # pictures in a forward, for the sake of memory


@dataclass(frozen=True)
class Given(Intervention):
    """The gates become given ones.

    Attributes:
        gates: {site: (N, C)}, one row for each picture that runs.
    """

    gates: dict[str, Tensor]

    def new_gate(self, gate: Tensor, site: Site, chosen: Tensor) -> Tensor:
        """See ``Intervention``."""
        return self.gates[site.name].to(gate)[:, chosen]


@torch.no_grad()
def gate_tests(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    statistics: GateStatistics,
    twins: tuple[Tensor, Tensor] | None = None,
) -> Iterator[dict[str, str]]:
    """Rows: ``gates`` (what they are), ``site`` (where they change, or ``all``), ``measure``, ``pictures``, ``value``.

    ``one`` switches SE off. ``mean`` leaves what is the same for all pictures, ``class mean`` what is the same for all
    pictures of the right class: it is told the label, so it may help more than a picture's own gates do. ``another
    picture's`` gates come from the same test set, drawn at random. With ``twin's`` gates a picture gets those of its
    twin; there the measures are ``follows`` and ``stays``: how often the answer is the twin's label and how often the
    picture's own, among the pairs whose labels differ.

    Args:
        model: a network with one gate per channel, in eval mode.
        inputs: test pictures (N, 3, H, W) as the network takes them.
        labels: (N,).
        statistics: of its gates over training pictures, by class.
        twins: inputs and labels of the pictures' twins, if they have any.
    """
    sites = [site.name for site in find_se(model)]
    own = {name: site.gate for name, site in trace(model, inputs, batch_size=BATCH).items()}
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    mean = {name: statistics[name].mean.expand(len(labels), -1) for name in sites}
    class_mean = {}
    for name in sites:
        by_class = statistics[name].by_class
        assert by_class is not None
        class_mean[name] = by_class.mean[labels]
    one = {name: torch.ones_like(gate) for name, gate in own.items()}
    rules = {
        "own": own,
        "one": one,
        "mean": mean,
        "class mean": class_mean,
        "another picture's": {name: gate[order] for name, gate in own.items()},
    }

    def answers(gates: dict[str, Tensor], chosen: list[str]) -> Tensor:
        found = []
        for piece in torch.arange(len(labels)).split(BATCH):
            rule = Given({name: gates[name][piece] for name in chosen})
            with intervene(model, dict.fromkeys(chosen, rule)):
                found.append(model(inputs[piece]).argmax(1))
        return torch.cat(found)

    def row(gates: str, site: str, measure: str, right: Tensor) -> dict[str, str]:
        value = f"{float(right.double().mean()):.4f}"
        return {"gates": gates, "site": site, "measure": measure, "pictures": str(len(right)), "value": value}

    for gates, rule in rules.items():
        yield row(gates, "all", "accuracy", answers(rule, sites) == labels)
    for gates in ("one", "mean"):
        for site in sites:
            yield row(gates, site, "accuracy", answers(rules[gates], [site]) == labels)
    if twins is not None:
        twin_inputs, twin_labels = twins
        differ = labels != twin_labels
        swap = {name: site.gate for name, site in trace(model, twin_inputs, batch_size=BATCH).items()}
        for place, chosen in {"all": sites, **{site: [site] for site in sites}}.items():
            swapped = answers(swap, chosen)[differ]
            yield row("twin's", place, "follows", swapped == twin_labels[differ])
            yield row("twin's", place, "stays", swapped == labels[differ])
