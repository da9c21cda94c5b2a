"""What a finished run leaves for others: its weights, and the statistics of their gates over the training pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from effv2viz.models.downloads import sha256
from effv2viz.models.efficientnetv2 import EfficientNetV2
from effv2viz.probing import GateStatistics, collect_gates, find_se
from effv2viz.training.loop import Task, accuracy, write_whole


def write_bundle(
    model: EfficientNetV2, task: Task, out: Path, *, weights: str, data: str, progress: bool = True
) -> None:
    """Writes ``MODEL.WEIGHTS.safetensors`` and, if its gates are one per channel, ``MODEL.WEIGHTS.gates.safetensors``.

    Args:
        model: the result of ``train``.
        task: what it learnt.
        out: the folder.
        weights: the name that the weights go by.
        data: what the training pictures are, in a few words.
        progress: shows a bar while statistics are made.
    """
    about = {"model": model.name, "attention": model.attention, "test_accuracy": accuracy(model, task)}
    metadata = {"effv2viz": json.dumps(about)}  # one entry: several would lie in the file in random order
    path = out / f"{model.name}.{weights}.safetensors"
    write_whole(path, save({key: value.contiguous() for key, value in model.state_dict().items()}, metadata))
    sites = find_se(model)
    if sites and not any(site.spatial for site in sites):
        gates = training_gates(
            model, task.images, task.labels, task.prepare, path, weights=weights, data=data, progress=progress
        )
        gates.save(out / f"{model.name}.{weights}.gates.safetensors")


def training_gates(
    model: EfficientNetV2,
    images: Tensor,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor],
    path: Path,
    *,
    weights: str,
    data: str,
    progress: bool = True,
) -> GateStatistics:
    """The statistics of a network's gates over training pictures as they are, without augmentation.

    Args:
        model: the network.
        images: the pictures, (N, ...) uint8.
        labels: (N,).
        prepare: makes the network's input of pictures.
        path: the file of the weights, whose hash goes into the provenance.
        weights: their name.
        data: what the pictures are.
        progress: shows a bar while it runs.
    """
    batches = ((prepare(x), y) for x, y in zip(images.split(500), labels.split(500), strict=True))
    gates = collect_gates(model, batches, progress=progress)
    gates.provenance = {
        "model": str(model.name),
        "weights": weights,
        "weights_sha256": sha256(path),
        "data": data,
        "count": str(len(labels)),
    }
    return gates
