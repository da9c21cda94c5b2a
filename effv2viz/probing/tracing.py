"""Traces: one forward, and what every site squeezed, excited and gated in it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor, nn

from effv2viz.probing.anatomy import Port
from effv2viz.probing.by_site import BySite
from effv2viz.probing.guards import checked_images, eager, undisturbed
from effv2viz.probing.memory import must_fit
from effv2viz.probing.sites import Site, choose_sites, refuse_spatial


@dataclass(frozen=True)
class SiteTrace:
    """What one site did with N images.

    Attributes:
        gate: (N, C), in (0, 1). Of a spatial site (``site.spatial``) it is a map (N, C, H, W), and so are the others.
        logit: (N, C), before the sigmoid.
        squeeze: (N, C), each channel's mean (se_max: its maximum; gc: its attention-weighted mean); None if the kind
            has none.
        hidden: (N, R), after its activation; None for a kind without bottleneck.
        features: (N, C, H, W) before scaling, if they were asked for.
        scaled: (N, C, H, W) after scaling, if they were asked for.
    """

    gate: Tensor
    logit: Tensor
    squeeze: Tensor | None = None
    hidden: Tensor | None = None
    features: Tensor | None = None
    scaled: Tensor | None = None

    def of_images(self, index: Any) -> SiteTrace:
        """The same for some of the images."""
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        return SiteTrace(**{name: value if value is None else value[index] for name, value in parts.items()})  # type: ignore[arg-type]


class Trace(BySite[SiteTrace]):
    """A recorded forward: a mapping from the names of sites to what they did, and the ``logits`` (N, K).

    ``t["stage4.0"]`` is a site; ``t[3]``, ``t[:8]`` and ``t[mask]`` are traces of some of the images.
    """

    def __init__(self, sites: Mapping[str, SiteTrace], logits: Tensor) -> None:
        super().__init__(sites)
        self.logits = logits

    @overload
    def __getitem__(self, key: str) -> SiteTrace: ...
    @overload
    def __getitem__(self, key: int | slice | Sequence[int] | Tensor) -> Trace: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        if isinstance(key, int):
            if not -len(self.logits) <= key < len(self.logits):
                raise IndexError(f"there is no image {key}: the trace has {len(self.logits)}")
            key = [key]
        return Trace({name: site.of_images(key) for name, site in self.items()}, self.logits[key])

    @property
    def count(self) -> int:
        """N, the images."""
        return len(self.logits)

    def __repr__(self) -> str:
        gates = sum(site.gate.shape[1] for site in self.values())
        return f"<Trace of {self.count} images: {len(self)} sites, {gates:,} gates>"

    def table(self, site: str, image: int = 0) -> list[dict[str, float | int]]:
        """A row for each channel of a site: channel, squeeze (if there is one), logit, gate.

        Raises:
            ValueError: if the site's gate is a map.
        """
        run = self[site].of_images(image)
        refuse_spatial(site, run.gate.ndim > 1)
        rows: list[dict[str, float | int]] = []
        for channel in range(len(run.gate)):
            row: dict[str, float | int] = {"channel": channel}
            if run.squeeze is not None and run.squeeze.shape == run.gate.shape:
                row["squeeze"] = float(run.squeeze[channel])
            rows.append({**row, "logit": float(run.logit[channel]), "gate": float(run.gate[channel])})
        return rows

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file, whole or not at all."""
        from safetensors.torch import save

        tensors = {"logits": self.logits.contiguous()}
        for name, site in self.items():
            for part in fields(site):
                value = getattr(site, part.name)
                if value is not None:
                    tensors[f"{name}:{part.name}"] = value.contiguous()
        unfinished = Path(path).with_name(Path(path).name + ".part")
        unfinished.write_bytes(save(tensors, {"kind": "effv2viz trace", "sites": json.dumps(list(self))}))
        os.replace(unfinished, path)

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Reads what ``save`` wrote.

        Raises:
            ValueError: if the file is broken or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                if (metadata := file.metadata() or {}).get("kind") != "effv2viz trace":
                    raise ValueError(f"{path} holds no trace")
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
            parts = [part.name for part in fields(SiteTrace)]
            sites = {
                name: SiteTrace(**{part: tensors.get(f"{name}:{part}") for part in parts})  # type: ignore[arg-type]
                for name in json.loads(metadata["sites"])
            }
            return cls(sites, tensors["logits"])
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} is broken: {error}") from error


def trace(
    model: nn.Module,
    images: Tensor,
    sites: Sequence[str] | None = None,
    *,
    features: bool = False,
    batch_size: int | None = None,
    keep_on: str | torch.device | None = None,
    memory: int | None = None,
) -> Trace:
    """Runs the network once in eval mode and records what its sites did.

    Args:
        model: any network that ``find_se`` finds sites in. It is left as it was.
        images: (N, 3, H, W), as ``load_images`` makes them.
        sites: names of the sites to record; all where left out.
        features: record the feature maps before and after scaling too.
        batch_size: images per forward; all at once where left out.
        keep_on: the device of the trace, such as ``"cpu"``; the network's own where left out.
        memory: the bytes that the trace may take there; half of what is free where left out.

    Raises:
        ValueError: for images that are misshapen, NaN or infinite, or sites that do not exist.
        MemoryError: beforehand, if the trace would not fit.
    """
    model = eager(model)
    chosen = choose_sites(model, sites)
    images = checked_images(model, images)
    place = torch.device(keep_on) if keep_on is not None else images.device
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: use at least 1")
    needed = _bytes(model, images.shape, chosen, features)
    names = "maps and gates" if features else "gates"
    advice = "trace fewer images or sites" + (", or leave out features=True" if features else "")
    must_fit(needed, place, memory, f"a trace of {len(images)} images ({names} of {len(chosen)} sites)", advice)
    parts = []
    for some in images.split(batch_size or len(images)):
        parts.append(_trace_batch(model, some, chosen, features, place))
    return parts[0] if len(parts) == 1 else _joined(parts)


def trace_bytes(
    model: nn.Module, shape: Sequence[int], sites: Sequence[str] | None = None, *, features: bool = False
) -> int:
    """The bytes that a trace of images of a shape (N, 3, H, W) will take.

    The sizes of maps come from a forward without numbers, on torch's meta device.
    """
    model = eager(model)
    return _bytes(model, shape, choose_sites(model, sites), features)


def _bytes(model: nn.Module, shape: Sequence[int], chosen: list[Site], features: bool) -> int:
    parameter = next(model.parameters(), None)
    width = parameter.element_size() if parameter is not None else 4
    numbers = 0
    needs_shapes = features or any(site.spatial for site in chosen)
    shapes = _map_shapes(model, shape, chosen) if needs_shapes else [(0, 1, 1)] * len(chosen)
    for site, map_shape in zip(chosen, shapes, strict=True):
        positions = math.prod(map_shape[1:]) if site.spatial else 1
        numbers += positions * (3 * (site.channels or 0) + (site.squeeze_channels or 0))
        numbers += 2 * math.prod(map_shape) if features else 0
    return int(shape[0]) * numbers * width


def _map_shapes(model: nn.Module, shape: Sequence[int], sites: list[Site]) -> list[tuple[int, ...]]:
    """The shapes (C, H, W) of the maps that enter the sites."""
    found: list[tuple[int, ...]] = []
    state = {key: value.to("meta") for key, value in [*model.named_parameters(), *model.named_buffers()]}
    parameter = next(model.parameters(), None)
    dtype = parameter.dtype if parameter is not None else None

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(tuple(inputs[0].shape[1:]))

    with undisturbed(model), ExitStack() as hooks, torch.no_grad():
        for site in sites:
            handle = model.get_submodule(site.path).register_forward_pre_hook(note)
            hooks.callback(handle.remove)
        torch.func.functional_call(model, state, (torch.empty((1, *shape[1:]), device="meta", dtype=dtype),))
    return found


class _Recorder:
    """Hooks that keep what passes. Everything is cloned as it passes, since networks work in place."""

    def __init__(self, place: torch.device) -> None:
        self.place = place
        self.seen: dict[str, dict[str, Tensor]] = {}
        self.again: set[str] = set()

    def keep(self, site: Site, part: str, value: Tensor) -> None:
        seen = self.seen.setdefault(site.name, {})
        if part in seen:
            if part == "gate":
                self.again.add(site.name)
            return
        if not (site.spatial or part in ("features", "scaled")):
            value = value.flatten(1)
        value = value.detach()
        seen[part] = value.clone() if value.device == self.place else value.to(self.place)

    def keep_gate(self, site: Site, logit: Tensor, gate: Tensor) -> None:
        self.keep(site, "logit", logit)
        self.keep(site, "gate", gate)

    def watch(self, model: nn.Module, site: Site, features: bool, hooks: ExitStack) -> None:
        def port(part: str, where: Port) -> None:
            module = model.get_submodule(f"{site.path}.{where.path}" if site.path else where.path)
            if where.side == "output":
                handle = module.register_forward_hook(lambda m, i, output: self.keep(site, part, output))
            else:
                handle = module.register_forward_pre_hook(lambda m, inputs: self.keep(site, part, inputs[0]))
            hooks.callback(handle.remove)

        for part, where in (("squeeze", site.anatomy.squeeze), ("hidden", site.anatomy.hidden)):
            if where is not None:
                port(part, where)
        gate = model.get_submodule(site.gate_path)
        if getattr(gate, "inplace", False):
            port("logit", Port(site.anatomy.gate, "input"))
            port("gate", Port(site.anatomy.gate))
        else:
            handle = gate.register_forward_hook(lambda m, inputs, output: self.keep_gate(site, inputs[0], output))
            hooks.callback(handle.remove)
        if features:
            module = model.get_submodule(site.path)
            before = module.register_forward_pre_hook(lambda m, inputs: self.keep(site, "features", inputs[0]))
            hooks.callback(before.remove)
            after = module.register_forward_hook(lambda m, i, output: self.keep(site, "scaled", output))
            hooks.callback(after.remove)

    def site(self, site: Site) -> SiteTrace:
        if "gate" not in self.seen.get(site.name, {}):
            raise ValueError(
                f"the gate of {site.name} ({site.gate_path}) did not run in this forward: the network skips the "
                "module, or computes its gate elsewhere; describe its class with effv2viz.register_se"
            )
        if site.name in self.again:
            raise ValueError(
                f"the gate of {site.name} ran more than once in one forward: the network shares the module between "
                "blocks, and a trace has room for one"
            )
        return SiteTrace(**self.seen[site.name])


def _trace_batch(model: nn.Module, images: Tensor, sites: list[Site], features: bool, place: torch.device) -> Trace:
    recorder = _Recorder(place)
    with undisturbed(model), torch.no_grad(), ExitStack() as hooks:
        for site in sites:
            recorder.watch(model, site, features, hooks)
        logits = model(images)
    if not isinstance(logits, Tensor):
        raise TypeError(f"the network answered with {type(logits).__name__}: a trace needs one tensor of logits (N, K)")
    return Trace({site.name: recorder.site(site) for site in sites}, logits.to(place))


def _joined(parts: list[Trace]) -> Trace:
    def join(name: str, part: str) -> Tensor | None:
        values = [getattr(one[name], part) for one in parts]
        return None if values[0] is None else torch.cat(values)

    sites = {name: SiteTrace(**{f.name: join(name, f.name) for f in fields(SiteTrace)}) for name in parts[0]}  # type: ignore[arg-type]
    return Trace(sites, torch.cat([part.logits for part in parts]))
