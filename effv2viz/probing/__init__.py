"""Looking inside a network: its SE sites, what they do in one forward, and over a data set."""

from effv2viz.probing.sites import Site, find_se
from effv2viz.probing.statistics import GateStatistics, collect_gates, shipped_gates
from effv2viz.probing.tracing import SiteTrace, Trace, trace

__all__ = ["GateStatistics", "Site", "SiteTrace", "Trace", "collect_gates", "find_se", "shipped_gates", "trace"]
