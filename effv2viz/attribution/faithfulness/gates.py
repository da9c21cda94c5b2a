"""Gate flipping: how the target's logit goes when gates take the baseline one after the other, the strongest first.

The counterpart of pixel flipping (Samek et al. 2017, arXiv 1509.06321) for gates. The order by exact ablation is the
oracle, a random order the floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from effv2viz.attribution.faithfulness.ranks import spearman
from effv2viz.attribution.gates import GateAttribution
from effv2viz.probing.gate_hooks import gates_set
from effv2viz.probing.guards import eager, undisturbed
from effv2viz.probing.sites import choose_channel_sites
from effv2viz.suggestions import unknown_name


@dataclass(frozen=True, eq=False)
class GateCurve:
    """The target's logit over the share of gates that have taken the baseline.

    Attributes:
        share: (P,) of the gates, from 0 to 1.
        logit: (N, P) of the target, less what it is with all gates.
    """

    share: Tensor
    logit: Tensor

    @property
    def area(self) -> Tensor:
        """(N,) between the curve and 0: its mean height. The lower, the sooner the gates that help were found."""
        return torch.trapezoid(self.logit, self.share, dim=1)


@torch.no_grad()
def gate_flipping(
    model: nn.Module,
    images: Tensor,
    attribution: GateAttribution,
    *,
    site: str,
    scores: Tensor | None = None,
    points: int = 17,
    batch_size: int = 64,
) -> GateCurve:
    """Gates of a site take the baseline, those that help the target most first; later gates respond.

    Args:
        model: the network; it is left as it was.
        images: (N, C, H, W), those of the attribution.
        attribution: gives target and baseline, and the order.
        site: its name.
        scores: (N, C) to order by in place of the attribution's values.
        points: of the curve, at equal distances, with both ends.
        batch_size: images per forward.

    Raises:
        ValueError: for a site that is not attributed, or scores of another shape or with NaN.
    """
    model = eager(model)
    if site not in attribution.gates or site not in attribution.baseline:
        raise unknown_name("site of the attribution:", site, attribution.baseline)
    own, base = attribution.gates[site], attribution.baseline[site]
    order_by = attribution[site] if scores is None else scores.to(own)
    if order_by.shape != own.shape:
        raise ValueError(f"the scores have shape {tuple(order_by.shape)}: {site} has gates {tuple(own.shape)}")
    if not bool(torch.isfinite(order_by).all()):
        raise ValueError(f"the scores of {site} hold NaN: every gate needs a place in the order")
    if points < 2 or batch_size < 1:
        raise ValueError(f"points={points}, batch_size={batch_size}: use at least 2 points, and 1 image")
    place = order_by.argsort(1, descending=True).argsort(1)  # (N, C)
    share = torch.linspace(0, 1, points, device=own.device)
    (where,) = choose_channel_sites(model, [site])
    logit = own.new_empty(len(own), points)
    with undisturbed(model):
        for image in range(len(own)):
            flipped = place[image] < share[:, None] * own.shape[1]  # (P, C)
            gates = torch.where(flipped, base[image], own[image])
            answers = []
            for some in gates.split(batch_size):
                with gates_set(model, {where: some}):
                    answers.append(model(images[image : image + 1].expand(len(some), -1, -1, -1)))
            logit[image] = torch.cat(answers)[:, attribution.target[image]]
    return GateCurve(share, logit - logit[:, :1])


def rank_agreement(scores: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Spearman's rank correlation of scores with exact ablation: {site: (N,)}, for each image.

    Args:
        scores: {site: (N, C)}.
        exact: {site: (N, C)}; only its sites are compared.
    """
    return {name: spearman(scores[name].double(), values.double()) for name, values in exact.items()}
