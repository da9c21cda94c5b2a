"""The views show the same of a network on a GPU as on the CPU: ``pytest -m gpu``."""

import numpy as np
import pytest
import torch

import effv2viz as ev

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU"),
]


def explored(model):
    view = ev.explore(model)
    view.order, view.image, view.channel = "channel", 3, 17
    return view


def stepped(model):
    view = ev.se_stepper(model)
    view.image, view.channel, view.step = 3, 5, 4
    return view


def changed(model):
    view = ev.what_if(model)
    view.order, view.site = "channel", "stage5.0"
    view.scale(0.5, channels=[1, 2])
    view.swap(4, channels=[3])
    view.mean(channels=[7])
    view.site = "stage6.1"
    view.shuffle()
    return view


def compared(model):
    view = ev.compare_gates(model)
    view.order = "channel"
    return view


def attributed(model):
    view = ev.attribution_explorer(model)
    view.run().wait(120)
    view.order = "channel"
    return view


@pytest.mark.parametrize("make", [explored, stepped, changed, compared, attributed])
def test_a_view_shows_the_same(monkeypatch, make):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    views = [
        make(ev.create_model("efficientnetv2_nano", weights="fashion", device=device)) for device in ("cpu", "cuda")
    ]
    expected, found = ([list(row.values()) for row in view.table()] for view in views)
    np.testing.assert_allclose(found, expected, atol=1e-3, equal_nan=True)
    assert views[1].figure().axes
