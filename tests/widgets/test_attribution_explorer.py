"""The attribution explorer from Python: its numbers are those of the library, and a run can be stopped."""

import threading

import numpy as np
import pytest
import torch

import effv2viz as ev
from effv2viz.attribution import attribute_gate_pixels, attribute_gates, attribute_pixels
from effv2viz.attribution.faithfulness import spearman
from effv2viz.widgets import AttributionExplorer


@pytest.fixture(scope="module")
def model():
    return ev.create_model("efficientnetv2_nano", weights="fashion")


@pytest.fixture
def view(model):
    return ev.attribution_explorer(model)


def test_gates_are_the_librarys(view, model):
    view.image, view.target, view.effect, view.baseline = 3, 5, "direct", "class mean"
    assert (view.result, view.checks(), view.running) == (None, [], False)
    view.run().wait(60)
    statistics = ev.shipped_gates(model)
    baseline = {name: site.by_class.mean[5] for name, site in statistics.items()}
    picture = view._experiment.images[3:4]
    expected = attribute_gates(model, picture, 5, baseline=baseline, effect="direct", exact_top=20)
    rows = view.table()
    assert [abs(row["attribution"]) for row in rows] == sorted((abs(row["attribution"]) for row in rows), reverse=True)
    for row in rows:
        assert row["attribution"] == pytest.approx(float(expected[view.site][0, row["channel"]]), abs=1e-6)
        assert row["reference"] == pytest.approx(float(baseline[view.site][row["channel"]]), abs=1e-6)
    exact = torch.cat([expected.exact[name][0] for name in expected])
    values = torch.cat([expected[name][0] for name in expected])[exact.isfinite()]
    agreement = float(spearman(values[None], exact[exact.isfinite()][None])[0])
    said = {row["check"]: row["value"] for row in view.checks()}
    assert float(said["rank agreement"]) == pytest.approx(agreement, abs=1e-3)
    assert said["residual"] == "none"


def test_pixels_are_the_librarys(view, model):
    view.explains = "pixels"
    assert (view.method, view.baseline) == ("integrated_gradients", "black")
    view.baseline = "blur"
    view.run().wait(60)
    expected = attribute_pixels(model, view._experiment.images[:1], view.target, baseline="blur").per_pixel()[0]
    for row in view.table():
        assert row["attribution"] == pytest.approx(float(expected[row["y"], row["x"]]), abs=1e-5)
    said = {row["check"]: row["value"] for row in view.checks()}
    assert abs(float(said["residual"])) < 0.05
    assert {"deletion, this map", "deletion, a random map"} <= set(said)

    view.site, view.channel, view.method = "stage5.0", 4, "neuron_integrated_gradients"
    view.run().wait(60)
    expected = attribute_gate_pixels(model, view._experiment.images[:1], "stage5.0", 4, baseline="blur")
    np.testing.assert_allclose(view.result.map, expected.map, atol=1e-6)
    view.channel = 5
    assert view.result is None, "another gate is another question"


def test_a_state_opens_another_and_nothing_runs_by_itself(view, model):
    view.explains, view.method, view.baseline, view.target = "pixels", "occlusion", "mean", 2
    other = AttributionExplorer.from_state(view.state(), model)
    assert other.question() == view.question()
    assert other.result is None
    assert "F" in other.cost()


def test_cancel_leaves_everything_as_it_was(view, model, monkeypatch):
    begun = threading.Event()
    own = model.forward

    def slow(x):
        begun.set()
        threading.Event().wait(0.05)
        return own(x)

    view.explains, view.method = "pixels", "shapley_sampling"
    monkeypatch.setattr(model, "forward", slow)
    view.run()
    assert begun.wait(30)
    with pytest.raises(RuntimeError, match="under way"):
        view.run()
    view.cancel()
    view.wait(30)
    assert (view.running, view.result) == (False, None)
    assert "cancelled" in view._controls._cost.value
    assert not any(module._forward_hooks for module in model.modules())
    monkeypatch.undo()
    assert view.run().wait(60).result is not None


@pytest.mark.parametrize("method", ["saliency", "smoothgrad"])
def test_cancel_stops_before_the_next_forward_also_in_the_checks(view, model, method):
    """A run is cancelled after each of its forwards in turn: none follows."""
    view.explains, view.method = "pixels", method
    view.question().cost(view._experiment)
    forwards, last = 0, None

    def count(module, inputs, output):
        nonlocal forwards
        forwards += 1
        if forwards == last:
            view.cancel()

    hook = model.register_forward_hook(count)
    try:
        view.run().wait(60)
        whole = forwards
        assert whole > 10
        view._answers.clear()
        for last in range(1, whole):
            forwards = 0
            view.run().wait(60)
            assert (forwards, view.result) == (last, None)
    finally:
        hook.remove()


def test_what_goes_wrong_in_the_network_is_said(view, model, monkeypatch):
    view.run().wait(60)
    good = {row["channel"]: row["attribution"] for row in view.table()}
    monkeypatch.setattr(model, "forward", lambda x: 1 / 0)
    view.effect = "direct"
    view.run().wait(60)
    assert "ZeroDivisionError" in view.message
    assert not view.running
    monkeypatch.undo()
    view.effect = "total"
    assert {row["channel"]: row["attribution"] for row in view.table()} == good


def test_every_method_answers(view):
    for explains in ("gates", "pixels"):
        view.explains = explains
        for _, name in view._methods():
            view.method = name
            view.run().wait(120)
            assert view.result is not None, (explains, name, view.message)
            assert view.figure().axes


def test_bad_choices(view, model):
    for name, value in {"method": "deep_lift", "baseline": "grey", "effect": "both", "explains": "words"}.items():
        before = getattr(view, name)
        with pytest.raises(ValueError, match=value):
            setattr(view, name, value)
        assert getattr(view, name) == before
    with pytest.raises(ValueError, match="no class 10"):
        view.target = 10
    with pytest.raises(ValueError, match="exact_top=1"):
        ev.attribution_explorer(model, exact_top=1)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_other_peoples_networks(library):
    import timm
    import torchvision

    builders = {
        "torchvision": lambda: torchvision.models.efficientnet_b0(num_classes=7),
        "timm": lambda: timm.create_model("efficientnet_b0", num_classes=7),
    }
    torch.manual_seed(0)
    view = ev.attribution_explorer(builders[library]().eval(), torch.rand(2, 3, 64, 64), exact_top=3)
    assert view.baseline == "one"
    assert view.run().wait(120).result is not None, view.message
