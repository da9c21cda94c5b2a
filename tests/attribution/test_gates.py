"""Attribution to gates against finite differences, completeness, enumeration, closed forms and exact ablation."""

import gc
import itertools
import re
import threading

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

import effv2viz as ev
from effv2viz.attribution import AttributionCancelledError, GateModel
from effv2viz.attribution.faithfulness import gate_flipping, rank_agreement
from effv2viz.models import SqueezeExcite
from tests.attribution.test_left_behind import mark_graphs, state
from tests.models.references import calibrate

SITES = ["stage4.1", "stage5.2", "stage6.1"]


def forward(model, images, changes, target, effect):
    """F (N,) with gates put in by interventions; for a direct effect all others are held."""
    own = ev.trace(model, images)
    if effect == "direct":
        changes = {**{name: site.gate for name, site in own.items()}, **changes}
    other = ev.Trace({name: type(own[name])(gate, gate) for name, gate in changes.items()}, own.logits)
    with ev.intervene(model, {name: ev.Swap(other) for name in changes}), torch.no_grad():
        return model(images)[range(len(images)), target]


@pytest.fixture
def double(model):
    return model.double()


@pytest.mark.parametrize("effect", ["direct", "total"])
def test_slopes_are_finite_differences(double, pictures, effect):
    images = pictures[:2].double()
    found = ev.attribute_gates(double, images, [3, 9], baseline=0.0, effect=effect)
    for site, channel in itertools.product(SITES, (0, 17, 100)):
        gate = found.gates[site]
        step = torch.zeros_like(gate)
        step[:, channel] = 1e-5
        up, down = (forward(double, images, {site: gate + sign * step}, [3, 9], effect) for sign in (1, -1))
        slope = found[site][:, channel] / gate[:, channel]
        torch.testing.assert_close(slope, (up - down) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("effect", ["direct", "total"])
def test_integrated_gradients_are_complete_and_equal_quadrature_by_hand(double, pictures, effect):
    images, target = pictures[:2].double(), [3, 9]
    found = ev.attribute_gates(double, images, target, "integrated_gradients", effect=effect, steps=32)
    assert set(found.residual) == ({", ".join(found)} if effect == "direct" else set(found))
    assert all(rest.abs().max() <= 1e-6 for rest in found.residual.values())
    moved = list(found) if effect == "direct" else [SITES[0]]
    at_baseline = forward(double, images, {name: found.baseline[name] for name in moved}, target, effect)
    total = sum(found[name].sum(1) for name in moved)
    torch.testing.assert_close(total, found.output - at_baseline, atol=1e-6, rtol=1e-6)
    nodes, weights = np.polynomial.legendre.leggauss(32)
    by_hand = torch.zeros_like(found[SITES[0]])
    network = GateModel(double)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = {
            name: (found.baseline[name] + node * (found.gates[name] - found.baseline[name])).requires_grad_()
            for name in moved
        }
        logits = network(*[point.get(site.name) for site in network.sites], images)
        (slope,) = torch.autograd.grad(logits[range(2), target].sum(), [point[SITES[0]]])
        by_hand += weight * slope * (found.gates[SITES[0]] - found.baseline[SITES[0]])
    torch.testing.assert_close(found[SITES[0]], by_hand, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("effect", ["direct", "total"])
def test_shapley_values_are_averages_over_all_orders(double, pictures, effect):
    images, target = pictures[:1].double(), [9]
    found = ev.attribute_gates(double, images, 9, "shapley", effect=effect, sites=SITES)
    expected = dict.fromkeys(SITES, 0.0)
    own = ev.trace(double, images)
    for order in itertools.permutations(SITES):
        inside = []
        before = None
        for name in [None, *order]:
            inside += [name] if name else []
            changes = {site: found.baseline[site] for site in SITES if site not in inside}
            if effect == "direct":
                changes |= {site: own[site].gate for site in inside}
            now = float(forward(double, images, changes, target, effect))
            if name:
                expected[name] += (now - before) / 6
            before = now
    for name in SITES:
        assert float(found.sums[name]) == pytest.approx(expected[name], abs=1e-9)
    assert all(rest.abs().max() <= 1e-9 for rest in found.residual.values())


def test_sampled_shapley_values_of_channels_come_near_the_exact_ones(double, pictures, monkeypatch):
    options = {"over": "stage6.1", "channels": [1, 5, 40, 288], "samples": 200}
    images = pictures[:1].double()
    exact = ev.attribute_gates(double, images, 9, "shapley", **options)["stage6.1"][0, options["channels"]]
    monkeypatch.setattr("effv2viz.attribution.shapley.EXACT_PLAYERS", 0)
    before = torch.get_rng_state()
    sampled = ev.attribute_gates(double, images, 9, "shapley", **options)["stage6.1"][0, options["channels"]]
    assert torch.equal(torch.get_rng_state(), before)
    assert (sampled - exact).abs().max() <= 0.05 * exact.abs().max()


class LinearAfter(nn.Module):
    """A network that is linear in the gates of its only site."""

    def __init__(self):
        super().__init__()
        self.conv, self.se, self.classifier = nn.Conv2d(3, 8, 3), SqueezeExcite(8, 4), nn.Linear(8, 5)

    def forward(self, x):
        return self.classifier(self.se(self.conv(x)).mean((2, 3)))


def test_all_methods_agree_where_the_network_is_linear_and_equal_the_closed_form():
    torch.manual_seed(0)
    model, images = LinearAfter(), torch.randn(3, 3, 9, 9)
    run = ev.trace(model, images, features=True)["se"]
    closed = model.classifier.weight[2] * run.features.mean((2, 3)) * (run.gate - 0.5)
    for method in ("first_order", "integrated_gradients", "ablation", "shapley"):
        options = {"over": "se"} if method == "shapley" else {}
        found = ev.attribute_gates(model, images, 2, method, baseline=0.5, **options)
        torch.testing.assert_close(found["se"], closed, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("method", ["first_order", "integrated_gradients", "ablation"])
def test_a_dummy_gets_zero_and_twins_get_the_same(method):
    torch.manual_seed(0)
    model = LinearAfter()
    with torch.no_grad():
        model.classifier.weight[:, 3] = 0  # nobody reads channel 3
        for layer in (model.conv, model.se.expand):  # channels 0 and 1 are made alike
            layer.weight[1], layer.bias[1] = layer.weight[0], layer.bias[0]
        model.se.reduce.weight[:, 1] = model.se.reduce.weight[:, 0]
        model.classifier.weight[:, 1] = model.classifier.weight[:, 0]
    found = ev.attribute_gates(model, torch.randn(3, 3, 9, 9), 2, method, baseline=0.5)["se"]
    assert bool((found[:, 3] == 0).all())
    torch.testing.assert_close(found[:, 0], found[:, 1])
    assert found[:, 0].abs().min() > 0


def test_the_networks_own_gates_give_the_networks_own_logits(model, pictures):
    network = GateModel(model)
    own = ev.trace(model, pictures)
    with torch.no_grad():
        gates = [own[site.name].gate for site in network.sites]
        assert torch.equal(network(*gates, pictures), model(pictures))
        assert torch.equal(network(*[None] * len(gates), pictures), model(pictures))
    with pytest.raises(ValueError, match="takes 8 gates and the images: 1 arguments"):
        network(pictures)


@pytest.mark.parametrize("effect", ["direct", "total"])
def test_the_strongest_stand_beside_their_exact_ablation(model, pictures, effect):
    found = ev.attribute_gates(model, pictures[:2], exact_top=6, effect=effect)
    for image in range(2):
        rows = found.top(6, image)
        sizes = [abs(row["attribution"]) for row in rows]
        assert sizes == sorted(sizes, reverse=True)
        for row in rows:
            alone = ev.ablate_gates(model, pictures[:2], site=row["site"], channels=[row["channel"]], effect=effect)
            assert row["exact"] == pytest.approx(float(alone[image, row["channel"]]), abs=1e-4)
    assert sum(int((~values.isnan()).sum()) for values in found.exact.values()) == 12


def test_other_peoples_networks_and_half_precision():
    torch.manual_seed(0)
    model = calibrate(torchvision.models.efficientnet_b0(), 64)
    images = torch.randn(2, 3, 64, 64)
    found = ev.attribute_gates(model, images, baseline=0.5, effect="direct", sites=["features.7.0.block.2"])
    exact = ev.ablate_gates(model, images, site="features.7.0.block.2", baseline=0.5, effect="direct")
    assert min(rank_agreement(found, {"features.7.0.block.2": exact})["features.7.0.block.2"]) > 0.9
    nano = ev.create_model("efficientnetv2_nano", weights="fashion")
    sample = ev.load_images(list(ev.fashion_sample().images[:4]), nano)
    single = ev.attribute_gates(nano, sample, 3)["stage6.1"]
    half = ev.attribute_gates(nano.bfloat16(), sample, 3)["stage6.1"].float()
    assert torch.corrcoef(torch.stack([single.flatten(), half.flatten()]))[0, 1] > 0.99


def test_flipping_by_the_exact_order_beats_a_random_one(model, pictures):
    images = pictures[:4]
    exact = ev.attribute_gates(model, images, method="ablation", sites=["stage6.1"])
    random = ev.attribute_gates(model, images, method="random", sites=["stage6.1"])
    first = ev.attribute_gates(model, images, sites=["stage6.1"])
    oracle, floor, found = (
        gate_flipping(model, images, exact, site="stage6.1", scores=one["stage6.1"]) for one in (exact, random, first)
    )
    assert bool((oracle.area < floor.area).all())
    torch.testing.assert_close(found.area, oracle.area, atol=0.15, rtol=0.1)
    at_baseline = forward(model, images, {"stage6.1": exact.baseline["stage6.1"]}, exact.target, "total")
    for curve in (oracle, floor):
        assert bool((curve.logit[:, 0] == 0).all())
        torch.testing.assert_close(curve.logit[:, -1], at_baseline - exact.output, atol=1e-4, rtol=1e-4)


WAYS = {
    "first_order": {},
    "integrated_gradients": {"steps": 4},
    "shapley": {"sites": SITES},
    "ablation": {"channels": [0, 1]},
    "random": {},
}


@pytest.mark.parametrize("error", [None, OSError, KeyboardInterrupt, AttributionCancelledError])
@pytest.mark.parametrize("effect", ["direct", "total"])
@pytest.mark.parametrize("method", WAYS)
def test_nothing_is_left_behind(model, pictures, method, effect, error):
    images = pictures[:2].clone()
    model.train()
    model.stage4.eval()
    for parameter in model.stage2.parameters():
        parameter.requires_grad_(False)
    calls = []
    cancel = threading.Event()

    def count(*_):
        calls.append(1)
        if error is AttributionCancelledError:
            cancel.set()
        elif error is not None and len(calls) == 2:
            raise error("stop")

    model.classifier.register_forward_hook(count)
    before = state(model, images)
    if error is None:
        ev.attribute_gates(model, images, 9, method, effect=effect, exact_top=2, **WAYS[method])
    else:
        with pytest.raises(error):
            ev.attribute_gates(model, images, 9, method, effect=effect, cancel=cancel, **WAYS[method])
        assert len(calls) == (1 if error is AttributionCancelledError else 2)
    assert state(model, images) == before


@pytest.mark.parametrize("method", WAYS)
def test_no_graph_stays_in_memory(model, pictures, method):
    marks = mark_graphs(model.stage5)
    ev.attribute_gates(model, pictures[:2], 9, method, exact_top=2, **WAYS[method])
    gc.collect()
    assert marks
    assert not [mark for mark in marks if mark() is not None]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", [name for name in WAYS if name != "random"])
def test_sixteen_images_give_what_each_gives_alone(model, pictures, method, dtype):
    images = pictures.repeat(4, 1, 1, 1)[:16].to(dtype)
    images[4:] += 0.1 * torch.randn(images[4:].shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    model = model.to(dtype)
    options = {"sites": SITES[1:], **WAYS[method]}
    together = ev.attribute_gates(model, images, 9, method, **options)
    near = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 0.3}[dtype]
    for image in (0, 15):
        alone = ev.attribute_gates(model, images[image : image + 1], 9, method, **options)
        for name, values in alone.sums.items():
            torch.testing.assert_close(together.sums[name][image : image + 1], values, atol=near, rtol=near)


@pytest.mark.parametrize("method", WAYS)
def test_frozen_networks_and_callers_without_gradients(model, pictures, method):
    images = pictures[:2]
    expected = ev.attribute_gates(model, images, method=method, **WAYS[method])
    model.train()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for around in (torch.no_grad(), torch.inference_mode()):
        with around:
            found = ev.attribute_gates(model, images.clone(), method=method, **WAYS[method])
        for name in expected.sums:
            torch.testing.assert_close(found.sums[name], expected.sums[name], atol=1e-4, rtol=1e-4)


def test_batches_and_cancelling(model, pictures):
    whole = ev.attribute_gates(model, pictures)
    small = ev.attribute_gates(model, pictures, memory=16 * 2**20)
    torch.testing.assert_close(small["stage4.0"], whole["stage4.0"], atol=1e-5, rtol=1e-4)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(AttributionCancelledError):
        ev.attribute_gates(model, pictures, method="integrated_gradients", cancel=cancel)
    with pytest.raises(MemoryError, match="way through the network"):
        ev.attribute_gates(model, pictures, memory=1000)


def test_bad_input_is_said_in_a_sentence(model, pictures):
    x = pictures[:2]
    for arguments, sentence in [
        ({"method": "first order"}, "did you mean 'first_order'"),
        ({"method": "deep_lift"}, "deep_lift is refused on these networks: its rules cover ReLU"),
        ({"steps": 4}, "unknown option of first_order: 'steps'"),
        ({"effect": "indirect"}, "unknown effect 'indirect'; did you mean 'direct'"),
        ({"sites": ["stage9"]}, "unknown site 'stage9'"),
        ({"target": 10}, "out of range: the network has classes 0 to 9"),
        ({"target": [1, 2, 3]}, "one for each of the 2 images"),
        ({"baseline": {"stage4.0": torch.ones(3)}}, "site in the baseline"),
        ({"baseline": float("nan")}, "holds NaN"),
        ({"baseline": ev.trace(model, pictures[:3])}, "gates of 3 images, and there are 2"),
        ({"method": "shapley", "over": "stage4.0", "channels": [500]}, "no channel 500"),
        ({"method": "shapley", "channels": [1]}, 'channels go with over="<a site>"'),
    ]:
        with pytest.raises(ValueError, match=re.escape(sentence)):
            ev.attribute_gates(model, x, **arguments)
    with pytest.raises(ValueError, match="NaN"):
        ev.attribute_gates(model, x * float("nan"))
    with pytest.raises(ValueError, match="no gate statistics ship"):
        ev.attribute_gates(ev.create_model("efficientnetv2_nano"), x)
