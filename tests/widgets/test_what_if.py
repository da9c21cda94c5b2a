"""What if: the numbers are those of ``ev.intervene``, and the code to copy gives them again."""

import pytest
import torch

import effv2viz as ev
from effv2viz.widgets import WhatIf


@pytest.fixture(scope="module")
def model():
    return ev.create_model("efficientnetv2_nano", weights="fashion")


@pytest.fixture
def view(model):
    return ev.what_if(model)


def test_changes_at_several_sites_act_as_interventions_do_and_the_code_says_so(view, model):
    own = view.own_logits
    view.site = "stage6.0"
    view.scale(0.5, channels=[1, 2])
    view.site = "stage4.1"
    view.set(0.9, channels=[5])
    view.zero(channels=[7, 8])
    view.site = "stage5.0"
    view.swap(4)
    view.shuffle(3, channels=[0, 1, 2])
    view.mean(channels=[9])
    view.site = "stage6.1"
    view.one()
    plan = {
        "stage4.1": [ev.Constant(0.9, channels=[5]), ev.Zero(channels=[7, 8])],
        "stage5.0": [
            ev.Swap(ev.trace(model, view.images[[4]])),
            ev.Shuffle(3, channels=[0, 1, 2]),
            ev.Mean(channels=[9]),
        ],
        "stage6.0": ev.Scale(0.5, channels=[1, 2]),
        "stage6.1": ev.One(),
    }
    with ev.intervene(model, plan):
        expected = ev.trace(model, view.images[[0]])
    torch.testing.assert_close(view.logits, expected.logits[0], atol=1e-4, rtol=1e-4)
    assert (view.logits - own).abs().max() > 0.1
    names = {"model": model, "images": view.images}
    exec(view.code(), names)
    torch.testing.assert_close(view.logits, names["logits"][0], atol=1e-4, rtol=1e-4)
    for site in ("stage4.1", "stage5.2", "stage6.0"):  # a site that follows responds, changed or not
        view.site = site
        for row in view.table():
            assert row["gate"] == pytest.approx(expected[site].gate[0, row["channel"]].item(), abs=1e-4)
    twin = WhatIf.from_state(view.state(), model)
    torch.testing.assert_close(twin.logits, view.logits)
    assert repr(twin) == "WhatIf(image 0 of 10, site 'stage6.0', 7 changes)"


def drag(view, value, *, done, channels=(3,), number=[0]):  # noqa: B006 (counts)
    number[0] += 1
    request = {"id": f"v.{number[0]}", "row": view.site, "channels": list(channels), "value": value, "done": done}
    view._front.set_state({"request": request})
    return view._front.prediction, request["id"]


def test_a_drag_is_answered_by_its_id_and_is_one_change(view):
    view.site = "stage5.0"
    before = view.logits
    for value in (0.7, 0.4, 0.1):
        answer, number = drag(view, value, done=False)
        assert answer["id"] == number
        assert view.steps == ""
        assert torch.equal(view.logits, before)
    answer, number = drag(view, 0.1, done=True)
    assert (answer["id"], view.steps) == (number, "set:stage5.0:3:0.1")
    assert answer["rows"][0]["value"] == pytest.approx(view.prediction()[0]["probability"])
    assert not torch.equal(view.logits, before)
    assert {edit["name"] for edit in view._front.edits} >= {"stage5.0", "stage6.1"}
    view.undo()
    assert torch.equal(view.logits, before)
    assert view._front.edits == []


def test_the_buttons(view):
    view.site, view.selection = "stage5.0", [4, 9]
    view._scope.value = "selection"
    view._buttons["zero"].click()
    view._scope.value = "channel"
    view._factor.value = 2.0
    view._buttons["scale"].click()
    view._scope.value = "site"
    view._other.value = 6
    view._buttons["swap"].click()
    assert view.steps == f"zero:stage5.0:4+9;scale:stage5.0:{view.channel}:2;swap:stage5.0:all:6"
    view._buttons["reset"].click()
    assert view.steps == ""
    assert view._buttons["undo"].disabled
    view.selection, view._scope.value = [], "selection"
    view._buttons["zero"].click()
    assert "no channel is selected" in view._front.error


def test_whatever_goes_wrong_is_said_and_every_request_is_answered(view):
    view.zero(channels=[1])
    state = view.state()
    answer, number = drag(view, 0.5, done=True, channels=(9999,))
    assert (answer["id"], "9999" in view._front.error, view.state()) == (number, True, state)
    for wrong in ("melt:stage4.0:all", "set:stage4.0:1", "set:stage4.0", "set:nowhere:1:0.5", "swap:stage4.0:all:99"):
        with pytest.raises(ValueError, match=r"melt|takes|no step|nowhere|99"):
            view.steps = wrong
    assert view.state() == state
    with pytest.raises(ValueError, match="zero of no channel"):
        view.zero(channels=[])


def test_a_network_that_only_runs_whole():
    import torchvision

    model = torchvision.models.mobilenet_v3_small(weights=None).eval()
    torch.manual_seed(0)
    view = ev.what_if(model, torch.rand(2, 3, 64, 64))
    view.scale(0.0)
    view.site = list(view._experiment.sites)[2]
    view.zero(channels=[0, 1])
    names = {"model": model, "images": view.images}
    exec(view.code(), names)
    torch.testing.assert_close(view.logits, names["logits"][0], atol=1e-5, rtol=1e-4)
    assert view._buttons["mean"].disabled
