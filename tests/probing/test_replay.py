"""Replay, exact ablation and folding against whole forwards, for our, torchvision's and timm's networks."""

import copy
import threading

import pytest
import timm
import torch
import torchvision
from captum.attr import LayerFeatureAblation

import effv2viz as ev
from tests.models.references import calibrate
from tests.probing.networks import build

FAMILIES = {
    "ours nano": (lambda: ev.create_model("efficientnetv2_nano"), 32),
    "ours b0": (lambda: ev.create_model("efficientnetv2_b0", padding="same"), 64),
    "ours s": (lambda: ev.create_model("efficientnetv2_s"), 64),
    "torchvision b0": (torchvision.models.efficientnet_b0, 64),
    "torchvision s": (torchvision.models.efficientnet_v2_s, 64),
    "timm b0": (lambda: timm.create_model("tf_efficientnetv2_b0"), 64),
    "timm s": (lambda: timm.create_model("tf_efficientnetv2_s"), 64),
}


@pytest.fixture(scope="module", params=FAMILIES)
def network(request):
    torch.manual_seed(0)
    builder, size = FAMILIES[request.param]
    return builder().eval(), torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module", params=["float32, as initialised", "float64, calibrated"])
def case(request, network):
    """The network and what share of the logits' scale counts as equal.

    Random scales and shifts in every norm make a harder test, but such a network multiplies float32's rounding by
    thousands (two whole forwards differ, too, when one rounds elsewhere), so it runs in float64.
    """
    model, images = network
    if request.param.startswith("float32"):
        return copy.deepcopy(model), images, 1e-5
    return calibrate(copy.deepcopy(model), images.shape[-1]).double(), images.double(), 1e-9


def swapped(model, images, gates):
    """A whole forward with gates put in."""
    own = ev.trace(model, images)
    other = ev.Trace({name: type(own[name])(gate, gate) for name, gate in gates.items()}, own.logits)
    with ev.intervene(model, {name: ev.Swap(other) for name in gates}), torch.no_grad():
        return model(images)


def test_every_site_replays_as_a_whole_forward_runs(case):
    model, images, close = case
    replay = ev.Replay(model, images)
    assert replay.partial
    with torch.no_grad():
        scale = float(model(images).abs().max())
        assert (replay.logits - model(images)).abs().max() <= close * scale
    generator = torch.Generator().manual_seed(4)
    every = 1 if close > 1e-6 else 4  # float64 is slow
    for name, gate in list(replay.gates.items())[::every]:
        new = torch.rand(gate.shape, generator=generator, dtype=gate.dtype)
        expected = swapped(model, images, {name: new})
        assert (replay.run({name: new}) - expected).abs().max() <= close * scale
        held = {**replay.gates, name: new}
        expected = swapped(model, images, held)
        assert (replay.run({name: new}, effect="direct") - expected).abs().max() <= close * scale


def test_several_sites_at_once(case):
    model, images, close = case
    replay = ev.Replay(model, images)
    names = list(replay.sites)
    chosen = {
        names[-1]: torch.zeros_like(replay.gates[names[-1]]),
        names[len(names) // 2]: replay.gates[names[len(names) // 2]] * 0.5,
    }
    expected = swapped(model, images, chosen)
    assert (replay.run(chosen) - expected).abs().max() <= close * expected.abs().max()


def test_folding_gives_a_network_without_se_and_the_same_answers(case):
    model, images, close = case
    means = ev.collect_gates(model, [images, images.flip(3)])
    folded = ev.fold_constant_gates(model, means)
    assert ev.find_se(folded) == []
    with ev.intervene(model, ev.Mean(means)), torch.no_grad():
        expected = model(images)
    with torch.no_grad():
        assert (folded(images) - expected).abs().max() <= close * expected.abs().max()
    assert len(ev.find_se(model)) == len(means)


@pytest.mark.parametrize("effect", ["direct", "total"])
@pytest.mark.parametrize("name", ["ours", "torchvision mobilenet_v3_small"])
def test_ablation_is_one_whole_forward_for_each_gate(name, effect):
    model = build(name)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    own = ev.trace(model, images)
    site = list(own)[len(own) // 2]
    channels = [0, 3, 8, 15]
    target = [1, 2]
    found = ev.ablate_gates(model, images, target, site=site, baseline=0.2, effect=effect, channels=channels)
    assert found.shape == own[site].gate.shape
    for channel in channels:
        gates = {key: record.gate.clone() for key, record in own.items()} if effect == "direct" else {}
        gates[site] = own[site].gate.clone()
        gates[site][:, channel] = 0.2
        if effect == "total":  # later gates respond
            with ev.intervene(model, {site: ev.Constant(0.2, channels=[channel])}), torch.no_grad():
                without = model(images)
        else:
            without = swapped(model, images, gates)
        expected = (own.logits - without)[[0, 1], target]
        torch.testing.assert_close(found[:, channel], expected, atol=1e-5 * float(own.logits.abs().max()), rtol=1e-4)
    others = [c for c in range(found.shape[1]) if c not in channels]
    assert bool(found[:, others].isnan().all())


def test_ablation_is_captums_on_the_sigmoid(model, images):
    x = images[:2]
    target = model(x).argmax(1)
    for site in ("stage4.0", "stage6.1"):
        gate = model.get_submodule(f"{site}.se.gate")
        with torch.no_grad():
            theirs = LayerFeatureAblation(model, gate).attribute(x, target=target, layer_baselines=1.0)
        ours = ev.ablate_gates(model, x, target, site=site, baseline=1.0)
        torch.testing.assert_close(ours, theirs.flatten(1), atol=2e-5, rtol=1e-4)


def test_the_default_baseline_is_the_mean_that_ships_and_the_sign_is_that_of_help(model, images):
    x = images[:2]
    means = ev.shipped_gates(model)
    default = ev.ablate_gates(model, x, site="stage6.1")
    assert torch.equal(default, ev.ablate_gates(model, x, model(x).argmax(1), site="stage6.1", baseline=means))
    best = int(default[0].argmax())
    answer = int(model(x)[0].argmax())
    with ev.intervene(model, {"stage6.1": ev.Mean(channels=[best])}), torch.no_grad():
        without = model(x)[0, answer]
    assert default[0, best] == pytest.approx(float(model(x)[0, answer] - without), abs=1e-4)
    assert default[0, best] > 0


def test_a_cancelled_or_interrupted_ablation_keeps_what_is_done_and_goes_on(model, images, monkeypatch):
    x = images[:2]
    whole = ev.ablate_gates(model, x, site="stage6.1")
    monkeypatch.setattr("effv2viz.probing.ablation.CHUNK_BYTES", 40 * ev.Replay(model, x).variant_bytes("stage6.1"))
    cancel = threading.Event()
    replay, calls = ev.Replay(model, x), []
    run_variants = replay.run_variants

    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            cancel.set()
        if len(calls) == 6:
            raise KeyboardInterrupt
        return run_variants(*args, **kwargs)

    monkeypatch.setattr(replay, "run_variants", counted)
    part = ev.ablate_gates(replay, site="stage6.1", cancel=cancel)
    assert int((~part.isnan()).sum()) == 120
    with pytest.raises(KeyboardInterrupt, match="after 200 of 864 ablations") as caught:
        ev.ablate_gates(replay, site="stage6.1", resume=part)
    result = ev.ablate_gates(replay, site="stage6.1", resume=caught.value.result)
    torch.testing.assert_close(result, whole, atol=1e-5, rtol=1e-4)
    assert len(calls) == 6 + 17  # nothing was done twice


def test_other_networks_run_whole_with_the_same_results():
    model = build("timm ecaresnet26t")
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    replay = ev.Replay(model, images)
    assert not replay.partial
    site = list(replay.sites)[2]
    new = replay.gates[site].flip(1)
    torch.testing.assert_close(replay.run({site: new}), swapped(model, images, {site: new}))


def test_bad_input_is_said_in_a_sentence(model, images):
    x = images[:2]
    replay = ev.Replay(model, x)
    for act, sentence in [
        (lambda: replay.run({"stage9": torch.ones(1)}), "unknown site 'stage9'"),
        (lambda: replay.run({"stage4.0": torch.ones(5)}), r"shape \(5,\): use \(128,\) or \(2, 128\)"),
        (lambda: replay.run({"stage4.0": torch.full((128,), float("nan"))}), "NaN"),
        (lambda: replay.run({"stage4.0": torch.ones(128)}, effect="both"), "unknown effect 'both'"),
        (lambda: ev.ablate_gates(model, site="stage4.0"), "needs images"),
        (lambda: ev.ablate_gates(model, x, 10, site="stage4.0"), "out of range: the network has classes 0 to 9"),
        (lambda: ev.ablate_gates(model, x, [1, 2, 3], site="stage4.0"), "one for each of the 2 images"),
        (lambda: ev.ablate_gates(model, x, 0.5, site="stage4.0"), "use the number of a class"),
        (lambda: ev.ablate_gates(model, x, site="stage40"), "did you mean 'stage4.0'"),
        (lambda: ev.ablate_gates(model, x, site="stage4.0", channels=[128]), "no channel 128"),
        (lambda: ev.ablate_gates(model, x, site="stage4.0", baseline={"stage5.0": 1}), "site in the baseline"),
        (lambda: ev.ablate_gates(model, x, site="stage4.0", baseline={"stage4.0": torch.ones(3)}), r"shape \(3,\)"),
        (lambda: ev.fold_constant_gates(build("timm ecaresnet26t"), 1.0), "does not know what follows"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            act()
    with pytest.raises(MemoryError, match=r"a replay of 200 images up to stage4\.\d takes"):
        ev.Replay(model, images, memory=2**22)
