"""Shapley values of sites, or of some channels of a site: what each adds to F on average over all orders.

A coalition is the set of players (sites, or channels) that have left the baseline for their own gates.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from captum.attr import ShapleyValueSampling
from torch import Tensor

from effv2viz.attribution.gate_problem import GateProblem, Setting

EXACT_PLAYERS = 10  # up to 2 ** 10 coalitions are enumerated

Worth = Callable[[Tensor], Tensor]  # coalitions (M, players) bool to F (M,)


def shapley_of_sites(problem: GateProblem, samples: int, seed: int) -> Tensor:
    """(N, sites). For a total effect the gates of a site that has left the baseline respond to earlier ones."""

    def settings(image: int, coalitions: Tensor) -> dict[str, Setting]:
        chosen = {
            name: _chosen(
                coalitions[:, place, None],
                problem.own[name][image] if problem.effect == "direct" else None,
                problem.baseline[name][image],
            )
            for place, name in enumerate(problem.names)
        }
        return {**_held(problem, image, len(coalitions)), **chosen}

    return _values(problem, len(problem.names), settings, samples, seed)


def shapley_of_channels(problem: GateProblem, site: str, channels: list[int], samples: int, seed: int) -> Tensor:
    """(N, len(channels)). The other channels of the site keep their gates."""
    index = torch.tensor(channels, device=problem.images.device)

    def settings(image: int, coalitions: Tensor) -> dict[str, Setting]:
        rows = problem.own[site][image].repeat(len(coalitions), 1)
        rows[:, index] = torch.where(coalitions, rows[:, index], problem.baseline[site][image][index])
        return {**_held(problem, image, len(coalitions)), site: rows}

    return _values(problem, len(channels), settings, samples, seed)


def is_exact(players: int) -> bool:
    """Whether all coalitions of so many players are enumerated, not sampled."""
    return players <= EXACT_PLAYERS


def _held(problem: GateProblem, image: int, count: int) -> dict[str, Setting]:
    """The gates of one image that are held, as many times as there are coalitions."""
    held = problem.others(slice(image, image + 1))
    return {name: gate.expand(count, -1) for name, gate in held.items()}


def _chosen(inside: Tensor, own: Tensor | None, baseline: Tensor) -> Setting:
    """The gates (M, C) of M coalitions: a site's own, if it is inside; those that it computes, where own is None."""
    if own is None:
        return lambda gate: torch.where(inside, gate, baseline)
    return torch.where(inside, own, baseline)


def _values(
    problem: GateProblem,
    players: int,
    settings: Callable[[int, Tensor], dict[str, Setting]],
    samples: int,
    seed: int,
) -> Tensor:
    rows = []
    for image in range(len(problem.images)):

        def worth(coalitions: Tensor, image: int = image) -> Tensor:
            parts = []
            for some in coalitions.split(problem.together):
                images = problem.images[image].expand(len(some), -1, -1, -1)
                with torch.no_grad():
                    parts.append(problem.logit(settings(image, some), images, problem.target[image].expand(len(some))))
            return torch.cat(parts)

        like = problem.images
        rows.append(
            _exact(players, worth, like) if is_exact(players) else _sampled(players, worth, like, samples, seed)
        )
    return torch.stack(rows)


def _exact(players: int, worth: Worth, like: Tensor) -> Tensor:
    """(players,), from all coalitions (Shapley 1953)."""
    coalitions = torch.tensor(list(itertools.product([False, True], repeat=players)), device=like.device)
    value, size = worth(coalitions), coalitions.sum(1)
    share = [1 / (players * math.comb(players - 1, others)) for others in range(players)]
    weight = torch.tensor(share, dtype=value.dtype, device=like.device)
    result = []
    for player in range(players):
        without = (~coalitions[:, player]).nonzero().flatten()
        joined = without + 2 ** (players - 1 - player)  # the same coalition with the player
        result.append((weight[size[without]] * (value[joined] - value[without])).sum())
    return torch.stack(result)


def _sampled(players: int, worth: Worth, like: Tensor, samples: int, seed: int) -> Tensor:
    """(players,), from random orders, by Captum. torch's own random state is not touched."""
    present = torch.ones(1, players, device=like.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sampler = ShapleyValueSampling(lambda coalitions: worth(coalitions > 0.5))
        return sampler.attribute(present, baselines=0, n_samples=samples)[0].to(like)
