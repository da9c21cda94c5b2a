"""The recipe ``fashion``: efficientnetv2_nano on the 60,000 training pictures of Fashion-MNIST.

``effv2viz train fashion`` runs it. Its settings are those behind the bundled weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from effv2viz.datasets.fashion import CLASSES, load_fashion
from effv2viz.datasets.preprocessing import FASHION
from effv2viz.models.efficientnetv2 import EfficientNetV2
from effv2viz.probing import GateStatistics
from effv2viz.training.bundle import training_gates, write_bundle
from effv2viz.training.loop import Recipe, Task, train

DATA = "Fashion-MNIST training set"


@dataclass(frozen=True, kw_only=True)
class FashionRecipe(Recipe):
    """What a run depends on.

    Attributes:
        cutout: side of the square of each training picture that is blanked, in pixels.
        per_class: how many training pictures of each class are used, the first ones; all where left out.
    """

    model: str = "efficientnetv2_nano"
    epochs: int = 16
    dropout: float = 0.1
    drop_path: float = 0.05
    cutout: int = 8
    per_class: int | None = None

    @property
    def weights(self) -> str:
        """The name that the resulting weights go by: ``fashion``, or ``fashion_none`` for those without SE."""
        return "fashion" if self.attention == "se" else f"fashion_{self.attention}"


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


def train_fashion(
    out: Path,
    *,
    root: str | Path | None = None,
    recipe: FashionRecipe | None = None,
    device: str = "auto",
    report: Callable[[str], None] = print,
    progress: bool = True,
) -> EfficientNetV2:
    """Trains, and returns the network with averaged weights in eval mode.

    ``out`` gets what ``train`` writes, and at the end what the package bundles: the weights, and the statistics of
    their gates over the training set.

    Args:
        out: folder of the run; a run that was stopped there goes on.
        root: where Fashion-MNIST lies or is downloaded to (see ``load_fashion``).
        recipe: what to run; the one behind the bundled weights where left out.
        device: as in ``create_model``.
        report: takes a line of text after each epoch.
        progress: shows a bar while it runs.

    Raises:
        ValueError: if ``out`` holds a run of another recipe.
        FileNotFoundError: if ``root`` has no Fashion-MNIST and it cannot be downloaded.
        FloatingPointError: if loss or weights are no numbers any more.
    """
    recipe = recipe or FashionRecipe()
    learn, test = (load_fashion(split, root) for split in ("train", "test"))
    if recipe.per_class is not None:
        learn = learn.balanced(recipe.per_class)
    task = Task(
        images=torch.tensor(learn.images),
        labels=torch.tensor(learn.labels),
        test_images=torch.tensor(test.images),
        test_labels=torch.tensor(test.labels),
        classes=CLASSES,
        preprocessing=FASHION,
        prepare=prepare,
        augment=lambda pictures, generator: augment(pictures, recipe.cutout, generator),
    )
    model = train(recipe, task, out, device=device, report=report, progress=progress)
    data = DATA if recipe.per_class is None else f"{DATA}, the first {recipe.per_class} pictures of each class"
    write_bundle(model, task, out, weights=recipe.weights, data=data, progress=progress)
    return model


def fashion_gates(model: EfficientNetV2, images: Tensor, labels: Tensor, weights: Path) -> GateStatistics:
    """The statistics of a network's gates over the training pictures (N, 28, 28) as they are, without augmentation."""
    return training_gates(model, images, labels, prepare, weights, weights="fashion", data=DATA)
