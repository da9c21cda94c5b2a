"""The network strip, on whoever's network."""

import pytest
import timm
import torch
import torchvision
import traitlets

import effv2viz as ev
from effv2viz.widgets import NetworkStrip


def build(make):
    with torch.device("meta"):
        return make()


@pytest.mark.parametrize(
    ("make", "fused", "gated"),
    [
        (lambda: ev.create_model("efficientnetv2_s"), 10, 30),
        (lambda: torchvision.models.efficientnet_v2_s(), 10, 30),
        (lambda: timm.create_model("tf_efficientnetv2_s"), 10, 30),
        (lambda: ev.create_model("efficientnetv2_xl"), 20, 80),
        (lambda: torchvision.models.efficientnet_b0(), 0, 16),
    ],
    ids=["ours", "torchvision", "timm", "xl", "v1"],
)
def test_every_block_is_there_and_fused_ones_have_no_se(make, fused, gated):
    model = build(make)
    view = ev.network_strip(model)
    blocks = [row for row in view.table() if row["kind"] != "Conv"]
    assert [sum(not row["site"] for row in blocks), sum(bool(row["site"]) for row in blocks)] == [fused, gated]
    sites = {site.name: site for site in ev.find_se(model)}
    for row in blocks:
        if row["site"]:
            assert row["squeeze"] == sites[row["site"]].squeeze_channels
            assert row["width"] >= sites[row["site"]].channels
        elif fused:
            assert row["kind"] == "Fused-MBConv"


def test_it_leads_another_view_and_says_what_is_wrong(tmp_path):
    strip, view = ev.network_strip(), ev.explore()
    traitlets.link((strip, "site"), (view, "site"))
    strip._front.set_state({"site": "stage4.1"})
    assert (view.site, view._front.row) == ("stage4.1", "stage4.1")
    assert strip.message == "stage4.1: MBConv, 40 to 160 to 40 channels, SE with 160 gates through 10 hidden values."
    strip._front.set_state({"site": "stage1.0"})
    assert "stage1.0" in strip._front.error
    assert strip.site == strip._front.site == view.site == "stage4.1"
    with pytest.raises(ValueError, match="stage9"):
        strip.site = "stage9"
    assert NetworkStrip.from_state(strip.state()).site == "stage4.1"
    for ending in (".svg", ".html"):
        strip.save(tmp_path / f"view{ending}")
    assert {"text/plain", "image/png"} <= set(strip._repr_mimebundle_())
    with pytest.raises(ValueError, match="no SE"):
        ev.network_strip(torchvision.models.resnet18())
