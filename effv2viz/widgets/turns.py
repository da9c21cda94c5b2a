"""Turns: messages of the page and choices made in Python come on different threads, and are taken one after the other.

Each is taken whole: its echo to the page, the choice itself, what follows from it, and what the page is told of that.
So what the kernel takes last holds, and the page shows it, whatever order messages travelled in.
"""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets

TURN = threading.RLock()  # one for all views: linked ones answer each other, and locks of their own could cross


class TakesTurns:
    """A widget that takes a message of the page when it is its turn."""

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes what the page says."""
        with TURN:
            super().set_state(sync_data)  # type: ignore[misc]


class Menu(TakesTurns, ipywidgets.Dropdown):
    """A menu whose choice is mirrored in a view."""
