"""Relatives of SE whose gates are maps, or that do more than gate channels: what the views show, and what they say."""

import numpy as np
import pytest
import torch

import effv2viz as ev
from effv2viz.widgets.packing import unpack_matrix
from effv2viz.widgets.report import write_report

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def network(attention):
    torch.manual_seed(0)
    return ev.create_model("efficientnetv2_nano", attention=attention, num_classes=5)


@pytest.fixture(scope="module")
def ge():
    model = network("ge")
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # one pass is enough for activations of usual size, without which maps are flat
    model.train()(IMAGES)
    return model.eval()


def test_a_gate_that_is_a_map_counts_as_its_mean_and_acts_at_every_position(ge):
    view = ev.explore(ge, IMAGES)
    view.site, view.image, view.channel = "stage5.1", 1, 7
    site = ev.trace(ge, IMAGES, features=True)["stage5.1"]
    assert site.gate[1, 7].std() > 0.01, "a map that is flat would show nothing"
    shown = unpack_matrix(view._front.synced())["stage5.1"]["gate"]
    np.testing.assert_allclose(shown, site.gate[1].double().mean((1, 2)), atol=1e-6)
    before, after = view._maps()
    np.testing.assert_allclose(before * site.gate[1, 7].numpy(), after, atol=1e-6)
    picture = view._front.pictures[2]
    pixels = np.frombuffer(view._front.pixels, np.uint8)
    start = 3 * 32 * 32 + before.size
    np.testing.assert_array_equal(
        pixels[start : start + before.size], (255 * site.gate[1, 7]).round().byte().flatten().numpy()
    )
    assert (picture["title"], picture["low"], picture["high"]) == ("its gate, a map", 0, 1)
    assert "mean of its gate's map" in view.message
    assert "Shown are their means" in view._front.warning
    assert view.figure().axes


def test_two_sets_of_maps_are_compared_by_their_means(ge, tmp_path):
    view = ev.compare_gates(ge, IMAGES)
    view.site = "stage6.0"
    gates = ev.trace(ge, IMAGES)["stage6.0"].gate.mean((2, 3))
    for row in view.table():
        assert row["difference"] == pytest.approx(float(gates[0, row["channel"]] - gates[1, row["channel"]]), abs=1e-6)
    write_report(tmp_path / "ge.html", ge, IMAGES)
    assert "The gates of this network are maps" in (tmp_path / "ge.html").read_text()


@pytest.mark.parametrize("view", [ev.what_if, ev.attribution_explorer])
def test_what_changes_a_channels_gate_needs_one_per_channel(ge, view):
    with pytest.raises(ValueError, match=r"the gate of stage4.0 is a map .* needs one per channel"):
        view(ge, IMAGES)


def test_cbam_says_what_is_not_shown():
    model = network("cbam")
    for view in (ev.explore(model, IMAGES), ev.what_if(model, IMAGES)):
        assert "one map of places, which is not shown" in view._front.warning
    assert ev.explore(network("cbam_channel"), IMAGES)._front.warning == ""
    with pytest.raises(ValueError, match="of kind cbam: the stepper shows one squeeze"):
        ev.se_stepper(model, IMAGES)
