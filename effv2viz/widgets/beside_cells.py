"""Beside cells: a view hears the page while a cell runs."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets


def hear_beside_cells(widget: ipywidgets.Widget) -> None:
    """Lets a widget and those in it hear the page while a cell runs, where the kernel has subshells.

    Such a kernel (ipykernel 7) takes a message on the thread that the page asks for, and JupyterLab asks for one beside
    the cells. From 7.4 on, ipykernel overrules that: a widget that spoke last in a cell hears on the thread of cells,
    after they have ended. A comm without ``_reply_subshell_for`` is left to the page.
    """
    for one in _within(widget):
        if one.comm is not None:
            one.comm._reply_subshell_for = None


def _within(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _within(child)
