"""``create_model``: a network by name, with or without weights."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import torch

from effv2viz.datasets.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from effv2viz.models.attention import ATTENTION, BOTTLENECKED
from effv2viz.models.blocks import Padding
from effv2viz.models.checkpoints import load_strictly, read_checkpoint
from effv2viz.models.efficientnetv2 import VARIANTS, EfficientNetV2, pick_device
from effv2viz.models.pretrained import Weights, find_weights
from effv2viz.suggestions import unknown_name


def create_model(
    name: str,
    *,
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    attention: str | None = None,
    attention_stages: Collection[int] | None = None,
    se_ratio: float | None = None,
    depth: float | None = None,
    num_classes: int | None = None,
    padding: Padding | None = None,
    dropout: float | None = None,
    drop_path: float = 0.2,
) -> EfficientNetV2:
    """An EfficientNetV2 in eval mode.

    Args:
        name: one of ``list_models()``.
        weights: one of ``list_weights(name)``, or the path of a ``.safetensors``, ``.pth`` or ``.pt`` file with our,
            torchvision's or timm's keys. Left out, the network is initialised as Google's, from torch's random state.
        device: ``"auto"`` (cuda, mps or cpu, whichever is there first), a device, or None for torch's active device.
        attention: the SE module, ``"se"`` by default. The others are ``"senet"`` and, in ``models.se_relatives``,
            ``"se_relu"``, ``"se_nobias"``, ``"se_max"``, ``"ese"``, ``"eca"``, ``"cbam_channel"``, ``"cbam"``,
            ``"ge"``, ``"ge_plus"``, ``"gc"``, ``"srm"``, ``"static"``, ``"no_squeeze"`` and ``"none"``. Named weights
            fix it.
        attention_stages: the numbers of the stages whose blocks have the SE module; the MBConv stages by default, as
            published. With the others, Fused-MBConv blocks have it too. Named weights fix it.
        se_ratio: the bottleneck's width R as a share of the block's input channels, 0.25 by default, where the SE
            module has such a bottleneck. Named weights fix it.
        depth: how many times as many blocks each stage has, 1 by default. Named weights fix it.
        num_classes: K; 1,000 by default, 10 for nano, 4 for pico. Weights fix it: to fine-tune them, call
            ``model.reset_classifier(num_classes)`` afterwards.
        padding: ``"symmetric"`` (default) or TensorFlow's ``"same"``. Named weights fix it.
        dropout: before the classifier, in training; the published value by default.
        drop_path: rate of stochastic depth, in training.

    Raises:
        ValueError: for an unknown name, an argument that conflicts with the weights, or weights that do not fit.
        WeightsUnavailableError: if named weights are neither here nor to be downloaded.
    """
    if name not in VARIANTS:
        raise unknown_name("model", name, VARIANTS)
    if attention is not None and attention not in ATTENTION:
        raise unknown_name("attention", attention, ATTENTION)
    if se_ratio is not None and attention is not None and attention not in BOTTLENECKED:
        raise ValueError(
            f"attention={attention!r} has no bottleneck that se_ratio={se_ratio} could set: leave se_ratio out, or use "
            f"one of {', '.join(BOTTLENECKED)}"
        )
    if padding not in (None, "symmetric", "same"):
        raise unknown_name("padding", padding, ("symmetric", "same"))
    if num_classes is not None and num_classes < 1:
        raise ValueError(f"num_classes={num_classes}: a network has at least one class")
    place = pick_device(device)
    named: Weights | None = None
    if weights is not None and not _is_file_name(weights):
        named = find_weights(name, str(weights))
        fixed = {
            "padding": named.padding,
            "attention": named.attention,
            "attention_stages": VARIANTS[name].mbconv_stages,
            "se_ratio": 0.25,
            "depth": 1,
            "num_classes": len(named.classes()),
        }
        given = {
            "padding": padding,
            "attention": attention,
            "attention_stages": None if attention_stages is None else tuple(sorted(attention_stages)),
            "se_ratio": se_ratio,
            "depth": depth,
            "num_classes": num_classes,
        }
        for argument, value in fixed.items():
            if given[argument] not in (None, value):
                advice = ", or call model.reset_classifier afterwards" if argument == "num_classes" else ""
                raise ValueError(
                    f"the weights {named.name!r} of {name} need {argument}={value!r}, not {given[argument]!r}: "
                    f"leave the argument out{advice}"
                )
        padding, attention = named.padding, named.attention

    variant = VARIANTS[name].with_depth(1 if depth is None else depth)
    if se_ratio is not None:
        variant = variant.with_se_ratio(se_ratio)

    def build() -> EfficientNetV2:
        return EfficientNetV2(
            variant,
            num_classes=num_classes,
            attention=attention or "se",
            attention_stages=attention_stages,
            padding=padding or "symmetric",
            dropout=dropout,
            drop_path=drop_path,
        )

    if weights is None:
        model = build()
    else:
        active = place or torch.get_default_device()
        if active.type == "meta":
            raise ValueError("weights cannot be loaded on the meta device: leave them out there")
        state_dict = read_checkpoint(named.path() if named else Path(weights))
        with torch.device("meta"):
            model = build()
        dtype = torch.get_default_dtype()
        state_dict = {
            key: value.to(active, dtype if value.is_floating_point() else None) for key, value in state_dict.items()
        }
        load_strictly(model, state_dict, assign=True)
    model.name, model.weights = name, named
    if named:
        model.preprocessing, model.classes = named.preprocessing, named.classes()
    else:
        size = VARIANTS[name].eval_size
        model.preprocessing = Preprocessing(size, size, "bicubic", IMAGENET_MEAN, IMAGENET_STD)
    return model.to(place).eval() if place is not None else model.eval()


def _is_file_name(weights: str | os.PathLike[str]) -> bool:
    return not isinstance(weights, str) or weights.endswith((".safetensors", ".pth", ".pt")) or os.sep in weights
