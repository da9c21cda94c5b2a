"""Timing of things that take turns."""

import statistics
import time
from collections.abc import Callable


def medians(
    runs: dict[str, Callable[[], object]], rounds: int, synchronize: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """The median seconds of each run; the runs take turns, so that a slow moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 2):
        for name, run in runs.items():
            synchronize()
            started = time.perf_counter()
            run()
            synchronize()
            if turn >= 2:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def verdict(what: str, ratio: float, target: float, *, at_most: bool) -> str:
    """A line that says a ratio, its target, and whether it was met."""
    met = ratio <= target if at_most else ratio >= target
    return f"  {what}: {ratio:.3g}, target at {'most' if at_most else 'least'} {target:g}: {'met' if met else 'MISSED'}"
