"""Attribution to pixels: which of them speak for the target, and which open a gate."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from captum.attr import NeuronIntegratedGradients
from torch import Tensor, nn

from effv2viz.attribution.methods import Unit
from effv2viz.attribution.picture_baselines import PictureBaseline, baseline_name, picture_baseline
from effv2viz.attribution.pixel_method import Batch, PixelMethod
from effv2viz.attribution.pixel_methods import pixel_method
from effv2viz.attribution.running import BACKWARD, Cost, Progress, counted, first_answer
from effv2viz.probing.ablation import checked_target
from effv2viz.probing.guards import checked_images, eager, undisturbed
from effv2viz.probing.sites import Site, choose_sites

TIMED = 16  # pictures in the forward that is timed, at most


@dataclass(frozen=True, eq=False)
class PixelAttribution:
    """What the pixels of pictures do to a number that the network computes, F.

    Attributes:
        map: (N, C, H, W), or (N, 1, H, W) from methods that do not tell colours apart.
        method: its name.
        settings: the method with its options; None where it has none.
        explains: what F is, to end the sentence "Attribution of".
        target: (N,) the class whose logit F is; None where F is no logit.
        output: (N,) F; None for random maps.
        baseline: what the pictures were measured against, where they were.
        signed: whether numbers below zero speak against the target.
        unit: of the map, see ``Method``.
        residual: (N,) F(x) - F(x') less the sum of the map, for methods that promise zero; None for others.
        regions: (N, H, W) the regions that were taken out, from methods that take regions out.
        cost: what it took.
    """

    map: Tensor
    method: str
    settings: PixelMethod | None
    explains: str
    target: Tensor | None
    output: Tensor | None
    baseline: str | None
    signed: bool
    unit: Unit
    residual: Tensor | None
    regions: Tensor | None
    cost: Cost

    def per_pixel(self) -> Tensor:
        """(N, H, W): the sum over colours."""
        return self.map.sum(1)

    def by_region(self) -> Tensor:
        """(N, R): the sum over every region; zero for regions that a picture does not have.

        Raises:
            ValueError: if the method takes no regions out.
        """
        if self.regions is None:
            raise ValueError(f"{self.method} takes no regions out: it has a number for every pixel")
        labels = self.regions.flatten(1)
        sums = self.map.new_zeros(len(labels), int(labels.max()) + 1)
        return sums.scatter_add_(1, labels, self.per_pixel().flatten(1))

    def __len__(self) -> int:
        return len(self.map)

    def __repr__(self) -> str:
        n, _, height, width = self.map.shape
        against = f" against {self.baseline}" if self.baseline else ""
        rest = "" if self.residual is None else f", residual at most {float(self.residual.abs().max()):.2g}"
        return f"<{self.method} of {self.explains}{against}: {n} maps of {height} x {width}{rest}, {self.cost}>"


def attribute_pixels(
    model: nn.Module,
    images: Tensor,
    target: int | Sequence[int] | Tensor | None = None,
    method: str | PixelMethod = "integrated_gradients",
    *,
    baseline: PictureBaseline | None = None,
    progress: Progress = False,
    cancel: threading.Event | None = None,
    memory: int | None = None,
    **options: Any,
) -> PixelAttribution:
    """What each pixel does to the logit of a class.

    Args:
        model: any network that answers with logits (N, K). It runs in eval mode and is left as it was.
        images: (N, C, H, W), as ``load_images`` makes them.
        target: the class: an int, or one for each picture; the predicted class where left out.
        method: a name of ``list_methods("pixels")``, or a method with options, such as ``GradCam(layer="stage5")``.
        baseline: see ``picture_baseline``; ``"black"`` where left out, for methods that measure against one.
        progress: show a bar, or tell a function of how many forwards are done, and how many are expected.
        cancel: once it is set, the call raises ``AttributionCancelledError`` before its next forward.
        memory: the bytes that a forward and backward may take; a gibibyte, or half of what is free if that is less,
            where left out. It changes the speed and not the numbers.
        options: of the method, if that is a name: ``steps=20``, ``layer="stage5"``.

    Returns:
        The maps, in the network's dtype (float32 for half precision).

    Raises:
        ValueError: for methods, options, targets, baselines or pictures that do not exist or fit.
        MemoryError: if one picture takes more than ``memory``.
        AttributionCancelledError: if it was cancelled.
    """
    model = eager(model)
    images = _pictures(model, images)
    chosen = _fitted(method, options, model, images)
    start = _start(model, images, chosen, baseline)
    regions = chosen.label(images)
    expected = _passes(chosen, images, regions)
    with counted(model, cancel, progress, expected[0], chosen.name) as forward:
        logits, fitting = first_answer(forward, images, chosen.gradients, memory)
        classes = checked_target(target, logits)
        size = 1 if chosen.one_by_one else min(len(images), fitting)
        parts = [
            chosen.run(
                Batch(
                    forward,
                    images[some],
                    classes[some],
                    None if start is None else start[some],
                    None if regions is None else regions[some],
                    fitting,
                )
            )
            for some in (slice(first, first + size) for first in range(0, len(images), size))
        ]
        maps = torch.cat(parts).to(logits.dtype)
        output = logits.gather(1, classes[:, None])[:, 0]
        residual = None
        if chosen.complete and start is not None:
            below = forward.without_gradients(start, fitting).gather(1, classes[:, None])[:, 0]
            residual = output - below - maps.sum((1, 2, 3))
        return PixelAttribution(
            map=maps,
            method=chosen.name,
            settings=chosen,
            explains="the logit of the target",
            target=classes,
            output=output,
            baseline=None if start is None else baseline_name("black" if baseline is None else baseline),
            signed=chosen.signed,
            unit=chosen.unit,
            residual=residual,
            regions=regions,
            cost=forward.cost(len(images)),
        )


def attribute_gate_pixels(
    model: nn.Module,
    images: Tensor,
    site: str,
    channel: int,
    *,
    baseline: PictureBaseline = "black",
    steps: int = 50,
    progress: Progress = False,
    cancel: threading.Event | None = None,
    memory: int | None = None,
) -> PixelAttribution:
    """Which pixels open a gate: integrated gradients of one channel's gate.

    Args:
        model: any network that ``find_se`` finds sites in. It is left as it was.
        images: (N, C, H, W), as ``load_images`` makes them.
        site: its name.
        channel: whose gate.
        baseline: see ``picture_baseline``.
        steps: points on the path from the baseline to the picture.
        progress: show a bar, or tell a function of how many forwards are done, and how many are expected.
        cancel: see ``attribute_pixels``.
        memory: see ``attribute_pixels``.

    Returns:
        The maps. They add up to gate(x) - gate(x'), and ``residual`` says how well.

    Raises:
        ValueError: for a site, channel or baseline that does not exist or fit.
        MemoryError: if one picture takes more than ``memory``.
        AttributionCancelledError: if it was cancelled.
    """
    chosen = pixel_method("integrated_gradients", steps=steps)
    model = eager(model)
    images = _pictures(model, images)
    place = choose_sites(model, [site])[0]
    start = picture_baseline(model, images, baseline)
    forwards, _ = _passes(chosen, images, None)
    with counted(model, cancel, progress, forwards, f"pixels of {site}") as forward:
        with _GateReader(model, place, channel) as gate:
            logits, fitting = first_answer(forward, images, True, memory)
            output = gate.taken()
            forward.without_gradients(start, fitting)
            below = gate.taken()
        explainer = NeuronIntegratedGradients(forward, model.get_submodule(place.gate_path))
        size = min(len(images), fitting)
        parts = [
            explainer.attribute(
                images[some],
                neuron_selector=gate.select,
                baselines=start[some],
                n_steps=steps,
                internal_batch_size=fitting,
            )
            for some in (slice(first, first + size) for first in range(0, len(images), size))
        ]
        maps = torch.cat(parts).detach().to(logits.dtype)
        return PixelAttribution(
            map=maps,
            method="neuron_integrated_gradients",
            settings=chosen,
            explains=f"the gate of channel {channel} of {site}",
            target=None,
            output=output,
            baseline=baseline_name(baseline),
            signed=True,
            unit="contribution",
            residual=output - below - maps.sum((1, 2, 3)),
            regions=None,
            cost=forward.cost(len(images)),
        )


def random_attribution(images: Tensor, seed: int = 0) -> PixelAttribution:
    """Maps that know nothing: normal noise, the floor for every comparison.

    Args:
        images: (N, C, H, W); only their shape matters.
        seed: of the noise.
    """
    n, _, height, width = images.shape
    noise = torch.randn(n, 1, height, width, generator=torch.Generator().manual_seed(seed)).to(images.device)
    return PixelAttribution(
        map=noise,
        method="random",
        settings=None,
        explains="nothing",
        target=None,
        output=None,
        baseline=None,
        signed=True,
        unit="relative",
        residual=None,
        regions=None,
        cost=Cost(n, 0, 0, 0.0),
    )


def estimate_cost(
    model: nn.Module,
    images: Tensor,
    method: str | PixelMethod = "integrated_gradients",
    *,
    memory: int | None = None,
    **options: Any,
) -> Cost:
    """What ``attribute_pixels`` would cost here, from the time of one forward.

    Args:
        model: the network.
        images: (N, C, H, W).
        method: see ``attribute_pixels``.
        memory: see ``attribute_pixels``.
        options: of the method, if that is a name.

    Returns:
        The exact number of forwards and backwards, and seconds as far as one forward can tell.

    Raises:
        ValueError: for a method or pictures that do not exist or fit.
        MemoryError: if one picture takes more than ``memory``.
    """
    model = eager(model)
    images = _pictures(model, images)
    chosen = _fitted(method, options, model, images)
    forwards, backwards = _passes(chosen, images, chosen.label(images))
    with counted(model, None, False, 2, chosen.name) as forward, torch.no_grad():
        _, fitting = first_answer(forward, images[:1], chosen.gradients, memory)
        together = min(fitting, forwards, TIMED)
        batch = images.repeat(-(-together // len(images)), 1, 1, 1)[:together]
        forward(batch)  # the first one sets up memory and picks algorithms
        _finish(images.device)
        started = time.perf_counter()
        forward(batch)
        _finish(images.device)
        seconds = (time.perf_counter() - started) / together
    return Cost(len(images), forwards, backwards, seconds * (forwards + BACKWARD * backwards))


def _fitted(method: str | PixelMethod, options: dict[str, Any], model: nn.Module, images: Tensor) -> PixelMethod:
    if isinstance(method, PixelMethod):
        if options:
            raise ValueError(f"{', '.join(options)}: give options to {type(method).__name__} itself")
        chosen = method
    else:
        chosen = pixel_method(method, **options)
    with undisturbed(model):
        return chosen.fitted(model, images)


def _pictures(model: nn.Module, images: Tensor) -> Tensor:
    """A batch of our own, so that nothing happens to the caller's."""
    images = checked_images(model, images)
    if not images.is_floating_point():
        raise ValueError(f"images are of type {images.dtype}: use load_images(images, model) first")
    with torch.inference_mode(False):
        return images.detach().clone()


def _start(model: nn.Module, images: Tensor, method: PixelMethod, baseline: PictureBaseline | None) -> Tensor | None:
    if method.baseline:
        return picture_baseline(model, images, "black" if baseline is None else baseline)
    if baseline is not None:
        raise ValueError(f"{method.name} measures against no baseline: leave baseline out")
    return None


def _passes(method: PixelMethod, images: Tensor, regions: Tensor | None) -> tuple[int, int]:
    """Forwards and backwards in all, with the logits of the pictures, and of their baselines for the residual."""
    n, _, height, width = images.shape
    counts = [0] * n if regions is None else (regions.amax((1, 2)) + 1).tolist()
    forwards, backwards = (
        sum(passes) for passes in zip(*(method.passes(height, width, r) for r in counts), strict=True)
    )
    return forwards + n * (1 + method.complete), backwards


def _finish(device: torch.device) -> None:
    """Waits for what a GPU still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class _GateReader:
    """Reads one channel's gate as forwards pass."""

    def __init__(self, model: nn.Module, site: Site, channel: int) -> None:
        self.site, self.channel = site, channel
        self.module = model.get_submodule(site.gate_path)
        self.seen: list[Tensor] = []

    def __enter__(self) -> _GateReader:
        self.handle = self.module.register_forward_hook(lambda m, i, output: self.seen.append(self.select(output)))
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def select(self, output: Tensor | tuple[Tensor, ...]) -> Tensor:
        """The channel's gate (N,) from what the gate's module gives."""
        gate = output if isinstance(output, Tensor) else output[0]
        gate = gate.flatten(1)
        width = self.site.channels
        if width is not None and gate.shape[1] != width:
            raise ValueError(f"{self.site.name} has a gate for every place and none for a channel")
        if not 0 <= self.channel < gate.shape[1]:
            raise ValueError(f"{self.site.name} has no channel {self.channel}: they go from 0 to {gate.shape[1] - 1}")
        return gate[:, self.channel]

    def taken(self) -> Tensor:
        """The gates (N,) of the forwards since the last call."""
        gates = torch.cat([gate.detach() for gate in self.seen])
        self.seen.clear()
        return gates.float() if gates.dtype in (torch.float16, torch.bfloat16) else gates
