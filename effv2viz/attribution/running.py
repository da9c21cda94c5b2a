"""One attribution while it runs: what it has cost so far, whether to go on, and how much fits into memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Union

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from effv2viz.probing.guards import undisturbed
from effv2viz.probing.memory import SHARE, free_bytes, must_fit

Progress = Union[bool, Callable[[int, int], None]]  # a bar, or a function of the forwards done and expected

BACKWARD = 1.5  # forwards that the backward to the input costs, about
BUDGET = 2**30  # bytes; more pictures at once are no faster on a CPU
OVERHEAD = 1.1  # peak memory of a backward, against what autograd keeps
MAPS_AT_ONCE = 4  # the largest maps that live together in a forward without gradients: input, output, work space


class AttributionCancelledError(RuntimeError):
    """An attribution was cancelled; the network is as it was before."""


@dataclass(frozen=True)
class Cost:
    """What an attribution costs.

    Attributes:
        images: N.
        forwards: pictures that run forward through the network, in all.
        backwards: those of them that are followed by a backward.
        seconds: on this machine, where it was estimated; None for a count.
    """

    images: int
    forwards: int
    backwards: int
    seconds: float | None = None

    @property
    def forwards_per_image(self) -> float:
        """Forwards and backwards for each picture, in forwards; a backward counts one and a half."""
        return (self.forwards + BACKWARD * self.backwards) / self.images

    def __str__(self) -> str:
        time = "" if self.seconds is None else f", about {self.seconds:.2g} s"
        return f"{self.forwards_per_image:.1f} forwards a picture{time}"


class CountedForward:
    """The network as Captum calls it: (N, C, H, W) to logits (N, K). It counts, shows progress, and stops on request.

    Half precision logits come out as float32, so that what is built from their differences is not rounded again.
    """

    def __init__(self, model: nn.Module, cancel: threading.Event | None, bar: tqdm, progress: Progress) -> None:
        self.model = model
        self.cancel = cancel
        self.bar = bar
        self.progress = progress
        self.forwards = 0
        self.backwards = 0

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, K), if nobody has asked to stop."""
        if self.cancel is not None and self.cancel.is_set():
            raise AttributionCancelledError(f"cancelled after {self.forwards} forwards")
        logits = self.model(images)
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise TypeError(f"the network answered with {found}: attribution needs one tensor of logits (N, K)")
        self.forwards += len(images)
        if torch.is_grad_enabled():
            self.backwards += len(images)
        self.bar.update(len(images))
        if callable(self.progress):
            self.progress(self.forwards, int(self.bar.total))
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

    def without_gradients(self, images: Tensor, batch: int) -> Tensor:
        """Logits (N, K) of all pictures, ``batch`` at a time."""
        with torch.no_grad():
            return torch.cat([self(some) for some in images.split(batch)])

    def cost(self, images: int) -> Cost:
        """What it has counted."""
        return Cost(images, self.forwards, self.backwards)


@contextmanager
def counted(
    model: nn.Module, cancel: threading.Event | None, progress: Progress, forwards: int, what: str
) -> Iterator[CountedForward]:
    """The network in eval mode and locked, as Captum may call it, also where the caller runs without gradients.

    Args:
        model: the network.
        cancel: once it is set, the next forward raises ``AttributionCancelledError``.
        progress: show a bar, or tell a function.
        forwards: that are expected.
        what: runs, for the bar.
    """
    bar = tqdm(total=forwards, desc=what, disable=progress is not True, leave=False)
    with bar, undisturbed(model), torch.inference_mode(False), torch.enable_grad():
        yield CountedForward(model, cancel, bar, progress)


def first_answer(forward: CountedForward, images: Tensor, gradients: bool, memory: int | None) -> tuple[Tensor, int]:
    """Every picture's logits, and how many pictures fit into memory at once.

    The first picture runs alone and tells what a picture takes.

    Args:
        forward: the network.
        images: (N, C, H, W).
        gradients: whether backwards will follow.
        memory: the bytes that may be used; a gibibyte, or half of what is free if that is less, where left out.

    Returns:
        Logits (N, K), and the number of pictures.

    Raises:
        MemoryError: if not even one picture fits.
        ValueError: if the network answers with NaN.
    """
    logits, needed = _with_gradients(forward, images[:1]) if gradients else _largest_maps(forward, images[:1])
    device = images.device
    fitting = how_many_fit(needed, device, memory)
    if len(images) > 1:
        logits = torch.cat([logits, forward.without_gradients(images[1:], fitting)])
    if not bool(torch.isfinite(logits).all()):
        bad = (~torch.isfinite(logits)).any(1).nonzero().flatten().tolist()
        raise ValueError(f"the network answers NaN or infinite logits for pictures {bad[:5]}: nothing to attribute")
    return logits, fitting


def how_many_fit(needed: int, device: torch.device, memory: int | None) -> int:
    """How many pictures may run at once, if one takes so many bytes; see ``first_answer``.

    Raises:
        MemoryError: if not even one fits.
    """
    must_fit(needed, device, memory, "a picture's way through the network", "allow more with memory=, or use the CPU")
    budget = min(BUDGET, int(free_bytes(device) * SHARE)) if memory is None else memory
    return max(1, budget // max(1, needed))


def _with_gradients(forward: CountedForward, image: Tensor) -> tuple[Tensor, int]:
    """Logits (1, K), and the bytes that a backward needs."""
    with torch.enable_grad(), kept_for_backward(forward.model) as needed:
        logits = forward(image.detach().clone().requires_grad_()).detach()
    forward.backwards -= 1  # none follows
    return logits, needed()


@contextmanager
def kept_for_backward(model: nn.Module) -> Iterator[Callable[[], int]]:
    """Counts the bytes that a backward through what runs in the block will need."""
    kept: dict[int, torch.UntypedStorage] = {}  # holding them keeps their addresses from being used twice
    parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage
        return tensor.detach()  # a layer's own output would hold the graph that holds it, for good

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield lambda: int(OVERHEAD * sum(storage.nbytes() for storage in kept.values()))


def _largest_maps(forward: CountedForward, image: Tensor) -> tuple[Tensor, int]:
    """Logits (1, K), and the bytes that a forward without gradients needs."""
    largest = image.nbytes

    def note(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, output.nbytes)

    hooks = [module.register_forward_hook(note) for module in forward.model.modules()]
    try:
        with torch.no_grad():
            logits = forward(image)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, MAPS_AT_ONCE * largest
