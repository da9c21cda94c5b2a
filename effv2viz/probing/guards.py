"""What every look inside a network keeps: one forward at a time, in eval mode, and the network left as it was."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_LOCKS: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_REGISTRY = threading.Lock()


def eager(model: nn.Module) -> nn.Module:
    """The network as it was written: out of ``torch.compile``, DataParallel and DistributedDataParallel.

    Hooks that are set on a compiled network may not run; on the original they do, and it shares the weights.

    Raises:
        TypeError: for a TorchScript network, whose original is gone.
    """
    while True:
        if isinstance(model, torch.jit.ScriptModule):
            raise TypeError(
                "a TorchScript network cannot be looked into: its Python modules are gone, use the original"
            )
        inner = getattr(model, "_orig_mod", None)
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


@contextmanager
def locked(model: nn.Module) -> Iterator[None]:
    """Holds the network's lock.

    It is re-entrant. It matters in notebooks, where widget callbacks run beside cells on threads of their own.
    """
    with _REGISTRY:
        lock = _LOCKS.setdefault(model, threading.RLock())
    with lock:
        yield


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Holds the network's lock and puts it into eval mode; afterwards every module has its own mode back."""
    with locked(model):
        training = [module for module in model.modules() if module.training]
        try:
            for module in training:
                module.training = False
            yield
        finally:
            for module in training:
                module.training = True


def _finite(images: Tensor) -> bool:
    """Whether all numbers are finite. A sum is quick, and finite only if they are; a large one may overflow."""
    return bool(torch.isfinite(images.sum())) or bool(torch.isfinite(images).all())


def checked_images(model: nn.Module, images: Tensor) -> Tensor:
    """A batch as the network takes it: on its device, in its dtype.

    Raises:
        TypeError: if it is no tensor.
        ValueError: if it is not (N, C, H, W), is empty, or holds NaN or infinite numbers.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"images are of type {type(images).__name__}: use load_images(images, model) first")
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"images have shape {tuple(images.shape)}: use (N, 3, H, W) with N of at least 1")
    if images.is_floating_point() and not _finite(images):
        bad = (~torch.isfinite(images)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(f"images hold NaN or infinite numbers, in number {', '.join(map(str, bad[:5]))} of the batch")
    parameter = next(model.parameters(), None)
    if parameter is None:
        return images
    return images.to(parameter.device, parameter.dtype if images.is_floating_point() else None)
