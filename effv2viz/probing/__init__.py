"""Looking inside a network: its SE sites, what they do in one forward and over a data set, and what they do to it."""

from effv2viz.probing.ablation import AblationInterruptedError, ablate_gates
from effv2viz.probing.anatomy import Anatomy, Port, register_se
from effv2viz.probing.baselines import Baseline, baseline_gates
from effv2viz.probing.collecting import GateCollector, collect_gates
from effv2viz.probing.folding import fold_constant_gates
from effv2viz.probing.interventions import (
    Clamp,
    Constant,
    Intervention,
    Mean,
    One,
    Randomize,
    Scale,
    Shuffle,
    Swap,
    Zero,
    intervene,
)
from effv2viz.probing.replay import Effect, Replay
from effv2viz.probing.sites import Site, find_se
from effv2viz.probing.statistics import GateStatistics, shipped_gates
from effv2viz.probing.tracing import SiteTrace, Trace, trace, trace_bytes

__all__ = [
    "AblationInterruptedError",
    "Anatomy",
    "Baseline",
    "Clamp",
    "Constant",
    "Effect",
    "GateCollector",
    "GateStatistics",
    "Intervention",
    "Mean",
    "One",
    "Port",
    "Randomize",
    "Replay",
    "Scale",
    "Shuffle",
    "Site",
    "SiteTrace",
    "Swap",
    "Trace",
    "Zero",
    "ablate_gates",
    "baseline_gates",
    "collect_gates",
    "find_se",
    "fold_constant_gates",
    "intervene",
    "register_se",
    "shipped_gates",
    "trace",
    "trace_bytes",
]
