"""Replay: run again only what follows a changed gate.

In eval mode the output of an SE block is affine in its gate: ``y = norm(W (u * s)) + skip``, with ``u`` the map that
enters the SE module. So a change ``d`` of the gate adds ``A (u * d)`` to the block's output, with ``A`` the
projection's weights times the norm's scale, and only the changed channels take part.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from effv2viz.probing.chains import Projection, chain
from effv2viz.probing.gate_hooks import gates_seen, gates_set
from effv2viz.probing.guards import checked_images, eager, undisturbed
from effv2viz.probing.memory import must_fit
from effv2viz.probing.sites import Site, choose_channel_sites
from effv2viz.suggestions import unknown_name

Effect = Literal["direct", "total"]
EFFECTS = ("direct", "total")


@dataclass(frozen=True)
class _Kept:
    """What a block with SE took and made for N images."""

    entered: Tensor  # (N, C, H, W)  what enters the SE module
    gate: Tensor  # (N, C)
    made: Tensor  # (N, out, H', W')  the block's output
    columns: Tensor  # (out, C)


class Replay:
    """A forward that was kept, to be run again with other gates.

    For our, torchvision's and timm's EfficientNets only what follows the first changed gate runs. Other networks run
    whole, with the same results.

    Args:
        model: any network that ``find_se`` finds sites in.
        images: (N, 3, H, W).
        memory: the bytes that the kept maps may take; half of what is free where left out.

    Attributes:
        logits: (N, K), with the network's own gates.
        gates: {site: (N, C)}, the network's own.
        partial: whether only a part of the network runs again.

    Raises:
        MemoryError: if the maps of so many images would not fit. Nothing is kept then.
    """

    def __init__(self, model: nn.Module, images: Tensor, *, memory: int | None = None) -> None:
        self.model = eager(model)
        self._sites = {site.name: site for site in choose_channel_sites(self.model)}
        self._images = checked_images(self.model, images)
        self._steps = chain(self.model) or []
        self._position = {step.site.name: i for i, step in enumerate(self._steps) if step.site is not None}
        self._kept: dict[str, _Kept] = {}
        self._memory, self._used = memory, 0
        self.partial = bool(self._steps)
        self.gates: dict[str, Tensor] = {}
        keep = self.gates.__setitem__
        with undisturbed(self.model), torch.no_grad(), gates_seen(self.model, self._sites.values(), keep):
            self.logits = self._run_chain() if self.partial else self.model(self._images)

    @property
    def count(self) -> int:
        """N, the images."""
        return len(self._images)

    @property
    def sites(self) -> dict[str, Site]:
        """The sites by name."""
        return dict(self._sites)

    def run(self, gates: Mapping[str, Tensor], *, effect: Effect = "total") -> Tensor:
        """The logits (N, K) with changed gates.

        Args:
            gates: {site: (C,) or (N, C)}, the new gates of the sites that change.
            effect: ``"total"``: later gates respond; ``"direct"``: all other gates stay as they were.

        Raises:
            ValueError: for a site that does not exist, or gates of a wrong shape or that are no numbers.
        """
        wanted = {name: self._full(name, gate) for name, gate in gates.items()}
        if not wanted:
            return self.logits
        _check_effect(effect)
        if effect == "direct":
            wanted = {**self.gates, **wanted}
        with undisturbed(self.model), torch.no_grad():
            if not self.partial:
                with gates_set(self.model, {self._sites[name]: gate for name, gate in wanted.items()}):
                    return self.model(self._images)
            first = min(self._position[name] for name in gates)
            name = self._steps[first].site.name  # type: ignore[union-attr]
            kept = self._kept[name]
            change = wanted.pop(name) - kept.gate
            channels = change.abs().amax(0).nonzero().flatten()
            added = torch.einsum(
                "nchw,nc,oc->nohw", kept.entered[:, channels], change[:, channels], kept.columns[:, channels]
            )
            return self._rest(first, kept.made + added, wanted)

    def run_variants(self, site: str, channels: Tensor, values: Tensor, *, image: int, effect: Effect) -> Tensor:
        """The logits (V, K) of one image in V variants, each with one channel of one site changed.

        Args:
            site: the site.
            channels: (V,) int, the channel that variant v changes.
            values: (V,), its new gate.
            image: number of the image.
            effect: as in ``run``.
        """
        _check_effect(effect)
        held = {name: gate[image].expand(len(channels), -1) for name, gate in self.gates.items()}
        with undisturbed(self.model), torch.no_grad():
            if not self.partial:
                changed = held[site].clone()
                changed[torch.arange(len(channels)), channels] = values.to(changed)
                wanted = {**held, site: changed} if effect == "direct" else {site: changed}
                images = self._images[image].expand(len(channels), -1, -1, -1)
                with gates_set(self.model, {self._sites[name]: gate for name, gate in wanted.items()}):
                    return self.model(images)
            kept = self._kept[site]
            change = values.to(kept.gate) - kept.gate[image, channels]  # (V,)
            added = kept.columns.T[channels][:, :, None, None] * (
                kept.entered[image, channels] * change[:, None, None]
            ).unsqueeze(1)  # (V, out, H', W')  rank one: a column times a map
            first = self._position[site]
            return self._rest(first, kept.made[image] + added, held if effect == "direct" else {})

    def variant_bytes(self, site: str) -> int:
        """About the bytes that one variant of one image takes while it runs, by the largest map that follows."""
        if not self.partial:
            return 40 * self._images[0].numel() * self._images.element_size()
        later = [self._kept[name] for name, i in self._position.items() if i > self._position[site]]
        largest = max([kept.entered[0].numel() for kept in later] + [4 * self._kept[site].made[0].numel()])
        return 4 * largest * self._images.element_size()

    def _rest(self, first: int, x: Tensor, gates: Mapping[str, Tensor]) -> Tensor:
        """Runs the steps after ``first``, with the gates of those sites that lie there set."""
        later = {self._sites[name]: gate for name, gate in gates.items() if self._position[name] > first}
        with gates_set(self.model, later):
            for step in self._steps[first + 1 :]:
                x = step.run(x)
        return x

    def _run_chain(self) -> Tensor:
        x = self._images
        entered: list[Tensor] = []

        def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            entered.append(inputs[0].clone())

        for step in self._steps:
            if step.site is None:
                x = step.run(x)
                continue
            with ExitStack() as hook:
                hook.callback(self.model.get_submodule(step.site.path).register_forward_pre_hook(keep).remove)
                x = step.run(x)
            self._keep_block(step.site.name, entered.pop(), x, step.projection)
        return x

    def _keep_block(self, name: str, entered: Tensor, made: Tensor, projection: Projection | None) -> None:
        assert projection is not None
        self._used += (entered.numel() + made.numel()) * made.element_size()
        advice = "give Replay fewer images at a time"
        must_fit(self._used, made.device, self._memory, f"a replay of {len(made)} images up to {name}", advice)
        self._kept[name] = _Kept(entered, self.gates[name], made.clone(), projection.columns())

    def _full(self, name: str, gate: Tensor) -> Tensor:
        if name not in self._sites:
            raise unknown_name("site", name, self._sites)
        own = self.gates[name]
        gate = torch.as_tensor(gate).to(own)
        if gate.shape not in (own.shape, own.shape[1:], (1, own.shape[1])):
            raise ValueError(
                f"the gates for {name} have shape {tuple(gate.shape)}: use ({own.shape[1]},) or {tuple(own.shape)}"
            )
        if not bool(torch.isfinite(gate).all()):
            raise ValueError(f"the gates for {name} hold NaN or infinite numbers")
        return gate.expand_as(own)


def _check_effect(effect: str) -> None:
    if effect not in EFFECTS:
        raise unknown_name("effect", effect, EFFECTS)
