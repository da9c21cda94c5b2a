"""Reading a file of weights without running its code, and loading it strictly."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from effv2viz.models.convert import convert_state_dict, key_style


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a file, with our keys: those of torchvision's or timm's EfficientNetV2 are converted.

    Raises:
        FileNotFoundError, ValueError: as ``read_state_dict``.
    """
    state_dict = read_state_dict(path)
    style = key_style(state_dict)
    return state_dict if style == "ours" else convert_state_dict(state_dict, style)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a ``.safetensors``, ``.pth`` or ``.pt`` file, as it is.

    A training checkpoint that keeps the weights under ``state_dict`` or ``model`` is unwrapped.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is broken, is no state dict, or is a pickle that wants to run code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {path}")
    content: Any
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                content = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError as error:
            raise ValueError(f"{path} is broken or no safetensors file: {error}") from error
    else:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ValueError(
                f"{path} holds more than tensors and wants to run code while it is loaded, so it was refused. "
                "If you trust it, load it yourself, and save model.state_dict() alone."
            ) from error
        except (RuntimeError, EOFError, OSError) as error:
            raise ValueError(f"{path} is broken or no PyTorch file: {error}") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path} holds no state dict (a mapping from names to tensors)")
    return dict(content)


def load_strictly(model: nn.Module, state_dict: Mapping[str, Tensor], *, assign: bool = False) -> None:
    """Loads a state dict with our keys, all or nothing.

    Args:
        assign: make the tensors the network's own instead of copying them (for a network on the meta device).

    Raises:
        ValueError: naming the first missing, unexpected and misshapen key. The network is then unchanged.
    """
    own = model.state_dict()
    missing = [key for key in own if key not in state_dict]
    unexpected = [key for key in state_dict if key not in own]
    misshapen = [key for key in own if key in state_dict and own[key].shape != state_dict[key].shape]
    trouble = []
    if missing:
        trouble.append(f"{len(missing)} missing, first {missing[0]!r}")
    if unexpected:
        trouble.append(f"{len(unexpected)} unexpected, first {unexpected[0]!r}")
    if misshapen:
        key = misshapen[0]
        trouble.append(
            f"{len(misshapen)} misshapen, first {key!r} of shape {tuple(state_dict[key].shape)} "
            f"where the network has {tuple(own[key].shape)}"
        )
    if trouble:
        raise ValueError("these weights do not fit the network: " + "; ".join(trouble))
    model.load_state_dict(state_dict, assign=assign)
