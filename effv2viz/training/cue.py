"""The recipe ``cue``: efficientnetv2_pico, with SE or a relative of it, on pictures of the cue task.

``effv2viz train cue`` runs it. On two CPU cores it takes a few minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from effv2viz.datasets.cue import CLASSES, generate
from effv2viz.datasets.preprocessing import CUE
from effv2viz.models.efficientnetv2 import EfficientNetV2
from effv2viz.training.bundle import write_bundle
from effv2viz.training.loop import Recipe, Task, train

TEST_SEED = 1_000_000  # of the fresh pictures, the same for all runs


@dataclass(frozen=True, kw_only=True)
class CueRecipe(Recipe):
    """What a run depends on.

    Attributes:
        pictures: how many are drawn for training, from the run's seed.
        test_pictures: how many fresh ones are drawn.
        difficulty: see ``generate``.
    """

    model: str = "efficientnetv2_pico"
    epochs: int = 12
    ema_decay: float = 0.98
    record_every: int | None = 50
    pictures: int = 12_000
    test_pictures: int = 2_000
    difficulty: float = 0.5

    @property
    def weights(self) -> str:
        """The name that the resulting weights go by: ``cue``, or ``cue_none`` for those without SE."""
        return "cue" if self.attention == "se" else f"cue_{self.attention}"


def prepare(pictures: Tensor) -> Tensor:
    """Pictures (N, 48, 48, 3) uint8 to the network's input (N, 3, 48, 48), as ``load_images`` makes it."""
    return CUE.normalize(pictures.permute(0, 3, 1, 2))


def train_cue(
    out: Path,
    *,
    recipe: CueRecipe | None = None,
    device: str = "auto",
    report: Callable[[str], None] = print,
    progress: bool = True,
) -> EfficientNetV2:
    """Trains, and returns the network with averaged weights in eval mode.

    ``out`` gets what ``train`` writes, and at the end the weights and the statistics of their gates.

    Args:
        out: folder of the run; a run that was stopped there goes on.
        recipe: what to run; the one behind the bundled weights where left out.
        device: as in ``create_model``.
        report: takes a line of text after each record.
        progress: shows a bar while it runs.

    Raises:
        ValueError: if ``out`` holds a run of another recipe, or the recipe makes no pictures.
        FloatingPointError: if loss or weights are no numbers any more.
    """
    recipe = recipe or CueRecipe()
    if recipe.seed == TEST_SEED:
        raise ValueError(f"seed={TEST_SEED} is that of the fresh pictures, which must not be learnt: use another")
    learn = generate(recipe.pictures, recipe.seed, difficulty=recipe.difficulty)
    test = generate(recipe.test_pictures, TEST_SEED, difficulty=recipe.difficulty)
    task = Task(
        images=torch.from_numpy(learn.images),
        labels=torch.from_numpy(learn.labels),
        test_images=torch.from_numpy(test.images),
        test_labels=torch.from_numpy(test.labels),
        classes=CLASSES,
        preprocessing=CUE,
        prepare=prepare,
        augment=lambda pictures, generator: prepare(pictures),
    )
    model = train(recipe, task, out, device=device, report=report, progress=progress)
    data = f"cue task, {recipe.pictures} training pictures of seed {recipe.seed}, difficulty {recipe.difficulty:g}"
    write_bundle(model, task, out, weights=recipe.weights, data=data, progress=progress)
    return model
