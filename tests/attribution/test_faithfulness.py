"""Measures of faithfulness against Captum's, SciPy's, and networks whose explanation is known."""

import itertools
import threading

import pytest
import torch
from captum import metrics
from scipy import stats
from torch import nn

import effv2viz as ev
from effv2viz.attribution import (
    AttributionCancelledError,
    attribute_gate_pixels,
    attribute_pixels,
    picture_baseline,
    random_attribution,
)
from effv2viz.attribution.faithfulness import (
    deletion_curve,
    draw_squares,
    infidelity,
    insertion_curve,
    max_sensitivity,
    parameter_randomisation,
    pointing_game,
    spearman,
)


class Linear(nn.Module):
    """Logits that are linear in the picture: every gradient method is exact."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3 * 16 * 16, 4)

    def forward(self, x):
        return self.fc(x.flatten(1))


class Bright(nn.Module):
    """Class 0 is how much of the picture is brighter than a half; it sees nothing else."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        bright = self.weight * (x - 0.5).relu().mean((1, 2, 3))
        return torch.stack([bright, -bright], 1)


def drawn(n=6, size=32, side=8):
    """Dark pictures with noise and a bright square, and masks of the squares."""
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.rand(n, 3, size, size, generator=generator)
    masks = torch.zeros(n, size, size, dtype=torch.bool)
    for image, (top, left) in enumerate(torch.randint(0, size - side, (n, 2), generator=generator).tolist()):
        masks[image, top : top + side, left : left + side] = True
    return torch.where(masks[:, None], x + 0.6, x), masks


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("saliency", {}),
        ("integrated_gradients", {"baseline": torch.zeros(3, 32, 32)}),
        ("occlusion", {"baseline": torch.zeros(3, 32, 32), "window": 4, "stride": 2}),
        ("feature_ablation", {"baseline": torch.zeros(3, 32, 32), "regions": "grid", "count": 64}),
    ],
)
def test_the_pointing_game_on_a_drawn_object(method, options):
    x, masks = drawn()
    assert pointing_game(attribute_pixels(Bright(), x, 0, method, **options), masks, margin=2).min() > 0.5
    away = attribute_pixels(Bright(), x, 1, method, **options)
    assert pointing_game(away, masks, margin=2).max() < 0.5
    floor = torch.stack([pointing_game(random_attribution(x, seed), masks) for seed in range(100)])
    share = masks.float().mean()
    assert abs(floor.mean() - share) < 4 * (share / 600) ** 0.5


def test_pointing_refuses_what_nobody_can_hit():
    x, masks = drawn(2)
    maps = random_attribution(x)
    with pytest.raises(ValueError, match="same everywhere"):
        pointing_game(torch.zeros(2, 32, 32), masks)
    with pytest.raises(ValueError, match="pictures \\[1\\] hold NaN"):
        pointing_game(torch.stack([torch.rand(32, 32), torch.full((32, 32), torch.nan)]), masks)
    with pytest.raises(ValueError, match="nothing, or everything"):
        pointing_game(maps, torch.zeros_like(masks))
    with pytest.raises(ValueError, match="use bool"):
        pointing_game(maps, masks.float())
    with pytest.raises(ValueError, match="shape"):
        pointing_game(maps, masks[:1])


def test_curves_by_hand(model, pictures):
    x, target = pictures[:3], torch.tensor([9, 2, 1])
    maps = random_attribution(x, 5).per_pixel()
    start = picture_baseline(model, x, "black")
    deletion = deletion_curve(model, x, maps, target, points=5)
    insertion = insertion_curve(model, x, maps, target, points=5, baseline="black")
    for image in range(3):
        first = maps[image].flatten().argsort(descending=True)[:256]  # a quarter
        mask = torch.zeros(1024, dtype=torch.bool).index_fill_(0, first, True).view(32, 32)
        for curve, kept in ((deletion, ~mask), (insertion, mask)):
            with torch.no_grad():
                answer = model(torch.where(kept, x[image], start[image])[None]).softmax(1)[0, target[image]]
            assert curve.probability[image, 1] == pytest.approx(float(answer), abs=1e-5)
    with torch.no_grad():
        whole, nothing = (model(one).softmax(1).gather(1, target[:, None])[:, 0] for one in (x, start))
    torch.testing.assert_close(deletion.probability[:, 0], whole)
    torch.testing.assert_close(deletion.probability[:, -1], nothing)
    torch.testing.assert_close(insertion.probability[:, 0], nothing)
    torch.testing.assert_close(insertion.probability[:, -1], whole)
    trapezoid = (deletion.probability[:, 1:] + deletion.probability[:, :-1]).sum(1) / 8
    torch.testing.assert_close(deletion.area, trapezoid)


@pytest.mark.parametrize("curve", [deletion_curve, insertion_curve])
def test_a_curve_stops_before_the_next_forward(model, pictures, curve):
    cancel, calls = threading.Event(), []

    def count(*_):
        calls.append(1)
        if len(calls) == 3:
            cancel.set()

    model.classifier.register_forward_hook(count)
    with pytest.raises(AttributionCancelledError, match="cancelled after"):
        curve(model, pictures[:1], random_attribution(pictures[:1]), 0, points=9, batch_size=2, cancel=cancel)
    assert len(calls) == 3


def test_the_right_order_deletes_faster_than_chance():
    x, _ = drawn()
    zero = torch.zeros(3, 32, 32)
    network = Bright()
    network.weight.data.fill_(100.0)
    right = deletion_curve(network, x, attribute_pixels(network, x, 0, baseline=zero), 0, baseline=zero)
    chance = deletion_curve(network, x, random_attribution(x), 0, baseline=zero)
    assert (right.area < chance.area - 0.2).all()
    with pytest.raises(ValueError, match="no order of pixels"):
        deletion_curve(network, x, torch.zeros(6, 32, 32), 0, baseline=zero)


def test_infidelity_is_captums_over_the_mean_squared_loss(model, pictures):
    x, target = pictures[:3], torch.tensor([9, 2, 1])
    start = picture_baseline(model, x, "mean")
    squares = draw_squares(32, 32, 20, seed=4)

    def perturb(inputs, baselines):
        shown = squares.repeat(len(x), 1, 1)[:, None]
        return shown.expand_as(inputs).to(inputs), torch.where(shown, baselines, inputs)

    saliency = attribute_pixels(model, x, target, "saliency")
    path = attribute_pixels(model, x, target, "integrated_gradients", baseline="mean", steps=8)
    with torch.no_grad():
        falls = torch.stack([model(x) - model(torch.where(square, start, x)) for square in squares])
    squared = falls.gather(2, target[None, :, None].expand(20, 3, 1))[..., 0].square().mean(0)
    for found, map_ in ((saliency, saliency.map * (x - start)), (path, path.map)):
        expected = metrics.infidelity(
            model, perturb, x, map_, baselines=start, target=target, n_perturb_samples=20, normalize=True
        )
        ours = infidelity(model, x, found, baseline="mean", samples=20, seed=4)
        torch.testing.assert_close(ours.float(), expected / squared, rtol=1e-3, atol=1e-4)


def test_infidelity_of_a_linear_network():
    torch.manual_seed(0)
    network, x = Linear().double(), torch.randn(3, 3, 16, 16, dtype=torch.float64)
    start = torch.zeros(3, 16, 16)
    for method in ("saliency", "integrated_gradients", "feature_ablation"):
        options = {} if method == "saliency" else {"baseline": start}
        options |= {"count": 256, "regions": "grid"} if method == "feature_ablation" else {}
        found = attribute_pixels(network, x, 1, method, **options)
        assert infidelity(network, x, found, baseline=start).max() < 1e-6
    assert infidelity(network, x, random_attribution(x.float()), 1, baseline=start).min() > 0.5


def test_the_target_is_the_attributions_and_gates_have_none(model, pictures):
    x = pictures[:2]
    found = attribute_pixels(model, x, 4, "saliency")
    assert torch.equal(infidelity(model, x, found, samples=5), infidelity(model, x, found, 4, samples=5))
    curve = deletion_curve(model, x, found, points=3)
    assert torch.equal(curve.probability, deletion_curve(model, x, found.map, 4, points=3).probability)
    gate = attribute_gate_pixels(model, x, "stage4.0", 3, steps=2)
    for measure in (infidelity, deletion_curve, insertion_curve):
        with pytest.raises(ValueError, match="explains the gate of channel 3"):
            measure(model, x, gate)


def test_max_sensitivity_is_captums(model, pictures):
    x, target = pictures[:2], torch.tensor([9, 2])
    generator = torch.Generator().manual_seed(7)
    moves = torch.stack([0.05 * (2 * torch.rand(3, 32, 32, generator=generator) - 1) for _ in range(4)])

    def explain(images, target):
        return attribute_pixels(model, images[0] if isinstance(images, tuple) else images, target, "saliency").map

    expected = metrics.sensitivity_max(
        lambda images, target: (explain(images, target),),
        x,
        perturb_func=lambda images: images + moves.repeat(2, 1, 1, 1),
        n_perturb_samples=4,
        target=target,
    )
    found = max_sensitivity(lambda images: explain(images, target), x, radius=0.05, samples=4, seed=7)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="zero everywhere"):
        max_sensitivity(torch.zeros_like, x)


def test_spearman_is_scipys():
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 4, 50, generator=generator)
    other = (other + one).round(decimals=0)  # ties
    expected = [stats.spearmanr(a, b).statistic for a, b in zip(one.numpy(), other.numpy(), strict=True)]
    torch.testing.assert_close(spearman(one, other), torch.tensor(expected, dtype=torch.float64))
    assert spearman(one, torch.zeros_like(one)).isnan().all()


@pytest.mark.parametrize("how", ["whole", "cascading", "excitation"])
def test_randomisation_changes_what_it_says_and_restores_every_bit(model, pictures, how):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed = []

    def explain():
        now = model.state_dict()
        changed.append({name for name in now if not torch.equal(now[name], before[name])})
        return attribute_pixels(model, pictures[:2], torch.tensor([9, 2]), "saliency")

    random_state = torch.get_rng_state()
    stages = parameter_randomisation(model, explain, how, seed=1)
    assert torch.equal(random_state, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    weights = {name for name, parameter in model.named_parameters() if parameter.numel() > 1}
    excitation = {name for name in weights if ".se." in name}
    assert not changed[0]
    if how == "excitation":
        assert changed[1] == excitation
    else:
        assert changed[-1] >= {name for name in weights if before[name].std() > 0}
        assert stages[-1].signed.abs().max() < 0.2
    if how == "cascading":
        assert [stage.randomised for stage in stages][:3] == ["classifier", "head", "stage6.1"]
        assert all(early <= late for early, late in itertools.pairwise(changed))


def test_randomisation_restores_after_an_interrupt(model, pictures):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    calls = []

    def explain():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return random_attribution(pictures)

    with pytest.raises(KeyboardInterrupt):
        parameter_randomisation(model, explain)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="did you mean 'cascading'"):
        parameter_randomisation(model, explain, "cascade")
    plain = ev.create_model("efficientnetv2_nano", attention="senet")
    assert parameter_randomisation(plain, lambda: random_attribution(pictures), "excitation")[0].signed.min() > 0.999
