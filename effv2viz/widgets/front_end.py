"""The front ends: what the kernel and a page tell each other, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from effv2viz.widgets.turns import TakesTurns

STATIC = Path(__file__).with_name("static")


class FrontEnd(TakesTurns, anywidget.AnyWidget):
    """What all front ends have: a style, a title, and a ``repr`` that is the same in every run."""

    _css = STATIC / "views.css"

    title = traitlets.Unicode(help="What a screen reader calls the view.").tag(sync=True)
    error = traitlets.Unicode(help="What went wrong, if something did.").tag(sync=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.title!r})"

    def tell(self, **traits: Any) -> None:
        """Sets traits in one message."""
        with self.hold_sync():
            for name, value in traits.items():
                setattr(self, name, value)

    def synced(self) -> dict[str, Any]:
        """The state that the page sees, by trait: for a page without a kernel."""
        return {
            name: getattr(self, name)
            for name in self.keys
            if name not in ("layout", "tabbable", "tooltip") and name[0] != "_"
        }


class GatesFrontEnd(FrontEnd):
    """Gates as bars or a heat strip, with little pictures and a prediction beside them."""

    _esm = STATIC / "gates.js"

    noun = traitlets.Unicode("site", help="What a row is.").tag(sync=True)
    nouns = traitlets.Unicode("sites", help="The same for several.").tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    edits = traitlets.List(traitlets.Dict()).tag(sync=True)
    edit_data = traitlets.Bytes().tag(sync=True)
    orders = traitlets.List(traitlets.Dict(), help="[{key, label}], the orders that can be chosen.").tag(sync=True)
    row = traitlets.Unicode().tag(sync=True)
    channel = traitlets.Int().tag(sync=True)
    order = traitlets.Unicode("value").tag(sync=True)
    mode = traitlets.Enum(("bars", "strip"), "bars").tag(sync=True)
    second = traitlets.List(traitlets.Unicode(), help="Columns in a chart under the gates: bars, then marks.").tag(
        sync=True
    )
    colour = traitlets.Unicode("gate", help="The column that the strip is coloured by.").tag(sync=True)
    selection = traitlets.List(traitlets.Int(), help="The channels that are brushed.").tag(sync=True)
    aligned = traitlets.Bool(help="Whether all rows are sorted as the chosen one is.").tag(sync=True)
    editable = traitlets.Bool(help="Whether gates can be dragged.").tag(sync=True)
    request = traitlets.Dict(help="{id, row, channels, value, done}: a drag, to be answered by prediction.").tag(
        sync=True
    )
    prediction = traitlets.Dict(help="{id, caption, heads, most, rows: [{label, value, before, logit}]}").tag(sync=True)
    pictures = traitlets.List(traitlets.Dict()).tag(sync=True)
    pixels = traitlets.Bytes().tag(sync=True)
    warning = traitlets.Unicode().tag(sync=True)


class NetworkFrontEnd(FrontEnd):
    """The blocks of a network side by side, of which those with SE can be chosen."""

    _esm = STATIC / "network.js"

    blocks = traitlets.List(traitlets.Dict()).tag(sync=True)
    site = traitlets.Unicode().tag(sync=True)


class StepperFrontEnd(FrontEnd):
    """One SE site in five panels. The buffer is described in ``static/stepper.js``."""

    _esm = STATIC / "stepper.js"

    shape = traitlets.Dict(help="{channels, hidden, activation, height, width}").tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    pixels = traitlets.Bytes(help="The maps (C, H, W) before scaling, a byte for each number.").tag(sync=True)
    site = traitlets.Unicode().tag(sync=True)
    channel = traitlets.Int().tag(sync=True)
    step = traitlets.Int(help="The last panel that is shown, from 0 to 4.").tag(sync=True)


class UploadFrontEnd(FrontEnd):
    """A button that sends files."""

    _esm = STATIC / "upload.js"

    most = traitlets.Int(help="The bytes of the largest file that is sent.").tag(sync=True)
    disabled = traitlets.Bool().tag(sync=True)


class SliderFrontEnd(FrontEnd):
    """A whole number from 0 to ``max``, to be slid."""

    _esm = STATIC / "slider.js"

    value = traitlets.Int().tag(sync=True)
    max = traitlets.Int(1).tag(sync=True)
    text = traitlets.Unicode(help="What the number means.").tag(sync=True)
