"""The SE modules against their formulas, written out in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from effv2viz.models import SENetSqueezeExcite, SqueezeExcite, create_model


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def test_squeeze_excite_is_the_published_formula():
    torch.manual_seed(0)
    se = SqueezeExcite(24, 4).double()
    x = torch.randn(3, 24, 5, 7, dtype=torch.float64)
    w1, w2 = (m.weight.detach().numpy()[:, :, 0, 0] for m in (se.reduce, se.expand))
    b1, b2 = (m.bias.detach().numpy() for m in (se.reduce, se.expand))
    map_ = x.numpy()
    z = map_.sum((2, 3)) / 35
    a = z @ w1.T + b1
    s = sigmoid((a * sigmoid(a)) @ w2.T + b2)
    expected = map_ * s[:, :, None, None]
    assert np.abs(se(x).detach().numpy() - expected).max() < 1e-12


def test_on_a_1x1_map_the_convolutions_are_linear_layers():
    torch.manual_seed(0)
    se = SqueezeExcite(24, 4).double()
    x = torch.randn(3, 24, 1, 1, dtype=torch.float64)
    h = F.silu(F.linear(x.flatten(1), se.reduce.weight.flatten(1), se.reduce.bias))
    s = torch.sigmoid(F.linear(h, se.expand.weight.flatten(1), se.expand.bias))
    assert (se(x).flatten(1) - x.flatten(1) * s).abs().max() < 1e-12


def test_senet_is_the_described_formula_and_loads_its_keys():
    torch.manual_seed(0)
    se = SENetSqueezeExcite(32).double()
    state = {
        "excitation.0.weight": torch.randn(8, 32, dtype=torch.float64),
        "excitation.2.weight": torch.randn(32, 8, dtype=torch.float64),
    }
    se.load_state_dict(state, strict=True)
    x = torch.randn(3, 32, 5, 7, dtype=torch.float64)
    w1, w2 = state["excitation.0.weight"].numpy(), state["excitation.2.weight"].numpy()
    z = x.numpy().mean((2, 3))
    s = sigmoid(np.maximum(z @ w1.T, 0) @ w2.T)
    assert np.abs(se(x).detach().numpy() - x.numpy() * s[:, :, None, None]).max() < 1e-12


def test_senet_takes_its_width_from_itself_and_refuses_to_squeeze_to_nothing():
    model = create_model("efficientnetv2_s", attention="senet", device="meta")
    assert model.get_submodule("stage4.0.se.excitation.0").weight.shape == (64, 256)  # se has 16
    with pytest.raises(ValueError, match="reduction=64 leaves no squeeze channel of 32"):
        SENetSqueezeExcite(32, reduction=64)


@pytest.mark.parametrize("cls", [lambda: SqueezeExcite(8, 2), lambda: SENetSqueezeExcite(8)])
def test_half_precision_does_not_overflow_in_the_squeeze(cls):
    """The sum of a 384x384 map of ones is 147,456, above float16's 65,504."""
    x = torch.ones(1, 8, 384, 384, dtype=torch.float16)
    y = cls().half()(x)
    assert y.dtype == torch.float16
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_stays_close_and_finite(dtype):
    torch.manual_seed(0)
    se = SqueezeExcite(8, 2)
    x = torch.randn(2, 8, 200, 200) + 3
    with torch.autocast("cpu", dtype=dtype):
        y = se(x.to(dtype))
    torch.testing.assert_close(y.float(), se(x), rtol=0.02, atol=0.02)


def test_submodules_stand_in_the_order_in_which_they_run():
    model = create_model("efficientnetv2_nano")
    ran = []
    leaves = {m: name for name, m in model.named_modules() if not list(m.children())}
    for leaf in leaves:
        leaf.register_forward_hook(lambda m, i, o: ran.append(leaves[m]))
    model(torch.zeros(1, 3, 32, 32))
    assert ran == [name for name in leaves.values() if name in set(ran)]


def test_nothing_works_in_place():
    """What a hook saw is still there after the forward, for every module."""
    model = create_model("efficientnetv2_nano")
    seen = []
    for module in model.modules():
        module.register_forward_hook(lambda m, i, o: seen.append((i[0], i[0].clone(), o, o.clone())))
    model(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert len(seen) > 150
    assert all(torch.equal(i, i0) and torch.equal(o, o0) for i, i0, o, o0 in seen)
