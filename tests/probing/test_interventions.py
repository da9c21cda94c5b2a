"""Every intervention against a naive edit of the module, in any order and however the block ends."""

import pytest
import torch
from torch import nn

import effv2viz as ev
from tests.probing.networks import build


class Edited(nn.Module):
    """The gate activation of a module with its outcome edited by a plain function."""

    def __init__(self, inner, edit):
        super().__init__()
        self.inner, self.edit = inner, edit

    def forward(self, x):
        gate = self.inner(x)
        rows = gate.flatten(1).clone()
        return self.edit(rows).reshape(gate.shape)


def naive(name, edits):
    """A network whose gates at some sites are edited by hand."""
    model = build(name)
    for site in ev.find_se(model):
        if site.name not in edits:
            continue
        parent, _, child = site.gate_path.rpartition(".")
        owner = model.get_submodule(parent)
        setattr(owner, child, Edited(model.get_submodule(site.gate_path), edits[site.name]))
    return model


IMAGES = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(5))
CHANNELS = [1, 4, 7]


def on(channels, values):
    def edit(gate):
        gate[:, channels] = values(gate[:, channels])
        return gate

    return edit


def rules(model):
    """Each intervention with the edit of the chosen gates that it should amount to."""
    loader = [IMAGES, IMAGES.flip(3)]
    stats = ev.collect_gates(model, loader)
    other = ev.trace(model, IMAGES.flip(2))
    site = ev.find_se(model)[1].name
    mean = torch.cat([ev.trace(model, x)[site].gate for x in loader]).mean(0)
    order = torch.randperm(3, generator=torch.Generator().manual_seed(9))
    random = torch.rand(3, 3, generator=torch.Generator().manual_seed(9))
    return site, [
        (ev.Zero(channels=CHANNELS), lambda g: 0 * g),
        (ev.One(channels=CHANNELS), lambda g: 0 * g + 1),
        (ev.Constant(0.3, channels=CHANNELS), lambda g: 0 * g + 0.3),
        (ev.Scale(1.5, channels=CHANNELS), lambda g: 1.5 * g),
        (ev.Clamp(0.45, 0.5, channels=CHANNELS), lambda g: g.minimum(torch.tensor(0.5)).maximum(torch.tensor(0.45))),
        (ev.Mean(stats, channels=CHANNELS), lambda g: 0 * g + mean[CHANNELS]),
        (ev.Swap(other, channels=CHANNELS), lambda g: other[site].gate[:, CHANNELS]),
        (ev.Swap(other[1], channels=CHANNELS), lambda g: 0 * g + other[site].gate[1, CHANNELS]),
        (ev.Shuffle(9, channels=CHANNELS), lambda g: g[:, order]),
        (ev.Randomize(9, channels=CHANNELS), lambda g: 0 * g + random),
    ]


@pytest.mark.parametrize("name", ["ours", "torchvision mobilenet_v3_small", "timm ecaresnet26t", "ours, senet"])
def test_each_equals_a_naive_edit_of_the_module(name):
    model = build(name)
    site, pairs = rules(model)
    for intervention, edit in pairs:
        with ev.intervene(model, {site: intervention}), torch.no_grad():
            found = model(IMAGES)
        with torch.no_grad():
            expected = naive(name, {site: on(CHANNELS, edit)})(IMAGES)
        assert (found - expected).abs().max() <= 1e-5 * expected.abs().max(), intervention
    with torch.no_grad():
        assert torch.equal(model(IMAGES), build(name)(IMAGES))


def test_all_sites_all_channels_lists_and_nesting_act_in_order(model, images):
    x = images[:4]
    with ev.intervene(model, ev.Constant(0.25)):
        assert all(bool((site.gate == 0.25).all()) for site in ev.trace(model, x).values())
    own = ev.trace(model, x)["stage5.0"].gate
    with ev.intervene(model, {"stage5.0": [ev.Scale(0.5), ev.Clamp(0.2, 0.3)]}):
        torch.testing.assert_close(ev.trace(model, x)["stage5.0"].gate, (own * 0.5).clamp(0.2, 0.3))
        with ev.intervene(model, {"stage5.0": ev.Scale(2.0, channels=[0])}):
            inner = ev.trace(model, x)["stage5.0"].gate
            torch.testing.assert_close(inner[:, 0], 2 * (own[:, 0] * 0.5).clamp(0.2, 0.3))
            torch.testing.assert_close(inner[:, 1:], (own[:, 1:] * 0.5).clamp(0.2, 0.3))
        torch.testing.assert_close(ev.trace(model, x)["stage5.0"].gate, (own * 0.5).clamp(0.2, 0.3))
    assert torch.equal(ev.trace(model, x)["stage5.0"].gate, own)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_happens_in_the_block_the_gates_come_back(model, images, error):
    expected = model(images[:2])
    random = torch.get_rng_state()

    def block():
        with ev.intervene(model, ev.Shuffle()), ev.intervene(model, ev.Randomize()):
            model(images[:2])
            raise error

    with pytest.raises(error):
        block()
    assert torch.equal(model(images[:2]), expected)
    assert not any(m._forward_hooks for m in model.modules())
    assert torch.equal(torch.get_rng_state(), random)


def test_gradients_flow_through_an_intervention(model, images):
    x = images[:2].clone().requires_grad_()
    with ev.intervene(model, {"stage6.1": ev.Scale(0.5)}):
        model(x).sum().backward()
    assert x.grad.abs().sum() > 0
    model.zero_grad()


def test_bad_input_is_refused_before_anything_changes(model, images):
    nan = ev.trace(model, images[:1])
    nan["stage4.0"].gate[0, 0] = float("nan")
    small = ev.trace(ev.create_model("efficientnetv2_b0"), torch.zeros(1, 3, 64, 64))
    cases = [
        ({"stage4.9": ev.Zero()}, "unknown site 'stage4.9'; did you mean"),
        ({"stage4.0": ev.Zero(channels=[128])}, "stage4.0 has no channel 128: they go from 0 to 127"),
        ({"stage4.0": ev.Zero(channels=[-1])}, "no channel -1"),
        ({"stage4.0": ev.Constant(float("nan"))}, "is no gate: use a finite number"),
        ({"stage4.0": ev.Scale(float("inf"))}, "use a finite factor"),
        ({"stage4.0": ev.Clamp(0.9, 0.1)}, "the lower bound comes first"),
        ({"stage4.0": ev.Swap(nan)}, "NaN or infinite gates at stage4.0"),
        ({"stage4.0": ev.Swap(small)}, "gates at stage4.0 and the network 128: it is of another network"),
        ({"stage4.0": 0.5}, "0.5 is no intervention; use for example ev.Constant"),
        (0.5, "takes an intervention, or a mapping"),
    ]
    for plan, sentence in cases:
        with pytest.raises((ValueError, TypeError)) as caught, ev.intervene(model, plan):
            raise AssertionError("the block must not run")
        assert sentence in str(caught.value)
    two = ev.trace(model, images[:2])
    with (
        pytest.raises(ValueError, match="gates of 2 images and 3 run"),
        ev.intervene(model, {"stage4.0": ev.Swap(two)}),
    ):
        model(images[:3])
    plain = ev.create_model("efficientnetv2_nano")
    with pytest.raises(ValueError, match="no gate statistics ship"), ev.intervene(plain, ev.Mean()):
        pass
    assert not any(m._forward_hooks for m in model.modules())
