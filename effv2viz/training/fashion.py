"""The recipe behind the bundled weights: efficientnetv2_nano on the 60,000 training pictures of Fashion-MNIST.

``effv2viz train fashion`` runs it. On the CPU a run with the same seed, thread count and torch version repeats exactly,
and a run that was stopped goes on at its last finished epoch as if it had not been.
"""

from __future__ import annotations

import csv
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from effv2viz.datasets.fashion import CLASSES, load_fashion
from effv2viz.datasets.preprocessing import FASHION
from effv2viz.models.downloads import sha256
from effv2viz.models.efficientnetv2 import VARIANTS, EfficientNetV2, pick_device
from effv2viz.probing import GateStatistics, collect_gates


@dataclass(frozen=True)
class FashionRecipe:
    """What a run depends on."""

    model: str = "efficientnetv2_nano"
    epochs: int = 16
    batch_size: int = 128
    learning_rate: float = 3e-3  # the peak of the one-cycle schedule
    weight_decay: float = 0.03  # of kernels; biases and batch norm have none
    warmup: float = 0.2  # share of the steps before the peak
    label_smoothing: float = 0.05
    ema_decay: float = 0.999  # per step; the averaged weights are the result
    dropout: float = 0.1
    drop_path: float = 0.05
    cutout: int = 8  # side of the square of each training picture that is blanked, in pixels
    seed: int = 0


def prepare(pictures: Tensor) -> Tensor:
    """Pictures (N, 28, 28) uint8 to the network's input (N, 3, 32, 32), as ``load_images`` makes it."""
    padded = F.pad(pictures, [FASHION.pad] * 4)
    return FASHION.normalize(padded[:, None].expand(-1, 3, -1, -1))


def augment(pictures: Tensor, cutout: int, generator: torch.Generator) -> Tensor:
    """Training pictures (N, 28, 28) uint8 to input (N, 3, 32, 32): shifted, mirrored, one square blank."""
    n, side, size = len(pictures), pictures.shape[-1], FASHION.size

    def random(high: int) -> Tensor:
        return torch.randint(high, (n, 1, 1), generator=generator)

    span = torch.arange(size)
    rows = span[None, :, None] - random(size - side + 1)  # (N, 32, 1)  where each row comes from
    columns = span[None, None, :] - random(size - side + 1)  # (N, 1, 32)
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    columns = torch.where(random(2) == 0, columns, side - 1 - columns)
    index = torch.arange(n)[:, None, None]
    moved = pictures[index, rows.clamp(0, side - 1), columns.clamp(0, side - 1)] * inside
    top, left = random(size - cutout + 1), random(size - cutout + 1)
    y, x = span[None, :, None], span[None, None, :]
    hole = (y >= top) & (y < top + cutout) & (x >= left) & (x < left + cutout)
    return FASHION.normalize((moved * ~hole)[:, None].expand(-1, 3, -1, -1))


def batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Shuffled indices in batches of ``size``; the rest that fills no batch is left out of this epoch."""
    order = torch.randperm(n, generator=generator)
    yield from order[: n // size * size].view(-1, size)


@torch.no_grad()
def accuracy(model: nn.Module, pictures: Tensor, labels: Tensor, batch_size: int = 500) -> float:
    """The share of pictures (N, 28, 28) uint8 whose largest logit is at their label."""
    device = next(model.parameters()).device
    model.eval()
    right = 0
    for some, truth in zip(pictures.split(batch_size), labels.split(batch_size), strict=True):
        right += int((model(prepare(some).to(device)).argmax(1).cpu() == truth).sum())
    return right / len(labels)


def train_fashion(
    out: Path,
    *,
    root: str | Path | None = None,
    recipe: FashionRecipe | None = None,
    device: str = "auto",
    report: Callable[[str], None] = print,
) -> EfficientNetV2:
    """Trains, and returns the network with averaged weights in eval mode.

    ``out`` gets ``checkpoint.pt`` (to resume from), ``log.csv`` (a row an epoch) and ``recipe.json``, and at the end
    what the package bundles: the weights, and the statistics of their gates over the training set.

    Args:
        out: folder of the run; a run that was stopped there goes on.
        root: where Fashion-MNIST lies or is downloaded to (see ``load_fashion``).
        recipe: what to run; the one behind the bundled weights where left out.
        device: as in ``create_model``.
        report: takes a line of text after each epoch.

    Raises:
        ValueError: if ``out`` holds a run of another recipe.
    """
    recipe = recipe or FashionRecipe()
    place = pick_device(device) or torch.device("cpu")
    train, test = (load_fashion(split, root) for split in ("train", "test"))
    images, labels = torch.tensor(train.images), torch.tensor(train.labels)
    test_images, test_labels = torch.tensor(test.images), torch.tensor(test.labels)
    steps_per_epoch = len(labels) // recipe.batch_size
    steps = recipe.epochs * steps_per_epoch

    torch.manual_seed(recipe.seed)
    model = EfficientNetV2(VARIANTS[recipe.model], dropout=recipe.dropout, drop_path=recipe.drop_path)
    model = model.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True
    )
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=recipe.warmup
    )

    out.mkdir(parents=True, exist_ok=True)
    rows, first = _resume(out, recipe, model, average, optimizer, schedule)
    for epoch in range(first, recipe.epochs):
        started = time.perf_counter()
        torch.manual_seed(recipe.seed + 1000 * (epoch + 1))  # dropout and stochastic depth
        generator = torch.Generator().manual_seed(recipe.seed + 1000 * (epoch + 1))  # order and augmentation
        model.train()
        total = 0.0
        bar = tqdm(
            batches(len(labels), recipe.batch_size, generator),
            total=steps_per_epoch,
            desc=f"epoch {epoch + 1}/{recipe.epochs}",
            leave=False,
            mininterval=1,
        )
        for index in bar:
            x = augment(images[index], recipe.cutout, generator).to(place, memory_format=torch.channels_last)
            loss = F.cross_entropy(model(x), labels[index].to(place), label_smoothing=recipe.label_smoothing)
            if not math.isfinite(value := loss.item()):
                raise FloatingPointError(f"the loss became {value} in epoch {epoch + 1}: lower the learning rate")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            total += value
        row = {
            "epoch": epoch + 1,
            "train_loss": round(total / steps_per_epoch, 4),
            "test_accuracy": accuracy(model, test_images, test_labels),
            "test_accuracy_averaged": accuracy(average, test_images, test_labels),
            "seconds": round(time.perf_counter() - started),
        }
        rows.append(row)
        _save(out, rows, recipe, model, average, optimizer, schedule)
        report("  ".join(f"{key} {value}" for key, value in row.items()))
    result: EfficientNetV2 = average.module  # type: ignore[assignment]
    result.name, result.preprocessing, result.classes = recipe.model, FASHION, CLASSES
    result = result.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    _write_bundle(out, result, images, labels, rows[-1])
    return result


def _write_bundle(out: Path, model: EfficientNetV2, images: Tensor, labels: Tensor, last: dict) -> None:
    """Writes the weights, and the statistics of their gates over the training pictures as they are."""
    metadata = {"model": str(model.name), "test_accuracy": str(last["test_accuracy_averaged"])}
    content = save({key: value.contiguous() for key, value in model.state_dict().items()}, metadata)
    path = out / f"{model.name}.fashion.safetensors"
    path.write_bytes(content)
    fashion_gates(model, images, labels, path).save(out / f"{model.name}.fashion.gates.safetensors")


def fashion_gates(model: EfficientNetV2, images: Tensor, labels: Tensor, weights: Path) -> GateStatistics:
    """The statistics of a network's gates over the training pictures (N, 28, 28) as they are, without augmentation."""
    loader = ((prepare(x), y) for x, y in zip(images.split(500), labels.split(500), strict=True))
    gates = collect_gates(model, loader)
    gates.provenance = {
        "model": str(model.name),
        "weights": "fashion",
        "weights_sha256": sha256(weights),
        "data": "Fashion-MNIST training set",
        "count": str(len(labels)),
    }
    return gates


def _save(out: Path, rows: list[dict], recipe: FashionRecipe, *parts: object) -> None:
    """Writes the three files, each whole or not at all."""
    part = out / "checkpoint.part"
    torch.save({"epoch": len(rows), "rows": rows, "parts": [p.state_dict() for p in parts]}, part)  # type: ignore[attr-defined]
    os.replace(part, out / "checkpoint.pt")
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")
    with open(out / "log.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _resume(out: Path, recipe: FashionRecipe, *parts: object) -> tuple[list[dict], int]:
    if not (out / "checkpoint.pt").exists():
        return [], 0
    before = json.loads((out / "recipe.json").read_text())
    if before != asdict(recipe):
        changed = [key for key, value in asdict(recipe).items() if before.get(key) != value]
        raise ValueError(
            f"{out} holds a run of another recipe (it differs in {', '.join(changed)}): use another folder"
        )
    saved = torch.load(out / "checkpoint.pt", weights_only=True)
    for part, state in zip(parts, saved["parts"], strict=True):
        part.load_state_dict(state)  # type: ignore[attr-defined]
    return saved["rows"], saved["epoch"]
