"""The training loop that all recipes share: AdamW, one cycle, averaged weights, exact resume.

What is random in a step follows from the seed and the step's number, not from what ran before. So a run that was killed
goes on at its last checkpoint as if it had not been: on a CPU, with the same torch version and number of threads, its
weights are the same to the last bit.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from effv2viz.datasets.preprocessing import Preprocessing
from effv2viz.models.create import create_model
from effv2viz.models.efficientnetv2 import EfficientNetV2, pick_device
from effv2viz.probing.guards import undisturbed
from effv2viz.training.playback import Playback

_WEIGHTS, _ORDER, _CHANCE, _AUGMENTATION = range(4)  # streams of random numbers


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a run depends on, its data aside.

    Attributes:
        model: the network, one of ``list_models()``.
        attention: its SE module.
        attention_stages: where that stands, as in ``create_model``.
        se_ratio: the width of its bottleneck, likewise.
        depth: how many times as many blocks each stage has.
        epochs: passes over the training pictures; what fills no batch is left out of a pass.
        batch_size: pictures in a step.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: of kernels; biases and norms have none.
        warmup: share of the steps before the peak.
        label_smoothing: share of the target that is spread over all classes.
        ema_decay: of the averaged weights, per step; they are the result.
        mixup: alpha of the Beta distribution that pairs of pictures are mixed by; 0 mixes none.
        dropout: before the classifier.
        drop_path: see ``EfficientNetV2``.
        checkpoint_every: steps from one checkpoint to the next; there is one after each record too.
        record_every: steps from one record to the next; None for one at the end of each epoch.
        probe: how many of the first test pictures have their gates recorded.
        seed: of initialisation, order and augmentation.
    """

    model: str
    attention: str = "se"
    attention_stages: tuple[int, ...] | None = None
    se_ratio: float | None = None
    depth: float = 1
    epochs: int
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.03
    warmup: float = 0.2
    label_smoothing: float = 0.05
    ema_decay: float = 0.999
    mixup: float = 0.0
    dropout: float = 0.0
    drop_path: float = 0.0
    checkpoint_every: int = 200
    record_every: int | None = None
    probe: int = 32
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learnt.

    Attributes:
        images: the training pictures, (N, ...) uint8.
        labels: (N,), indices into ``classes``.
        test_images: fresh pictures, likewise.
        test_labels: theirs.
        classes: the K names.
        preprocessing: that the network will carry.
        prepare: makes the network's input (n, 3, H, W) of pictures.
        augment: the same with random changes, for training.
    """

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    prepare: Callable[[Tensor], Tensor]
    augment: Callable[[Tensor, torch.Generator], Tensor]

    def __post_init__(self) -> None:
        for split, images, labels in (
            ("training", self.images, self.labels),
            ("test", self.test_images, self.test_labels),
        ):
            if len(images) == 0 or len(images) != len(labels):
                raise ValueError(f"there are {len(images)} {split} pictures and {len(labels)} labels for them")
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= len(self.classes):
                raise ValueError(f"the {split} labels go from {low} to {high}: use 0 to {len(self.classes) - 1}")


def train(
    recipe: Recipe,
    task: Task,
    out: Path,
    *,
    device: str = "auto",
    report: Callable[[str], None] = print,
    progress: bool = True,
) -> EfficientNetV2:
    """Trains by a recipe, and returns the network with averaged weights, on the CPU in eval mode.

    ``out`` gets ``checkpoint.pt`` (to go on from), ``recipe.json``, ``log.csv`` (a row per record) and
    ``playback.safetensors`` (see ``Playback``).

    Args:
        recipe: what to run.
        task: what to learn.
        out: folder of the run; a run that was stopped there goes on.
        device: as in ``create_model``. A GPU computes in bfloat16.
        report: takes a line of text after each record.
        progress: shows a bar while it runs.

    Raises:
        ValueError: if ``out`` holds a run of another recipe or a broken checkpoint, or there is less than one batch.
        FloatingPointError: if loss or weights are no numbers any more. The last good checkpoint stays.
        OSError: if a file cannot be written. The last good checkpoint stays.
    """
    per_epoch = len(task.labels) // recipe.batch_size
    if per_epoch == 0:
        raise ValueError(
            f"{len(task.labels)} training pictures fill no batch of {recipe.batch_size}: use a smaller one"
        )
    total = recipe.epochs * per_epoch
    record_every = recipe.record_every or per_epoch
    place = pick_device(device) or torch.device("cpu")
    fabric = Fabric(
        accelerator=place.type,
        devices=[place.index or 0] if place.type == "cuda" else 1,
        precision="bf16-mixed" if place.type == "cuda" else "32-true",
    )
    with torch.random.fork_rng():
        torch.manual_seed(_seed(recipe.seed, _WEIGHTS, 0))
        run = _Run(recipe, task, total, out)
        model, optimizer = fabric.setup(run.model, run.optimizer)
        run.average.to(fabric.device)
        run.resume()
        epoch, order = -1, torch.empty(0, dtype=torch.long)
        with tqdm(
            total=total, initial=run.step, desc=recipe.model, leave=False, mininterval=1, disable=not progress
        ) as bar:
            while run.step < total:
                if run.step // per_epoch != epoch:
                    epoch = run.step // per_epoch
                    order = torch.randperm(len(task.labels), generator=_generator(recipe.seed, _ORDER, epoch))
                first = run.step % per_epoch * recipe.batch_size
                index = order[first : first + recipe.batch_size]
                torch.manual_seed(_seed(recipe.seed, _CHANCE, run.step))  # dropout, stochastic depth, mixup
                x = task.augment(task.images[index], _generator(recipe.seed, _AUGMENTATION, run.step))
                x = x.to(fabric.device, memory_format=torch.channels_last)
                y = task.labels[index].to(fabric.device)

                model.train()
                loss = _loss(model, x, y, recipe)
                value = loss.item()
                if not math.isfinite(value):
                    raise FloatingPointError(f"the loss became {value} in step {run.step + 1}. {run.advice()}")
                optimizer.zero_grad()
                fabric.backward(loss)
                optimizer.step()
                run.schedule.step()
                run.average.update_parameters(run.model)

                run.step += 1
                run.losses.append(value)
                bar.update()
                if run.step % record_every == 0 or run.step == total:
                    row = run.record()
                    run.save()
                    report("  ".join(f"{key} {value}" for key, value in row.items()))
                elif run.step % recipe.checkpoint_every == 0:
                    run.save()
    result: EfficientNetV2 = run.average.module  # type: ignore[assignment]
    result.name, result.preprocessing, result.classes = recipe.model, task.preprocessing, task.classes
    return result.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


def _loss(model: nn.Module, x: Tensor, y: Tensor, recipe: Recipe) -> Tensor:
    """Cross-entropy; with mixup, of pictures mixed in pairs (Zhang et al., arXiv 1710.09412)."""
    if recipe.mixup == 0:
        return F.cross_entropy(model(x), y, label_smoothing=recipe.label_smoothing)
    share = float(torch.distributions.Beta(recipe.mixup, recipe.mixup).sample())
    other = torch.randperm(len(x)).to(x.device)
    logits = model(share * x + (1 - share) * x[other])
    own, others = (F.cross_entropy(logits, t, label_smoothing=recipe.label_smoothing) for t in (y, y[other]))
    return share * own + (1 - share) * others


@torch.no_grad()
def accuracy(model: nn.Module, task: Task, batch_size: int = 500) -> float:
    """The share of a task's test pictures whose largest logit is at their label."""
    device = next(model.parameters()).device
    right = 0
    with undisturbed(model):
        for images, labels in zip(task.test_images.split(batch_size), task.test_labels.split(batch_size), strict=True):
            right += int((model(task.prepare(images).to(device)).argmax(1).cpu() == labels).sum())
    return right / len(task.test_labels)


class _Run:
    """What a checkpoint holds: the step, the weights and all that changes with them, and what was recorded."""

    def __init__(self, recipe: Recipe, task: Task, total: int, out: Path) -> None:
        self.recipe, self.task, self.out = recipe, task, out
        self.step = self.saved_step = 0
        self.losses: list[float] = []  # since the last record
        self.rows: list[dict[str, float]] = []
        self.playback = Playback(task.test_images[: recipe.probe], task.test_labels[: recipe.probe])
        self.clock, self.cpu_clock = time.perf_counter(), time.process_time()
        self.model = create_model(
            recipe.model,
            attention=recipe.attention,
            attention_stages=recipe.attention_stages,
            se_ratio=recipe.se_ratio,
            depth=recipe.depth,
            num_classes=len(task.classes),
            dropout=recipe.dropout,
            drop_path=recipe.drop_path,
        ).to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True)
        kernels = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.learning_rate, total_steps=total, pct_start=recipe.warmup
        )

    @property
    def _changing(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "average": self.average,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }

    def record(self) -> dict[str, float]:
        """Measures, and returns the row of the log."""
        now, cpu_now = time.perf_counter(), time.process_time()
        row: dict[str, float] = {
            "step": self.step,
            "train_loss": round(sum(self.losses) / len(self.losses), 4),
            "test_accuracy": accuracy(self.model, self.task),
            "test_accuracy_averaged": accuracy(self.average, self.task),
            "cpu_seconds": round(cpu_now - self.cpu_clock, 1),
            "seconds": round(now - self.clock, 1),
        }
        place = next(self.model.parameters()).device
        probe = self.task.prepare(self.playback.images).to(place)
        self.playback.add(self.model, probe, self.step, row["train_loss"], row["test_accuracy"])
        self.rows.append(row)
        self.losses, self.clock, self.cpu_clock = [], now, cpu_now
        return row

    def save(self) -> None:
        """Writes the files of the run, each whole or not at all, the checkpoint first.

        Raises:
            FloatingPointError: instead, if a weight is no number.
            OSError: if one cannot be written.
        """
        bad = [name for name, value in self.model.state_dict().items() if not bool(torch.isfinite(value).all())]
        if bad:
            raise FloatingPointError(f"{bad[0]} is not finite after step {self.step}. {self.advice()}")
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "losses": self.losses,
            "rows": self.rows,
            "playback": self.playback.state_dict(),
            **{name: part.state_dict() for name, part in self._changing.items()},
        }
        checkpoint = io.BytesIO()
        torch.save(state, checkpoint)
        log = io.StringIO()
        if self.rows:
            writer = csv.DictWriter(log, self.rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            write_whole(self.out / "recipe.json", (json.dumps(asdict(self.recipe), indent=2) + "\n").encode())
            write_whole(self.out / "checkpoint.pt", checkpoint.getvalue())
            self.saved_step = self.step
            write_whole(self.out / "log.csv", log.getvalue().encode())
            write_whole(self.out / "playback.safetensors", self.playback.to_bytes())
        except OSError as error:
            raise OSError(f"{self.out} cannot be written in step {self.step}: {error}. {self.advice()}") from error

    def resume(self) -> None:
        """Goes back to the checkpoint in the folder, if there is one."""
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # pickle, zip and torch raise their own
            raise ValueError(f"{path} is broken ({error}): remove it to begin anew") from error
        before, now = state["recipe"], asdict(self.recipe)
        if before != now:
            changed = [key for key in now | before if before.get(key) != now.get(key)]
            raise ValueError(
                f"{self.out} holds a run of another recipe (it differs in {', '.join(changed)}): use another folder"
            )
        for name, part in self._changing.items():
            part.load_state_dict(state[name])
        self.playback.load_state_dict(state["playback"])
        self.step = self.saved_step = state["step"]
        self.losses, self.rows = state["losses"], state["rows"]

    def advice(self) -> str:
        """Where the run can go on."""
        if self.saved_step == 0:
            return f"There is no checkpoint in {self.out} yet"
        path = self.out / "checkpoint.pt"
        return f"The checkpoint of step {self.saved_step} is whole in {path}; the same command goes on from it"


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all: what lay there before stays until the new one is complete."""
    unfinished = path.with_name(path.name + ".part")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _seed(seed: int, stream: int, number: int) -> int:
    """A seed for one use of random numbers, unlike that of every other."""
    return int(np.random.SeedSequence([seed, stream, number]).generate_state(1, np.uint64)[0]) >> 1


def _generator(seed: int, stream: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(_seed(seed, stream, number))
