"""A network by a word of text: one of ours by its name, or a user's by ``package.module:function``."""

from __future__ import annotations

import importlib
import os
import sys

import torch
from torch import nn

from effv2viz.datasets.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from effv2viz.models.checkpoints import load_strictly, read_state_dict
from effv2viz.models.create import create_model
from effv2viz.models.efficientnetv2 import pick_device
from effv2viz.models.pretrained import list_weights

DEFAULT_SIZE = 224


def any_network(spec: str, weights: str | None = None, device: str | torch.device | None = "auto") -> nn.Module:
    """The network that a command line names, in eval mode, with ``preprocessing``.

    Args:
        spec: one of ``list_models()``; or ``package.module:function``, where the function takes no argument and returns
            a network, such as ``torchvision.models:efficientnet_b0`` or one in a file of the current folder.
        weights: for ours the name of weights or a file, the first known ones where left out; for others a file with a
            state dict.
        device: as in ``create_model``.

    Raises:
        ValueError: if there is no such network or function, or the weights do not fit.
    """
    if ":" not in spec:
        return create_model(spec, weights=weights or list_weights(spec)[0], device=device)
    module_name, _, function = spec.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        builder = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{spec!r} names no function: {error}") from error
    network = builder()
    if not isinstance(network, nn.Module):
        raise ValueError(f"{spec} gave {type(network).__name__}, not a torch.nn.Module")
    if weights is not None:
        load_strictly(network, read_state_dict(weights))
    if not isinstance(getattr(network, "preprocessing", None), Preprocessing):
        network.preprocessing = Preprocessing(  # type: ignore[assignment]
            DEFAULT_SIZE, round(DEFAULT_SIZE / 0.875), "bicubic", IMAGENET_MEAN, IMAGENET_STD
        )
    place = pick_device(device)
    return network.to(place).eval() if place is not None else network.eval()
