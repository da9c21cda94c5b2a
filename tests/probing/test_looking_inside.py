"""Traces and statistics of the bundled network against recomputation, and what they leave behind."""

import numpy as np
import pytest
import torch

import effv2viz as ev
from effv2viz.probing import GateStatistics


@pytest.fixture(scope="module")
def model():
    return ev.create_model("efficientnetv2_nano", weights="fashion")


@pytest.fixture(scope="module")
def sample():
    return ev.fashion_sample().balanced(20)


def test_the_bundled_network_is_as_good_as_it_says(model):
    sample = ev.fashion_sample()
    images = ev.load_images(list(sample.images), model)
    with torch.no_grad():
        answers = torch.cat([model(part).argmax(1) for part in images.split(500)])
    right = (answers == torch.tensor(sample.labels)).double().mean().item()
    assert right == pytest.approx(model.weights.accuracy / 100, abs=3 * (0.06 / 2000) ** 0.5)


@pytest.mark.parametrize("attention", ["se", "senet"])
def test_a_trace_is_what_the_module_computes_from_its_own_input(attention):
    torch.manual_seed(0)
    model = ev.create_model("efficientnetv2_nano", attention=attention)
    images = torch.randn(3, 3, 32, 32)
    t = ev.trace(model, images, features=True)
    with torch.no_grad():
        assert torch.equal(t.logits, model(images))
    for site in ev.find_se(model):
        record, se = t[site.name], model.get_submodule(site.path)
        z = record.features.mean((2, 3))
        if attention == "se":
            h = torch.nn.functional.silu(z @ se.reduce.weight.flatten(1).T + se.reduce.bias)
            s = torch.sigmoid(h @ se.expand.weight.flatten(1).T + se.expand.bias)
        else:
            h = (z @ se.excitation[0].weight.T).relu()
            s = torch.sigmoid(h @ se.excitation[2].weight.T)
        torch.testing.assert_close(record.squeeze, z)
        torch.testing.assert_close(record.hidden, h)
        torch.testing.assert_close(record.gate, s)
        torch.testing.assert_close(record.scaled, record.features * s[:, :, None, None])


def test_a_trace_leaves_nothing_behind_even_when_the_forward_fails(model):
    model.train()
    model.stage4.eval()
    modes = [m.training for m in model.modules()]

    def fail(*_):
        raise KeyboardInterrupt

    handle = model.head.register_forward_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        ev.trace(model, torch.zeros(1, 3, 32, 32))
    handle.remove()
    assert [m.training for m in model.modules()] == modes
    assert not any(m._forward_hooks for m in model.modules())
    model.eval()


def test_bad_input_is_said_in_a_sentence(model):
    nan = torch.zeros(2, 3, 32, 32)
    nan[1, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinite numbers, in number 1"):
        ev.trace(model, nan)
    with pytest.raises(ValueError, match=r"unknown site 'stage4\.7'; did you mean 'stage4"):
        ev.trace(model, nan, sites=["stage4.7"])
    with pytest.raises(ValueError, match="no SE module"):
        ev.trace(torch.nn.Conv2d(3, 3, 1), torch.zeros(1, 3, 8, 8))


def test_statistics_are_numpys_and_survive_the_disk(model, sample, tmp_path):
    images, labels = ev.load_images(list(sample.images), model), torch.tensor(sample.labels)
    loader = list(zip(images.split(33), labels.split(33), strict=True))
    ev.collect_gates(model, loader, progress=False).save(tmp_path / "g.safetensors")
    stats = GateStatistics.load(tmp_path / "g.safetensors")
    assert stats.count == 200
    t = ev.trace(model, images)
    for name, site in t.items():
        gates = site.gate.double().numpy()
        np.testing.assert_allclose(stats[name].mean, gates.mean(0), atol=1e-6)
        np.testing.assert_allclose(stats[name].var, gates.var(0), atol=1e-6)
        for k in range(10):
            own = gates[sample.labels == k]
            np.testing.assert_allclose(stats[name].by_class.mean[k], own.mean(0), atol=1e-6)
            np.testing.assert_allclose(stats[name].by_class.var[k], own.var(0), atol=1e-6)


def test_the_shipped_statistics_belong_to_the_shipped_weights(model):
    from effv2viz.models.downloads import sha256

    stats = ev.shipped_gates(model)
    assert stats.count == 60_000
    assert stats.provenance["weights_sha256"] == sha256(model.weights.path())
