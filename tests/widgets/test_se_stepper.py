"""The SE stepper: its numbers are those of the formulas, on whoever's network."""

import numpy as np
import pytest
import timm
import torch
import torchvision

import effv2viz as ev
from effv2viz.widgets import SEStepper


def networks():
    torch.manual_seed(0)
    yield ev.create_model("efficientnetv2_nano", weights="fashion")
    yield torchvision.models.efficientnet_b0().eval()
    yield timm.create_model("mnasnet_small").eval()


@pytest.mark.parametrize("model", list(networks()), ids=["ours", "torchvision", "timm"])
def test_the_formulas_hold(model):
    torch.manual_seed(1)
    images = torch.randn(2, 3, 64, 64)
    view = ev.se_stepper(model, images)
    site = view._sites[1].name
    view.image, view.site, view.channel = 1, site, 7
    n = view.numbers()
    np.testing.assert_allclose(n.squeeze, n.features.mean((1, 2)), atol=1e-5)
    act = {"SiLU": lambda x: x / (1 + np.exp(-x)), "ReLU": lambda x: np.maximum(x, 0)}[n.activation]
    np.testing.assert_allclose(n.hidden, act(n.before), atol=1e-5)
    np.testing.assert_allclose(n.weights @ n.hidden + n.bias, n.logit, atol=1e-4)
    np.testing.assert_allclose(n.gate, 1 / (1 + np.exp(-n.logit)), atol=1e-5)
    np.testing.assert_allclose(n.scaled, n.features * n.gate[:, None, None], atol=1e-5)
    rows = view.table()
    assert sum(row["adds to logit"] for row in rows) + n.bias[7] == pytest.approx(n.logit[7], abs=1e-4)
    shape, maps = view._front.shape, np.frombuffer(view._front.pixels, np.uint8).reshape(n.features.shape)
    numbers = np.frombuffer(view._front.data, "<f4")
    assert numbers.size == 6 * shape["channels"] + (2 + shape["channels"]) * shape["hidden"]
    low, high = numbers[-2 * len(n.gate) :].reshape(2, -1, 1, 1)
    np.testing.assert_allclose(low + maps / 255 * (high - low), n.features, atol=(high - low).max() / 500)
    assert SEStepper.from_state(view.state(), model, images).message == view.message


def test_steps_from_the_page_and_from_python(tmp_path):
    view = ev.se_stepper()
    for _ in range(6):
        view.forward()
    assert (view.step, view._front.step) == (4, 4)
    view._front.set_state({"step": 2, "channel": 30})
    assert repr(view) == "SEStepper(image 0 of 10, site 'stage4.0', channel 30, step 2: hidden)"
    sent = view._front.data
    view._site.value = "stage6.1"
    assert (view.channel, view.step) == (0, 2)
    assert view._front.data != sent
    view._front.set_state({"channel": 4000})
    assert "no channel 4000" in view._front.error
    assert view._front.channel == 0
    for wrong in ({"step": 5}, {"site": "x"}, {"image": 10}):
        with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
            view.set_trait(*next(iter(wrong.items())))
    for ending in (".png", ".html"):
        view.save(tmp_path / f"view{ending}")
    assert {"text/plain", "image/png"} <= set(view._repr_mimebundle_())
    with pytest.raises(ValueError, match="of kind eca: the stepper shows one squeeze"):
        ev.se_stepper(ev.create_model("efficientnetv2_pico", attention="eca"), torch.zeros(1, 3, 48, 48))
