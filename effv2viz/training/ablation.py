"""The recipe ``ablation``: what SE is worth, as a list of training runs of which each changes one thing.

``effv2viz train ablation`` runs them. They are small on purpose, so that all of them take a few hours on two CPU cores.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from effv2viz.training.cue import CueRecipe
from effv2viz.training.fashion import FashionRecipe

CUE = CueRecipe(batch_size=64, epochs=5, difficulty=0.25, record_every=85)
FASHION = FashionRecipe(batch_size=64, epochs=5, per_class=1000, ema_decay=0.99, record_every=780)

CUE_ATTENTION = ("se", "none", "static", "eca", "no_squeeze")
FASHION_ATTENTION = ("se", "none", "static", "senet")
OTHER_ATTENTION = (
    "se_relu", "se_nobias", "se_max", "ese", "eca", "cbam_channel", "cbam", "ge", "ge_plus", "gc", "srm", "no_squeeze",
)  # fmt: skip
NEW_SEEDS = {"se": 100, "none": 101}  # trained after the study, to see whether its prediction intervals hold


@dataclass(frozen=True)
class StudyRun:
    """One training run of the study.

    Attributes:
        part: the comparison that it belongs to. The runs with the published depth, ratio and places, which every
            comparison needs, are of the parts ``cue`` and ``fashion``.
        recipe: what is trained.
    """

    part: str
    recipe: CueRecipe | FashionRecipe

    @property
    def task(self) -> str:
        """``cue`` or ``fashion``."""
        return "cue" if isinstance(self.recipe, CueRecipe) else "fashion"

    @property
    def name(self) -> str:
        """Of the run's folder and of its row in the results."""
        recipe, usual = self.recipe, CUE if isinstance(self.recipe, CueRecipe) else FASHION
        words = [self.part, recipe.attention]
        if recipe.attention_stages is not None:
            words.append("stages" + "".join(map(str, recipe.attention_stages)))
        if recipe.se_ratio is not None:
            words.append(f"ratio{recipe.se_ratio:g}")
        if recipe.depth != usual.depth:
            words.append(f"depth{recipe.depth:g}")
        if isinstance(recipe, CueRecipe) and recipe.difficulty != CUE.difficulty:
            words.append(f"difficulty{recipe.difficulty:g}")
        return "-".join([*words, f"seed{recipe.seed}"])

    @property
    def recipe_hash(self) -> str:
        """Eight hex digits that change with anything in the recipe."""
        return hashlib.sha256(json.dumps(asdict(self.recipe), sort_keys=True).encode()).hexdigest()[:8]


def _cue(attention: str, seeds: range, part: str = "cue", **changes: object) -> list[StudyRun]:
    return [StudyRun(part, replace(CUE, attention=attention, seed=seed, **changes)) for seed in seeds]  # type: ignore[arg-type]


def _fashion(attention: str, seeds: range, part: str = "fashion") -> list[StudyRun]:
    return [StudyRun(part, replace(FASHION, attention=attention, seed=seed)) for seed in seeds]


def _study() -> list[StudyRun]:
    first, rest = range(3), range(3, 5)
    runs: list[StudyRun] = []
    for seed in first:
        for attention in CUE_ATTENTION:
            runs += _cue(attention, range(seed, seed + 1))
    for seed in first:
        for attention in FASHION_ATTENTION:
            runs += _fashion(attention, range(seed, seed + 1))
    for attention in ("se", "none"):
        runs += _cue(attention, rest)
    for attention, seed in NEW_SEEDS.items():
        runs += _cue(attention, range(seed, seed + 1), "new_seeds")
    runs += _cue("none", first, "depth", depth=2)
    for stages in ((1, 2, 3, 4), (4,), (3,)):
        runs += _cue("se", first, "places", attention_stages=stages)
    for attention in CUE_ATTENTION[2:]:
        runs += _cue(attention, rest)
    for difficulty in (0.0, 0.5):
        for attention in ("se", "none"):
            runs += _cue(attention, first, "difficulty", difficulty=difficulty)
    for attention in FASHION_ATTENTION:
        runs += _fashion(attention, rest)
    for ratio in (1 / 16, 1 / 2, 1.0):
        runs += _cue("se", first, "ratio", se_ratio=ratio)
    for attention in OTHER_ATTENTION:
        runs += _fashion(attention, range(1), "relatives")
    runs += _cue("none", first, "depth", depth=3)
    return runs


STUDY: tuple[StudyRun, ...] = tuple(_study())
