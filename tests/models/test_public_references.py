"""Our network against torchvision's and timm's with the same weights: logits, blocks, gradients, and keys both ways."""

import pytest
import timm
import torch
import torchvision
from torch import nn

from effv2viz.models import convert_state_dict, create_model, export_state_dict
from effv2viz.models.checkpoints import load_strictly
from tests.models.references import calibrate, pictures

CASES = {
    "torchvision s": ("torchvision", "s"),
    "torchvision m": ("torchvision", "m"),
    "torchvision l": ("torchvision", "l"),
    "timm b0": ("timm", "b0"),
    "timm b3": ("timm", "b3"),
    "timm s": ("timm", "s"),
}


def reference(source: str, size: str) -> nn.Module:
    torch.manual_seed(0)
    if source == "torchvision":
        return getattr(torchvision.models, f"efficientnet_v2_{size}")()
    return timm.create_model(f"tf_efficientnetv2_{size}")


def reference_blocks(model: nn.Module, source: str) -> list[nn.Module]:
    stages = list(model.features)[1:-1] if source == "torchvision" else list(model.blocks)
    return [block for stage in stages for block in stage]


def outputs(model: nn.Module, blocks: list[nn.Module], x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    seen: list[torch.Tensor] = []
    handles = [b.register_forward_hook(lambda m, i, o: seen.append(o.clone())) for b in blocks]
    with torch.no_grad():
        logits = model(x)
    for handle in handles:
        handle.remove()
    return logits, seen


@pytest.fixture(scope="module", params=CASES, ids=list(CASES))
def pair(request):
    source, size = CASES[request.param]
    theirs = calibrate(reference(source, size), 64)
    padding = "same" if source == "timm" else "symmetric"
    ours = create_model(f"efficientnetv2_{size}", padding=padding)
    load_strictly(ours, convert_state_dict(theirs.state_dict(), source))
    return source, ours, theirs


@pytest.mark.parametrize("size", [64, 97, 128])
def test_logits_and_every_block_are_equal(pair, size):
    source, ours, theirs = pair
    x = pictures(2, size)
    expected, their_blocks = outputs(theirs, reference_blocks(theirs, source), x)
    logits, our_blocks = outputs(ours, [block for stage in ours.stages for block in stage], x)
    assert len(our_blocks) == len(their_blocks)
    for mine, other in zip(our_blocks, their_blocks, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4 * other.std().item())
    assert expected.std() > 0
    assert (logits - expected).abs().max() <= 1e-4 * expected.std()


def test_gradients_are_equal(pair):
    source, ours, theirs = pair
    x = pictures(2, 64)
    gradients = []
    for model in (ours, theirs):
        model.zero_grad()
        image = x.clone().requires_grad_()
        model(image)[:, 7].sum().backward()
        gradients.append((image.grad, {name: p.grad for name, p in model.named_parameters()}))
    (image, mine), (their_image, others) = gradients
    torch.testing.assert_close(image, their_image, rtol=1e-3, atol=1e-3 * their_image.std().item())
    for name, gradient in convert_state_dict(others, source).items():
        torch.testing.assert_close(mine[name], gradient, rtol=1e-3, atol=1e-3 * gradient.abs().max().item())


def test_export_is_the_inverse_of_convert(pair):
    source, ours, theirs = pair
    exported = export_state_dict(ours.state_dict(), target=source)
    original = theirs.state_dict()
    assert exported.keys() == original.keys()
    assert all(torch.equal(exported[key], original[key]) for key in original)
    again = convert_state_dict(exported, source=source)
    assert list(again) == list(ours.state_dict())


def test_padding_matters_only_where_a_strided_convolution_sees_an_even_size():
    """With SAME, 3x3 stride 2 pads (1, 1) on odd sizes, which is symmetric, and (0, 1) on even ones."""
    symmetric = calibrate(create_model("efficientnetv2_b0"), 64)
    same = create_model("efficientnetv2_b0", padding="same")
    same.load_state_dict(symmetric.state_dict())
    with torch.no_grad():
        odd = pictures(1, 193)  # 193, 97, 49, 25, 13, 7: odd at every stride
        assert torch.equal(symmetric(odd), same(odd))
        even = pictures(1, 192)
        assert not torch.allclose(symmetric(even), same(even), rtol=0.01)


def test_stochastic_depth_keeps_the_expectation_and_drops_whole_images():
    from effv2viz.models.blocks import StochasticDepth

    torch.manual_seed(0)
    x = torch.ones(20_000, 2, 1, 1)
    y = StochasticDepth(0.25).train()(x)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(y[:, 0], y[:, 1])
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(StochasticDepth(0.25).eval()(x), x)
