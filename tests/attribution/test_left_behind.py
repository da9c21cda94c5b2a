"""What an attribution leaves behind: nothing, also when it fails, is interrupted or cancelled."""

import gc
import threading
import weakref

import pytest
import torch

from effv2viz.attribution import AttributionCancelledError, attribute_gate_pixels, attribute_pixels
from tests.attribution.test_pixels import QUICK


def gate_pixels(model, images, **options):
    return attribute_gate_pixels(model, images, "stage4.1", 3, steps=4, **options)


WAYS = {
    **{
        name: lambda model, images, name=name, **options: attribute_pixels(
            model, images, 9, name, **QUICK[name], **options
        )
        for name in QUICK
    },
    "gate": gate_pixels,
}
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def state(model, images):
    return {
        "hooks": [len(getattr(module, kind)) for module in model.modules() for kind in HOOKS],
        "modes": [module.training for module in model.modules()],
        "requires_grad": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [parameter.grad for parameter in model.parameters()],
        "values": [value.sum().item() for value in model.state_dict().values()],
        "random": torch.get_rng_state().tolist(),
        "images": (images.requires_grad, images.grad, images.sum().item()),
        "grad mode": torch.is_grad_enabled(),
    }


@pytest.fixture
def watched(model):
    """The network in mixed modes, half frozen, and a hook on its classifier that counts forwards and may act."""
    model.train()
    model.stage4.eval()
    for parameter in model.stage2.parameters():
        parameter.requires_grad_(False)
    model.calls, model.act = 0, lambda: None

    def count(*_):
        model.calls += 1
        model.act()

    model.classifier.register_forward_hook(count)
    return model


@pytest.mark.parametrize("ending", ["result", "exception", "interrupt", "cancel"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_behind(watched, pictures, way, ending):
    images = pictures[:2].clone()
    if ending != "result":
        WAYS[way](watched, images)
    last = watched.calls - (way in ("integrated_gradients", "shapley_sampling"))  # Captum's last forward
    watched.calls = 0
    cancel = threading.Event()
    errors = {"exception": OSError("disk"), "interrupt": KeyboardInterrupt(), "cancel": AttributionCancelledError()}

    def act():
        if ending in ("exception", "interrupt") and watched.calls == last:
            raise errors[ending]
        if ending == "cancel" and watched.calls == last - 1:
            cancel.set()

    watched.act = act
    before = state(watched, images)
    if ending == "result":
        WAYS[way](watched, images, cancel=cancel)
    else:
        with pytest.raises(type(errors[ending])):
            WAYS[way](watched, images, cancel=cancel)
        assert watched.calls == (last - 1 if ending == "cancel" else last)
    assert state(watched, images) == before


class Mark:
    """Lives as long as the graph of the forward that made it."""


def mark_graphs(module):
    """References to a mark in every graph that goes through the module from now on."""
    marks = []

    class Pass(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark = Mark()
            marks.append(weakref.ref(ctx.mark))
            return x.clone()

        @staticmethod
        def backward(ctx, slope):
            return slope

    module.register_forward_hook(lambda module, inputs, output: Pass.apply(output))
    return marks


@pytest.mark.parametrize("way", WAYS)
def test_no_graph_stays_in_memory(model, pictures, way):
    marks = mark_graphs(model.stage5)
    WAYS[way](model, pictures[:2])
    gc.collect()
    assert marks
    assert not [mark for mark in marks if mark() is not None]


@pytest.mark.parametrize("way", WAYS)
def test_the_same_map_from_frozen_networks_in_train_mode_and_callers_without_gradients(model, pictures, way):
    expected = WAYS[way](model, pictures[:2]).map
    scale = float(expected.abs().max())
    model.train()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    frozen = WAYS[way](model, pictures[:2]).map
    with torch.no_grad():
        without = WAYS[way](model, pictures[:2]).map
    with torch.inference_mode():
        inference = WAYS[way](model, pictures[:2].clone()).map
    for found in (frozen, without, inference):
        assert not found.requires_grad
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * scale)


def test_a_cancelled_call_does_not_begin(model, pictures):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(AttributionCancelledError, match="cancelled after 0 forwards"):
        attribute_pixels(model, pictures, cancel=cancel)
