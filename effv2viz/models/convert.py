"""State-dict keys: from torchvision's and timm's EfficientNetV2 to ours and back, strict both ways.

The tensors are the same on all sides, only their names differ, so a conversion renames and never computes. One table
serves both directions and every variant, because a block's kind can be read off the names of its parts.

Sources: torchvision ``models/efficientnet.py``; timm ``models/efficientnet.py``, ``models/_efficientnet_blocks.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from torch import Tensor

Source = Literal["torchvision", "timm"]
StateDict = Mapping[str, Tensor]

# The parts of each kind of block under their three names. Batch norm's and the convolutions' own keys are equal.
_PARTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    # ours, torchvision, timm
    "fused, expand 1": (
        ("fused.conv", "block.0.0", "conv"),
        ("fused.norm", "block.0.1", "bn1"),
    ),
    "fused": (
        ("fused.conv", "block.0.0", "conv_exp"),
        ("fused.norm", "block.0.1", "bn1"),
        ("project.conv", "block.1.0", "conv_pwl"),
        ("project.norm", "block.1.1", "bn2"),
    ),
    "mbconv": (
        ("expand.conv", "block.0.0", "conv_pw"),
        ("expand.norm", "block.0.1", "bn1"),
        ("depthwise.conv", "block.1.0", "conv_dw"),
        ("depthwise.norm", "block.1.1", "bn2"),
        ("se.reduce", "block.2.fc1", "se.conv_reduce"),
        ("se.expand", "block.2.fc2", "se.conv_expand"),
        ("project.conv", "block.3.0", "conv_pwl"),
        ("project.norm", "block.3.1", "bn3"),
    ),
}
_OURS, _COLUMN = 0, {"torchvision": 1, "timm": 2}
_BLOCK = {
    "ours": re.compile(r"stage(\d+)\.(\d+)\.(.+)"),
    "torchvision": re.compile(r"features\.(\d+)\.(\d+)\.(block\..+)"),
    "timm": re.compile(r"blocks\.(\d+)\.(\d+)\.(.+)"),
}
_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _outside_blocks(stages: int) -> tuple[tuple[str, str, str], ...]:
    """The parts before and after the stages; torchvision numbers the head right after the last stage."""
    return (
        ("stem.conv", "features.0.0", "conv_stem"),
        ("stem.norm", "features.0.1", "bn1"),
        ("head.conv", f"features.{stages + 1}.0", "conv_head"),
        ("head.norm", f"features.{stages + 1}.1", "bn2"),
        ("classifier", "classifier.1", "classifier"),
    )


def _block_name(source: str, stage: int, position: int) -> str:
    if source == "ours":
        return f"stage{stage}.{position}"
    return f"features.{stage}.{position}" if source == "torchvision" else f"blocks.{stage - 1}.{position}"


def _rename(state_dict: StateDict, source: str, target: str) -> dict[str, Tensor]:
    column = {"ours": _OURS, **_COLUMN}
    blocks: dict[tuple[int, int], set[str]] = {}
    for key in state_dict:
        if match := _BLOCK[source].fullmatch(key):
            stage = int(match[1]) + (source == "timm")
            blocks.setdefault((stage, int(match[2])), set()).add(match[3].rpartition(".")[0])
    if not blocks:
        raise ValueError(
            f"no key of this state dict looks like {source}'s EfficientNetV2 (such as "
            f"{_block_name(source, 1, 0)}.{_PARTS['fused, expand 1'][0][column[source]]}.weight); it starts with "
            f"{list(state_dict)[:3]}"
        )

    names: dict[str, str] = {}
    for part in _outside_blocks(max(stage for stage, _ in blocks)):
        names[part[column[source]]] = part[column[target]]
    for (stage, position), parts in blocks.items():
        for rows in _PARTS.values():
            if parts == {row[column[source]] for row in rows}:
                break
        else:
            raise ValueError(
                f"block {_block_name(source, stage, position)} of {source}'s state dict is of no kind that "
                f"EfficientNetV2 has: its parts are {sorted(parts)}"
            )
        for row in rows:
            before = f"{_block_name(source, stage, position)}.{row[column[source]]}"
            names[before] = f"{_block_name(target, stage, position)}.{row[column[target]]}"

    renamed = {}
    for key, tensor in state_dict.items():
        module, _, leaf = key.rpartition(".")
        if module not in names or leaf not in _LEAVES:
            raise ValueError(f"key {key!r} has no place in an EfficientNetV2 with {source}'s names")
        renamed[f"{names[module]}.{leaf}"] = tensor
    return renamed


def convert_state_dict(state_dict: StateDict, source: Source) -> dict[str, Tensor]:
    """Our keys for a state dict with torchvision's or timm's.

    Raises:
        ValueError: naming the first key that has no place in an EfficientNetV2.
    """
    _check(source)
    return _rename(state_dict, source, "ours")


def export_state_dict(state_dict: StateDict, target: Source) -> dict[str, Tensor]:
    """torchvision's or timm's keys for a state dict with ours; the inverse of ``convert_state_dict``.

    Raises:
        ValueError: naming the first key that has no place there, such as those of ``attention="senet"``.
    """
    _check(target)
    return _rename(state_dict, "ours", target)


def key_style(state_dict: StateDict) -> Literal["ours", "torchvision", "timm"]:
    """Whose keys a state dict has.

    Raises:
        ValueError: if it is nobody's.
    """
    for style in ("ours", "torchvision", "timm"):
        if any(_BLOCK[style].fullmatch(key) for key in state_dict):
            return style
    raise ValueError(f"this is no state dict of an EfficientNetV2: its keys start with {list(state_dict)[:3]}")


def _check(name: str) -> None:
    if name not in _COLUMN:
        raise ValueError(f"unknown naming {name!r}: it is 'torchvision' or 'timm'")
