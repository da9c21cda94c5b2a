"""Memory: what is free, and a refusal with the numbers before something is begun that would not fit."""

from __future__ import annotations

import psutil
import torch

SHARE = 0.5  # of the free memory that one call may fill


def free_bytes(device: torch.device) -> int:
    """The free memory of a device; that of the machine for devices that do not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def must_fit(needed: int, device: torch.device, limit: int | None, what: str, advice: str) -> None:
    """Refuses what would not fit.

    Args:
        needed: in bytes.
        device: where.
        limit: in bytes; half of what is free where left out.
        what: begins the sentence, such as ``"a trace of 64 images"``.
        advice: ends it.

    Raises:
        MemoryError: with the numbers.
    """
    free = free_bytes(device)
    allowed = int(free * SHARE) if limit is None else limit
    if needed > allowed:
        bound = f"{readable(free)} are free on {device} and half of that may be used" if limit is None else "the limit"
        raise MemoryError(f"{what} takes {readable(needed)}, more than {readable(allowed)} ({bound}): {advice}")


def readable(size: int) -> str:
    """Bytes in a unit that suits them, such as ``"1.5 GiB"``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
