"""The network strip: all blocks of a network, and where SE lives in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

import traitlets
from matplotlib.figure import Figure
from torch import nn

from effv2viz.figures.network import network_figure
from effv2viz.models import create_model
from effv2viz.suggestions import unknown_name
from effv2viz.widgets.blocks import blocks_table, network_blocks
from effv2viz.widgets.front_end import FrontEnd, NetworkFrontEnd
from effv2viz.widgets.view import View


class NetworkStrip(View):
    """All blocks of a network side by side, as high as they have channels inside; those without SE are hatched.

    ``network_strip`` makes it. ``traitlets.link((strip, "site"), (view, "site"))`` lets another view follow.

    Attributes:
        site: the name of the site that is chosen.
    """

    CHOICES: ClassVar[tuple[str, ...]] = ("site",)

    site = traitlets.Unicode()

    def __init__(self, model: nn.Module | None = None) -> None:
        super().__init__()
        if model is None:
            model = create_model("efficientnetv2_nano", weights="fashion")
        self.blocks = network_blocks(model)
        self._sites = {block.site: block for block in self.blocks if block.site}
        self._name = getattr(model, "name", None) or type(model).__name__
        self._front = NetworkFrontEnd(
            title=f"blocks of {self._name}", blocks=[{**asdict(block), "text": str(block)} for block in self.blocks]
        )
        self.widget = self._front
        self.widget.add_class("effv2viz-network-strip")
        self._mirror(self._front, {"site": "site"})
        self._begin(site=list(self._sites)[-1])

    @traitlets.validate("site")
    def _check_site(self, proposal: Any) -> str:
        if proposal.value not in self._sites:
            raise unknown_name("site", proposal.value, self._sites)
        return proposal.value

    def table(self) -> list[dict[str, Any]]:
        """A row for each block: name, kind, inputs, width, outputs, stride, site and squeeze width."""
        return blocks_table(self.blocks)

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        return network_figure(
            names=[block.name for block in self.blocks],
            widths=[block.width for block in self.blocks],
            squeezes=[block.squeeze for block in self.blocks],
            gated=[bool(block.site) for block in self.blocks],
            chosen=[block.site for block in self.blocks].index(self.site),
            title=self._name,
        )

    def heading(self) -> str:
        """The title of the view on a page."""
        return f"Where SE lives in {self._name}"

    def front_ends(self) -> list[FrontEnd]:
        """The front ends that a saved page shows."""
        return [self._front]

    def __repr__(self) -> str:
        count = sum(block.kind != "Conv" for block in self.blocks)  # stem and head are no blocks
        return f"NetworkStrip({self._name}, {len(self._sites)} of {count} blocks with SE, site {self.site!r})"

    def _show(self) -> None:
        self._put_back()
        self._message = f"{self._sites[self.site]}."

    def _put_back(self) -> None:
        self._front.site = self.site


def network_strip(model: nn.Module | None = None) -> NetworkStrip:
    """All blocks of a network to scale, and where SE lives in it.

    Args:
        model: any network that ``find_se`` finds sites in; the bundled one where left out.

    Raises:
        ValueError: for a network without SE.
    """
    return NetworkStrip(model)
