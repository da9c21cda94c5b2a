"""Traces: one forward, and what every site squeezed, excited and gated in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from effv2viz.probing.guards import checked_images, undisturbed
from effv2viz.probing.sites import Site, find_se
from effv2viz.suggestions import unknown_name


@dataclass(frozen=True)
class SiteTrace:
    """What one site did with N images.

    Attributes:
        squeeze: (N, C), the mean of each channel.
        hidden: (N, R), after its activation.
        gate: (N, C), in (0, 1).
        features: (N, C, H, W) before scaling, if they were asked for.
        scaled: (N, C, H, W) after scaling, if they were asked for.
    """

    squeeze: Tensor
    hidden: Tensor
    gate: Tensor
    features: Tensor | None = None
    scaled: Tensor | None = None


class Trace(Mapping[str, SiteTrace]):
    """A recorded forward: a mapping from the names of sites to what they did, and the ``logits`` (N, K)."""

    def __init__(self, sites: Mapping[str, SiteTrace], logits: Tensor) -> None:
        self._sites = dict(sites)
        self.logits = logits

    def __getitem__(self, name: str) -> SiteTrace:
        if name not in self._sites:
            raise KeyError(str(unknown_name("site", name, self._sites)))
        return self._sites[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)

    def __repr__(self) -> str:
        gates = sum(site.gate.shape[1] for site in self._sites.values())
        return f"<Trace of {len(self.logits)} images: {len(self)} sites, {gates:,} gates>"


def choose_sites(model: nn.Module, names: Sequence[str] | None) -> list[Site]:
    """The sites of these names, or all.

    Raises:
        ValueError: if the network has no site, or none of such a name (it lists the nearest).
    """
    sites = {site.name: site for site in find_se(model)}
    if not sites:
        raise ValueError(f"{type(model).__name__} has no SE module that is known")
    if names is None:
        return list(sites.values())
    for name in names:
        if name not in sites:
            raise unknown_name("site", name, sites)
    return [sites[name] for name in names]


def trace(model: nn.Module, images: Tensor, sites: Sequence[str] | None = None, *, features: bool = False) -> Trace:
    """Runs the network once in eval mode and records what its sites did.

    Args:
        model: any network that ``find_se`` finds sites in. It is left as it was.
        images: (N, 3, H, W), as ``load_images`` makes them.
        sites: names of the sites to record; all where left out.
        features: record the feature maps before and after scaling too.

    Raises:
        ValueError: for images that are misshapen, NaN or infinite, or sites that do not exist.
    """
    chosen = choose_sites(model, sites)
    images = checked_images(model, images)
    seen: dict[tuple[str, str], Tensor] = {}
    handles = []

    def keep(site: Site, part: str) -> object:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if part == "maps":
                seen[site.name, "features"], seen[site.name, "scaled"] = inputs[0].clone(), output.clone()
            else:
                seen[site.name, part] = output.flatten(1).clone()  # cloned: the network may work in place

        return hook

    with undisturbed(model), torch.no_grad():
        try:
            for site in chosen:
                module = model.get_submodule(site.path)
                for part in ("squeeze", "hidden", "gate"):
                    place = module.get_submodule(getattr(site.anatomy, part))
                    handles.append(place.register_forward_hook(keep(site, part)))  # type: ignore[arg-type]
                if features:
                    handles.append(module.register_forward_hook(keep(site, "maps")))  # type: ignore[arg-type]
            logits = model(images)
        finally:
            for handle in handles:
                handle.remove()
    parts = ("squeeze", "hidden", "gate", *(("features", "scaled") if features else ()))
    return Trace({s.name: SiteTrace(**{part: seen[s.name, part] for part in parts}) for s in chosen}, logits)
