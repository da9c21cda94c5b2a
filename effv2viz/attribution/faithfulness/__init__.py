"""How far an explanation can be believed: curves, infidelity, sensitivity, randomisation, the pointing game.

No measure ranks methods alone. They disagree with each other, so a table shows several, and ``random_attribution`` in a
row of its own.
"""

from effv2viz.attribution.faithfulness.curves import Curve, deletion_curve, insertion_curve
from effv2viz.attribution.faithfulness.gates import GateCurve, gate_flipping, rank_agreement
from effv2viz.attribution.faithfulness.pointing import pointing_game
from effv2viz.attribution.faithfulness.randomisation import RandomisedStage, parameter_randomisation
from effv2viz.attribution.faithfulness.ranks import spearman
from effv2viz.attribution.faithfulness.sensitivity import draw_squares, infidelity, max_sensitivity

__all__ = [
    "Curve",
    "GateCurve",
    "RandomisedStage",
    "deletion_curve",
    "draw_squares",
    "gate_flipping",
    "infidelity",
    "insertion_curve",
    "max_sensitivity",
    "parameter_randomisation",
    "pointing_game",
    "rank_agreement",
    "spearman",
]
