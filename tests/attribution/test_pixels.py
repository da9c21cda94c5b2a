"""Maps of pixels against finite differences, enumeration, Captum called by hand and pytorch-grad-cam."""

import itertools
import math

import pytest
import torch
import torchvision
from captum.attr import IntegratedGradients as CaptumIG
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

import effv2viz as ev
from effv2viz.attribution import (
    REFUSED,
    SmoothGrad,
    attribute_gate_pixels,
    attribute_pixels,
    estimate_cost,
    label_regions,
    list_methods,
    picture_baseline,
    random_attribution,
)
from tests.models.references import calibrate

QUICK = {
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 3},
    "grad_cam": {"layer": "stage5"},
    "occlusion": {"window": 16, "stride": 8},
    "feature_ablation": {"count": 6},
    "shapley_sampling": {"count": 4, "samples": 2},
}


@pytest.fixture(scope="module")
def torchvisions():
    torch.manual_seed(0)
    network = calibrate(torchvision.models.efficientnet_v2_s(num_classes=7), 64)
    return network, torch.randn(2, 3, 64, 64)


def test_gradients_are_finite_differences(model, pictures):
    model, x = model.double(), pictures[:1].double()
    found = attribute_pixels(model, x, 3, "saliency").map
    places = [(0, 0, 0), (1, 12, 9), (2, 20, 20), (0, 31, 16), *torch.nonzero(found[0] == found.max()).tolist()]
    for place in places:
        step = torch.zeros_like(x)
        step[(0, *place)] = 1e-5
        with torch.no_grad():
            slope = (model(x + step) - model(x - step))[0, 3] / 2e-5
        assert abs(slope - found[(0, *place)]) <= 1e-6 * found.abs().max()
    product = attribute_pixels(model, x, 3, "input_x_gradient").map
    torch.testing.assert_close(product, found * x)


@pytest.mark.parametrize("baseline", ["black", "mean", "blur", "random"])
def test_integrated_gradients_add_up(model, pictures, baseline):
    model, x = model.double(), pictures[:2].double()
    found = attribute_pixels(model, x, baseline=baseline, steps=200, memory=2**30)
    start = picture_baseline(model, x, baseline)
    with torch.no_grad():
        target = model(x).argmax(1)
        difference = (model(x) - model(start)).gather(1, target[:, None])[:, 0]
    assert (found.map.sum((1, 2, 3)) - difference).abs().max() < 1e-3
    torch.testing.assert_close(found.residual, difference - found.map.sum((1, 2, 3)), rtol=0, atol=1e-9)


def test_integrated_gradients_are_captums(model, pictures, torchvisions):
    other, images = torchvisions
    for network, x in ((model, pictures[:3]), (other, images)):
        with torch.no_grad():
            target = network(x).argmax(1)
        start = x.mean((2, 3), keepdim=True).expand_as(x)
        expected = CaptumIG(network).attribute(x, start, target=target, n_steps=6)
        found = attribute_pixels(network, x, baseline="mean", steps=6)
        torch.testing.assert_close(found.map, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("layer", ["stage5", "head", "features.5", "features"])
def test_grad_cam_is_pytorch_grad_cams(model, pictures, torchvisions, layer):
    network, x = torchvisions if layer.startswith("features") else (model, pictures)
    n, classes = len(x), network(x[:1]).shape[1]
    target = torch.arange(n) % classes
    with GradCAM(network, [network.get_submodule(layer)]) as cam:
        expected = torch.from_numpy(cam(x, [ClassifierOutputTarget(int(k)) for k in target]))
    found = attribute_pixels(network, x, target, "grad_cam", layer=layer, relu=True).per_pixel()
    low, high = found.amin((1, 2), keepdim=True), found.amax((1, 2), keepdim=True)
    torch.testing.assert_close((found - low) / (high - low + 1e-7), expected, rtol=0, atol=1e-4)
    default = attribute_pixels(network, x[:1], method="grad_cam").settings
    assert default.layer in ("head", "features")


def test_shapley_sampling_approaches_the_exact_values(model, pictures):
    model, x = model.double(), pictures[:1].double()
    samples = 100
    found = attribute_pixels(
        model, x, 9, "shapley_sampling", baseline="blur", regions="grid", count=4, samples=samples, seed=1
    )
    start = picture_baseline(model, x, "blur")
    worth = {}
    for size in range(5):
        for shown in itertools.combinations(range(4), size):
            mask = torch.isin(found.regions, torch.tensor(shown))[:, None]
            with torch.no_grad():
                worth[shown] = float(model(torch.where(mask, x, start))[0, 9])
    gains = torch.tensor(
        [
            [worth[tuple(sorted(order[: order.index(k) + 1]))] - worth[tuple(sorted(order[: order.index(k)]))]
             for k in range(4)]
            for order in itertools.permutations(range(4))
        ],
        dtype=torch.float64,
    )  # fmt: skip
    exact, spread = gains.mean(0), gains.std(0)
    error = found.by_region()[0] - exact
    assert (error.abs() <= 4 * spread / math.sqrt(samples)).all()
    assert error.abs().max() > 0  # sampled, and not by chance the same code
    assert found.residual.abs().max() < 1e-5  # Captum adds up in float32


def test_regions_and_windows_by_hand(model, pictures):
    x = pictures[[1, 5]]
    start = picture_baseline(model, x, "black")
    target = torch.tensor([2, 4])
    regions = label_regions(x, "superpixels", 9)
    assert not torch.equal(regions[0], regions[1])
    regions[1].clamp_(max=5)  # pictures with different numbers of regions
    found = attribute_pixels(model, x, target, "feature_ablation", regions=regions)
    window = attribute_pixels(model, x, target, "occlusion", window=12, stride=6)
    with torch.no_grad():
        whole = model(x)
        for image in range(2):
            for region in range(int(found.regions[image].max()) + 1):
                mask = found.regions[image] == region
                fall = whole[image] - model(torch.where(mask, start[image], x[image])[None])[0]
                assert found.by_region()[image, region] == pytest.approx(float(fall[target[image]]), abs=1e-4)
            total, times = torch.zeros(32, 32), torch.zeros(32, 32)
            for top, left in itertools.product(range(0, 25, 6), repeat=2):
                mask = torch.zeros(32, 32, dtype=torch.bool)
                mask[top : top + 12, left : left + 12] = True
                fall = whole[image] - model(torch.where(mask, start[image], x[image])[None])[0]
                total, times = total + mask * fall[target[image]], times + mask
            torch.testing.assert_close(window.map[image, 0], total / times, rtol=1e-3, atol=1e-4)


def test_smoothgrad_is_the_mean_over_noisy_copies(model, pictures):
    x = pictures[:2]
    target = torch.tensor([9, 2])
    found = attribute_pixels(model, x, target, "smoothgrad", samples=5, noise=0.1, seed=3, memory=15 * 2**20)
    generator = torch.Generator().manual_seed(3)
    span = (x.amax((1, 2, 3)) - x.amin((1, 2, 3)))[:, None, None, None]
    noisy = [x + 0.1 * span * torch.randn(1, 3, 32, 32, generator=generator) for _ in range(5)]
    expected = torch.stack([attribute_pixels(model, one, target, "saliency").map for one in noisy]).mean(0)
    torch.testing.assert_close(found.map, expected, rtol=1e-3, atol=1e-5)
    path = attribute_pixels(model, x, target, SmoothGrad(of="integrated_gradients", samples=1, noise=1e-6))
    plain = attribute_pixels(model, x, target, "integrated_gradients")
    torch.testing.assert_close(path.map, plain.map, rtol=1e-2, atol=1e-3)


def test_the_pixels_of_a_gate_add_up_to_the_gate(model, pictures):
    model, x = model.double(), pictures[:2].double()
    found = attribute_gate_pixels(model, x, "stage5.1", 7, baseline="blur", steps=60)
    start = picture_baseline(model, x, "blur")
    gate, below = (ev.trace(model, one)["stage5.1"].gate[:, 7] for one in (x, start))
    torch.testing.assert_close(found.output, gate)
    torch.testing.assert_close(found.map.sum((1, 2, 3)), gate - below, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.residual, gate - below - found.map.sum((1, 2, 3)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", QUICK)
def test_cost_is_what_was_announced_and_memory_changes_nothing_but_speed(model, pictures, method):
    x = pictures[:4]
    estimate = estimate_cost(model, x, method, **QUICK[method])
    found = attribute_pixels(model, x, method=method, **QUICK[method])
    assert (found.cost.forwards, found.cost.backwards) == (estimate.forwards, estimate.backwards)
    assert estimate.seconds > 0
    tight = attribute_pixels(model, x, method=method, memory=12 * 2**20, **QUICK[method])
    alone = attribute_pixels(model, x[2:3], method=method, **QUICK[method])
    scale = float(found.map.abs().max())
    torch.testing.assert_close(tight.map, found.map, rtol=0, atol=1e-4 * scale)
    torch.testing.assert_close(alone.map, found.map[2:3], rtol=0, atol=1e-4 * scale)
    if found.cost.backwards:
        with pytest.raises(MemoryError, match="memory="):
            attribute_pixels(model, x, method=method, memory=2**20, **QUICK[method])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("method", QUICK)
def test_other_precisions(model, pictures, method, dtype):
    expected = attribute_pixels(model, pictures[:1], method=method, **QUICK[method])
    found = attribute_pixels(model.to(dtype), pictures[:1], expected.target, method, **QUICK[method])
    assert found.map.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    pair = torch.stack([found.map.flatten().double(), expected.map.flatten().double()])
    assert torch.corrcoef(pair)[0, 1] > (0.9999 if dtype == torch.float64 else 0.9)


def test_refused_methods_say_why_and_typos_what_is_near(model, pictures):
    for name in [*REFUSED, "DeepLift", "Guided Grad-CAM"]:
        with pytest.raises(ValueError, match=r"is refused on these networks: .*Use '"):
            attribute_pixels(model, pictures, method=name)
    with pytest.raises(ValueError, match="did you mean 'integrated_gradients'"):
        attribute_pixels(model, pictures, method="integrated_gradient")
    with pytest.raises(ValueError, match="unknown option of saliency 'steps'"):
        attribute_pixels(model, pictures, method="saliency", steps=3)
    named = {method.name for method in list_methods("pixels")}
    assert named == {*QUICK, "neuron_integrated_gradients", "random"}


@pytest.mark.parametrize("target", [10, -1, 1.5, torch.zeros(3, dtype=torch.long), torch.zeros(2, 2).long()])
def test_targets_that_do_not_exist(model, pictures, target):
    with pytest.raises(ValueError, match=r"target .*(out of range|shape|type)"):
        attribute_pixels(model, pictures[:2], target)


def bad_calls():
    nan = torch.zeros(1, 3, 32, 32)
    nan[0, 0, 0, 0] = float("nan")
    good = torch.zeros(2, 3, 32, 32)
    yield "NaN", nan, {}
    yield "load_images", good.long(), {}
    yield "shape", good[0], {}
    yield "baseline has shape", good, {"baseline": torch.zeros(3, 8, 8)}
    yield "baseline holds NaN", good, {"baseline": nan[0]}
    yield "did you mean 'black'", good, {"baseline": "blck"}
    yield "measures against no baseline", good, {"method": "saliency", "baseline": "black"}
    yield "steps=0", good, {"steps": 0}
    yield "window=40", good, {"method": "occlusion", "window": 40}
    yield "stride=9", good, {"method": "occlusion", "window": 8, "stride": 9}
    yield "regions have shape", good, {"method": "feature_ablation", "regions": torch.zeros(4, 4).long()}
    yield "count=0", good, {"method": "shapley_sampling", "count": 0}
    yield "did you mean 'stage5'", good, {"method": "grad_cam", "layer": "stage55"}
    yield "needs maps", good, {"method": "grad_cam", "layer": "classifier"}
    yield "no gradients", good, {"method": "smoothgrad", "of": "occlusion"}
    yield "noise=0", good, {"method": "smoothgrad", "noise": 0.0}


@pytest.mark.parametrize(("words", "images", "options"), list(bad_calls()), ids=lambda value: str(value)[:24])
def test_bad_input_is_said_in_a_sentence(model, words, images, options):
    with pytest.raises(ValueError, match=words):
        attribute_pixels(model, images, **options)


def test_bad_gates_and_networks_without_black(model, pictures, torchvisions):
    with pytest.raises(ValueError, match="no channel 5000"):
        attribute_gate_pixels(model, pictures[:1], "stage4.0", 5000)
    with pytest.raises(ValueError, match="unknown site"):
        attribute_gate_pixels(model, pictures[:1], "stage1.0", 0)
    with pytest.raises(ValueError, match="does not say how its pictures are normalised"):
        attribute_pixels(torchvisions[0], torchvisions[1])


@pytest.mark.parametrize("method", QUICK)
def test_constant_pictures_give_finite_maps(model, method):
    found = attribute_pixels(model, torch.full((1, 3, 32, 32), 0.3), method=method, **QUICK[method])
    assert torch.isfinite(found.map).all()


def test_networks_without_usable_logits_are_refused(pictures):
    class Answers(torch.nn.Module):
        def __init__(self, answer):
            super().__init__()
            self.answer = answer

        def forward(self, x):
            return self.answer(x)

    with pytest.raises(ValueError, match="NaN or infinite logits for pictures \\[0, 1\\]"):
        attribute_pixels(Answers(lambda x: x.mean((2, 3)) * torch.nan), pictures[:2], method="saliency")
    with pytest.raises(TypeError, match="answered with dict"):
        attribute_pixels(Answers(lambda x: {"logits": x}), pictures[:2], method="saliency")
    with pytest.raises(ValueError, match="no layer with maps"):
        attribute_pixels(Answers(lambda x: x.mean((2, 3))), pictures[:2], method="grad_cam")


def test_superpixels_follow_colours(pictures):
    picture = torch.zeros(1, 3, 20, 20)
    picture[..., 13:] = 3.0  # the grid's border is at 10
    labels = label_regions(picture, "superpixels", 2)[0]
    assert labels[:, :13].unique().tolist() == [0]
    assert labels[:, 13:].unique().tolist() == [1]
    for one in label_regions(pictures, "superpixels", 30):
        assert torch.equal(one.unique(), torch.arange(int(one.max()) + 1))
        assert 15 <= one.max() < 30


def test_random_maps_are_the_same_for_a_seed_and_take_none_of_the_random_numbers(pictures):
    before = torch.get_rng_state()
    assert torch.equal(random_attribution(pictures, 1).map, random_attribution(pictures, 1).map)
    assert torch.equal(before, torch.get_rng_state())
