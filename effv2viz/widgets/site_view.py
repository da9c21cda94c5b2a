"""Views of gates site by site: what the explorer and its kin share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import traitlets

from effv2viz.suggestions import unknown_name
from effv2viz.widgets.front_end import FrontEnd, GatesFrontEnd
from effv2viz.widgets.ordering import order_labels, ranking
from effv2viz.widgets.packing import GATE, Column, pack_matrix
from effv2viz.widgets.view import View

MODES = {"bars": "one site", "strip": "all sites"}
Row = Mapping[str, np.ndarray]


class SiteView(View):
    """A view of the gates of every site, one site at a time or all as a strip.

    Attributes:
        site: its name.
        order: how the gates are sorted: ``"channel"``, ``"value"``, ``"difference"`` from what they are compared with,
            or the key of another column.
        channel: the channel that is pinned. A new site begins with its first one in the order.
        mode: ``"bars"`` for one site, ``"strip"`` for all.
        selection: the channels of the site that are brushed.
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("site", "order", "channel", "mode", "selection")
    ROW: ClassVar[str] = "site"  # the choice that is a row of the front end

    site = traitlets.Unicode()
    order = traitlets.Unicode("value")
    channel = traitlets.Int()
    mode = traitlets.Unicode("bars")
    selection = traitlets.List(traitlets.Int())

    def __init__(self, title: str, **front: Any) -> None:
        super().__init__()
        self._front = GatesFrontEnd(title=title, **front)
        self._sent: Hashable = None
        self._known: tuple[Hashable, Mapping[str, Row]] | None = None
        self._mirror(
            self._front, {"row": self.ROW, **{name: name for name in ("order", "channel", "mode", "selection")}}
        )

    def front_ends(self) -> list[FrontEnd]:
        """The front ends that a saved page shows."""
        return [self._front]

    # What the kinds of view differ in.

    def _numbers(self) -> Mapping[str, Row]:
        """The numbers of every site: {site: {key of a column: (C,)}}."""
        raise NotImplementedError

    def _columns(self) -> list[Column]:
        """What the numbers are."""
        raise NotImplementedError

    def _menu(self) -> Mapping[str, str]:
        """How the sites are called in a menu."""
        raise NotImplementedError

    def _content(self) -> Hashable:
        """What the numbers depend on: they are worked out and sent again when it changes."""
        raise NotImplementedError

    # What they share.

    def _rows(self) -> Mapping[str, Row]:
        """The numbers of every site."""
        content = self._content()
        if self._known is None or self._known[0] != content:
            self._known = content, self._numbers()
        return self._known[1]

    @traitlets.validate("site")
    def _check_site(self, proposal: Any) -> str:
        if proposal.value not in self._menu():
            raise unknown_name("site", proposal.value, self._menu())
        return proposal.value

    @traitlets.validate("order")
    def _check_order(self, proposal: Any) -> str:
        known = self._orders()
        if proposal.value not in known:
            raise unknown_name("order", proposal.value, known)
        return proposal.value

    @traitlets.validate("channel")
    def _check_channel(self, proposal: Any) -> int:
        width = len(self._row()[GATE])
        if not 0 <= proposal.value < width:
            raise ValueError(f"{self.site} has no channel {proposal.value}: they go from 0 to {width - 1}")
        return proposal.value

    @traitlets.validate("mode")
    def _check_mode(self, proposal: Any) -> str:
        if proposal.value not in MODES:
            raise unknown_name("mode", proposal.value, MODES)
        return proposal.value

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> list[int]:
        width = len(self._row()[GATE])
        for channel in proposal.value:
            if not 0 <= channel < width:
                raise ValueError(f"{self.site} has no channel {channel} to select: they go from 0 to {width - 1}")
        return list(proposal.value)

    def _row(self) -> Row:
        return self._rows()[getattr(self, self.ROW)]

    def _orders(self) -> dict[str, str]:
        return order_labels(self._columns())

    def _ranking(self) -> np.ndarray:
        """The channels of the site from left to right."""
        return ranking(self.order, self._row())

    def _begin_at(self, site: str, **choices: Any) -> None:
        self._begin(site=site, channel=int(ranking(self.order, self._rows()[site])[0]), **choices)

    def _follow(self, changed: set[str]) -> None:
        if "site" in changed:
            if "channel" not in changed:
                self.channel = int(self._ranking()[0])
            if "selection" not in changed:
                self.selection = []

    def _tell(self, **traits: Any) -> None:
        """Shows the gates if they are new, and what else is given."""
        self._put_back()
        if self._sent != self._content():
            packed = pack_matrix(self._rows(), self._columns(), self._menu())
            orders = [{"key": key, "label": text} for key, text in self._orders().items()]
            traits = {**packed, "orders": orders, **traits}
        self._front.tell(**traits)
        self._sent = self._content()

    def _put_back(self) -> None:
        self._front.tell(
            row=getattr(self, self.ROW),
            order=self.order,
            channel=self.channel,
            mode=self.mode,
            selection=list(self.selection),
        )
