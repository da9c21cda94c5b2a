"""The controls of the attribution explorer: menus, run and cancel, progress, what it costs, and two tables."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets

from effv2viz.widgets.turns import Menu

CHECKS = ("check", "value", "meaning")
STRONGEST = ("site", "channel", "gate", "baseline", "attribution", "exact")
BETWEEN = 0.1  # seconds between two messages of progress


class AttributionControls:
    """What stands above the chart.

    Args:
        options: {a choice of the view: (its name in front of the menu, what can be chosen)}.
        run: is called when ``run`` is pressed.
        cancel: when ``cancel`` is.

    Attributes:
        menus: by choice.
        rows: the boxes, from top to bottom.
    """

    def __init__(
        self,
        options: Mapping[str, tuple[str, Sequence[Any]]],
        run: Callable[[], None],
        cancel: Callable[[], None],
    ) -> None:
        self.menus = {
            choice: Menu(
                options=list(some), description=name, style={"description_width": "5em"}, layout={"width": "17em"}
            )
            for choice, (name, some) in options.items()
        }
        self._run = ipywidgets.Button(description="run", button_style="primary", layout={"width": "6em"})
        self._stop = ipywidgets.Button(description="cancel", disabled=True, layout={"width": "6em"})
        self._bar = ipywidgets.IntProgress(layout={"width": "14em", "visibility": "hidden"})
        self._told = 0.0
        self._cost, self._checks, self._strongest = (ipywidgets.HTML() for _ in range(3))
        self._run.on_click(lambda _: run())
        self._stop.on_click(lambda _: cancel())
        rows = (
            list(self.menus.values()),
            [self._run, self._stop, self._bar, self._cost],
            [self._checks, self._strongest],
        )
        self.rows = [ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]

    def show_running(self, running: bool, without: Sequence[str] = ()) -> None:
        """Shows whether a run is under way. Menus rest while it is, and those in ``without`` also afterwards."""
        self._run.disabled, self._stop.disabled = running, not running
        self._bar.layout.visibility = "visible" if running else "hidden"
        for choice, menu in self.menus.items():
            menu.disabled = running or choice in without

    def begin(self) -> None:
        """Sets the bar to nothing done."""
        self._told, self._bar.value = 0.0, 0

    def progress(self, done: int, expected: int) -> None:
        """Moves the bar, if it did not move just now."""
        now = time.monotonic()
        if now - self._told > BETWEEN:
            self._told = now
            self._bar.max, self._bar.value = max(done, expected), done

    def say(self, text: str) -> None:
        """Puts a text beside the buttons."""
        self._cost.value = f"<span>{html.escape(text)}</span>"

    def show_tables(self, checks: Sequence[Mapping[str, Any]], strongest: Sequence[Mapping[str, Any]]) -> None:
        """Shows how far an answer can be believed, and its strongest gates."""
        self._checks.value = _as_html("How far to believe it", CHECKS, checks)
        self._strongest.value = _as_html("The strongest gates of all sites", STRONGEST, strongest)


def _as_html(caption: str, heads: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of some columns; empty without rows."""
    if not rows:
        return ""

    def said(value: Any) -> str:
        text = f"{value:+.3f}" if isinstance(value, float) else "" if value is None else str(value)
        return html.escape(text)

    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{said(row.get(name))}</td>' for name in heads)}</tr>" for row in rows)
    return f"<table class='effv2viz-table'><caption>{html.escape(caption)}</caption><tr>{head}</tr>{body}</table>"
