"""Exact ablation: what the target's logit does when one gate takes its baseline."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from effv2viz.probing.baselines import Baseline, baseline_gates
from effv2viz.probing.replay import Effect, Replay
from effv2viz.suggestions import unknown_name

CHUNK_BYTES = 16 * 2**20  # of working memory that the variants of one chunk take: on a CPU, more is two times slower
ACCELERATOR_CHUNK_BYTES = 512 * 2**20


class AblationInterruptedError(KeyboardInterrupt):
    """An ablation was interrupted; ``result`` (N, C) holds what was done, and NaN elsewhere."""

    def __init__(self, message: str, result: Tensor) -> None:
        super().__init__(message)
        self.result = result


def ablate_gates(
    model: nn.Module | Replay,
    images: Tensor | None = None,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    site: str,
    baseline: Baseline | None = None,
    effect: Effect = "total",
    channels: Sequence[int] | None = None,
    progress: bool = False,
    cancel: threading.Event | None = None,
    resume: Tensor | None = None,
) -> Tensor:
    """The exact effect of every gate of a site: F(gate) - F(baseline), each gate changed alone.

    Args:
        model: any network that ``find_se`` finds sites in, or a ``Replay`` of the images.
        images: (N, 3, H, W); left out with a ``Replay``.
        target: the class whose logit F is: an int, or one for each image; the predicted class where left out.
        site: its name.
        baseline: see ``baseline_gates``; the data-set mean that the named weights ship with where left out.
        effect: ``"total"``: later gates respond; ``"direct"``: they are held.
        channels: those that are ablated; all where left out.
        progress: show a bar.
        cancel: once it is set, the call returns what is done.
        resume: the result of a call that was cancelled or interrupted; what is done there is not done again.

    Returns:
        (N, C): positive where the gate, as it is, helps the target. NaN for channels that were not asked for or not
        reached.

    Raises:
        ValueError: for a site, channel, target or baseline that does not exist or fit.
        AblationInterruptedError: on Ctrl-C, with what is done.
    """
    if isinstance(model, Replay):
        replay = model
    elif images is None:
        raise ValueError("ablate_gates needs images, or a Replay in place of the network")
    else:
        replay = Replay(model, images)
    if site not in replay.sites:
        raise unknown_name("site", site, replay.sites)
    own = replay.gates[site]
    n, width = own.shape
    classes = checked_target(target, replay.logits)
    to = baseline_gates(replay.model, baseline, [replay.sites[site]])[site].to(own)
    if to.ndim == 2 and len(to) not in (1, n):
        raise ValueError(f"the baseline has gates of {len(to)} images, and there are {n}")
    to = to.expand(n, width)
    wanted = list(range(width)) if channels is None else [int(channel) for channel in channels]
    for channel in wanted:
        if not 0 <= channel < width:
            raise ValueError(f"{site} has no channel {channel}: they go from 0 to {width - 1}")
    result = torch.full((n, width), float("nan"), dtype=own.dtype, device=own.device)
    if resume is not None:
        if resume.shape != result.shape:
            raise ValueError(f"resume has shape {tuple(resume.shape)}, this ablation {tuple(result.shape)}")
        result.copy_(resume)
    budget = CHUNK_BYTES if own.device.type == "cpu" else ACCELERATOR_CHUNK_BYTES
    chunk = max(1, min(512, budget // replay.variant_bytes(site)))
    reached = replay.logits.gather(1, classes[:, None])[:, 0]
    with tqdm(total=n * len(wanted), desc=f"ablation of {site}", disable=not progress, leave=False) as bar:
        try:
            for image in range(n):
                todo = torch.tensor(
                    [c for c in wanted if result[image, c].isnan()], dtype=torch.long, device=own.device
                )
                bar.update(len(wanted) - len(todo))
                for some in todo.split(chunk) if len(todo) else ():
                    if cancel is not None and cancel.is_set():
                        return result
                    logits = replay.run_variants(site, some, to[image, some], image=image, effect=effect)
                    result[image, some] = reached[image] - logits[:, classes[image]]
                    bar.update(len(some))
        except KeyboardInterrupt as stop:
            done = int((~result.isnan()).sum())
            raise AblationInterruptedError(
                f"interrupted after {done} of {n * len(wanted)} ablations; they are in this error's .result, which "
                "ablate_gates takes as resume=",
                result,
            ) from stop
    return result


def checked_target(target: int | Sequence[int] | Tensor | None, logits: Tensor) -> Tensor:
    """The target class of each image, (N,) int; the predicted one where left out.

    Raises:
        ValueError: for a class that does not exist, or a wrong number of targets.
    """
    n, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    chosen = torch.as_tensor(target, device=logits.device)
    if chosen.is_floating_point() or chosen.dtype == torch.bool:
        raise ValueError(f"target is of type {chosen.dtype}: use the number of a class, or one for each image")
    if chosen.ndim > 1 or (chosen.ndim == 1 and len(chosen) != n):
        raise ValueError(f"target has shape {tuple(chosen.shape)}: use one class, or one for each of the {n} images")
    if bool(((chosen < 0) | (chosen >= classes)).any()):
        raise ValueError(f"target {chosen.tolist()} is out of range: the network has classes 0 to {classes - 1}")
    return chosen.long().expand(n)
