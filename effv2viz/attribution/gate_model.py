"""A network whose gates are its inputs, so that every method that explains inputs explains gates."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from effv2viz.probing.gate_hooks import gates_set
from effv2viz.probing.guards import eager
from effv2viz.probing.sites import Site, choose_channel_sites


class GateModel(nn.Module):
    """F as a function of gates and images: ``forward(gate of the first site, ..., gate of the last, images)``.

    A gate that is given (N, C) stands in for the one that the network computes; derivatives are by the given tensor.
    For None the network computes its own; a function takes its own and gives the new one. With the network's own gates
    the logits are the network's own, to the last bit.

    Args:
        model: any network that ``find_se`` finds sites in. It is not copied: hooks are set for each forward only.
        sites: names of the sites whose gates are inputs; all where left out.
        run: what to call in place of the network, for callers that count its forwards.
    """

    def __init__(
        self, model: nn.Module, sites: list[str] | None = None, run: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        self.model = eager(model)
        self.run = self.model if run is None else run
        self.sites: list[Site] = choose_channel_sites(self.model, sites)

    def forward(self, *gates_and_images: Tensor | Callable[[Tensor], Tensor] | None) -> Tensor:
        """Logits (N, K)."""
        *gates, images = gates_and_images
        if len(gates) != len(self.sites) or not isinstance(images, Tensor):
            raise ValueError(
                f"GateModel takes {len(self.sites)} gates and the images: {len(gates_and_images)} arguments were given"
            )
        given = {site: gate for site, gate in zip(self.sites, gates, strict=True) if gate is not None}
        with gates_set(self.model, given):
            return self.run(images)
