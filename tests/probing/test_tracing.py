"""Traces against recomputation by hand, and what a trace leaves behind: nothing."""

import threading

import pytest
import torch

import effv2viz as ev
from effv2viz.probing import Trace, trace_bytes
from tests.probing.networks import NETWORKS, WidelyCopied, around, build, by_hand


@pytest.mark.parametrize("name", NETWORKS)
def test_a_trace_is_what_the_weights_say(name):
    model = build(name)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = model(images)
    t = ev.trace(model, images, features=True)
    assert torch.equal(t.logits, expected)
    sites = ev.find_se(model)
    assert len(t) == len(sites) > 0
    for site in sites:
        record = t[site.name]
        z, h, s = by_hand(model.get_submodule(site.path), record.features)
        assert record.gate.shape == (2, site.channels)
        rounding = 1e-5 * float(record.features.abs().max())  # of a float32 mean
        torch.testing.assert_close(record.squeeze.double(), z, atol=rounding, rtol=1e-4)
        torch.testing.assert_close(record.gate.double(), s, atol=1e-5, rtol=1e-4)
        if h is not None:
            torch.testing.assert_close(record.hidden.double(), h, atol=1e-4, rtol=1e-4)
            assert record.hidden.shape == (2, site.squeeze_channels)
        else:
            assert record.hidden is None
        torch.testing.assert_close(record.scaled, record.features * record.gate[:, :, None, None])
        if site.kind in ("se", "senet") and "mobilenet" not in name:
            torch.testing.assert_close(record.logit.sigmoid(), record.gate)


def state(model):
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    modes = [m.training for m in model.modules()]
    weights = [value.clone() for value in model.state_dict().values()]
    return hooks, modes, weights, torch.get_rng_state()


def same(before, after):
    return before[:2] == after[:2] and all(map(torch.equal, before[2], after[2])) and torch.equal(before[3], after[3])


@pytest.mark.parametrize("name", ["ours", "torchvision efficientnet_b0"])
def test_a_trace_leaves_nothing_behind(name):
    model = build(name).train()
    next(model.children()).eval()
    images = torch.randn(2, 3, 64, 64)
    before = state(model)
    ev.trace(model, images, features=True)
    trace_bytes(model, images.shape, features=True)
    assert same(before, state(model))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_not_even_when_the_forward_breaks_off_at_any_module(model, error):
    images = torch.zeros(2, 3, 32, 32)

    def fail(*_):
        raise error("stop")

    called = []
    handles = [m.register_forward_hook(lambda module, *_: called.append(module)) for m in model.modules()]
    model(images)
    for handle in handles:
        handle.remove()
    assert len(called) > 100
    model.train()
    before = state(model)
    for module in called:
        handle = module.register_forward_hook(fail)
        with pytest.raises(error):
            ev.trace(model, images)
        handle.remove()
    assert same(before, state(model))
    model.eval()


def test_threads_take_turns(model, images):
    """As with JupyterLab's subshells, where a widget's callback runs beside a cell."""
    expected = [ev.trace(model, images[i : i + 8]) for i in range(0, 32, 8)]
    found, errors = {}, []

    def work(i):
        try:
            for _ in range(3):
                with ev.intervene(model, ev.Constant(i / 10)):
                    changed = ev.trace(model, images[:2])
                    assert all(bool((site.gate == torch.tensor(i / 10)).all()) for site in changed.values())
                found[i] = ev.trace(model, images[8 * i : 8 * i + 8])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for i in range(4):
        for site in expected[i]:
            assert torch.equal(found[i][site].gate, expected[i][site].gate)


def test_slices_tables_batches_and_files(model, images, tmp_path):
    t = ev.trace(model, images, features=True)
    for part, rows in ((t[3], [3]), (t[-1], [-1]), (t[10:12], slice(10, 12)), (t[images.sum((1, 2, 3)) > 0], None)):
        rows = images.sum((1, 2, 3)) > 0 if rows is None else rows
        assert torch.equal(part["stage5.1"].gate, t["stage5.1"].gate[rows])
        assert torch.equal(part.logits, t.logits[rows])
    with pytest.raises(IndexError, match="no image 200: the trace has 200"):
        t[200]
    with pytest.raises(KeyError, match=r"did you mean 'stage5\.1'"):
        t["stage51"]
    row = t.table("stage6.0", image=7)[9]
    assert row == {
        "channel": 9,
        "squeeze": t["stage6.0"].squeeze[7, 9].item(),
        "logit": t["stage6.0"].logit[7, 9].item(),
        "gate": t["stage6.0"].gate[7, 9].item(),
    }
    batched = ev.trace(model, images, batch_size=33)
    torch.testing.assert_close(batched["stage4.0"].hidden, t["stage4.0"].hidden)
    torch.testing.assert_close(batched.logits, t.logits)
    t.save(tmp_path / "t.safetensors")
    again = Trace.load(tmp_path / "t.safetensors")
    assert list(again) == list(t)
    assert torch.equal(again["stage6.1"].scaled, t["stage6.1"].scaled)
    assert torch.equal(again.logits, t.logits)
    assert [path.name for path in tmp_path.iterdir()] == ["t.safetensors"]
    (tmp_path / "t.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=r"t\.safetensors is broken"):
        Trace.load(tmp_path / "t.safetensors")


def test_memory_is_stated_and_bounded(model, images, monkeypatch):
    t = ev.trace(model, images, features=True)
    kept = sum(
        getattr(site, part).numel() * 4
        for site in t.values()
        for part in ("squeeze", "hidden", "logit", "gate", "features", "scaled")
    )
    assert trace_bytes(model, images.shape, features=True) == kept
    with pytest.raises(
        MemoryError, match=r"a trace of 200 images .* takes .* MiB, more than 1\.0 MiB .*leave out features"
    ):
        ev.trace(model, images, features=True, memory=2**20)
    monkeypatch.setattr("effv2viz.probing.memory.free_bytes", lambda device: 2**20)
    with pytest.raises(MemoryError, match=r"more than 512\.0 KiB \(1\.0 MiB are free on cpu and half"):
        ev.trace(model, images)


def test_a_compiled_network_is_traced_in_its_original(model, images):
    compiled = torch.compile(model, backend="eager")
    compiled(images[:2])
    assert torch.equal(ev.trace(compiled, images[:2])["stage4.0"].gate, ev.trace(model, images[:2])["stage4.0"].gate)


def test_bad_input_is_said_in_a_sentence(model):
    nan = torch.zeros(2, 3, 32, 32)
    nan[1, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinite numbers, in number 1"):
        ev.trace(model, nan)
    with pytest.raises(ValueError, match=r"unknown site 'stage4\.7'; did you mean 'stage4"):
        ev.trace(model, nan, sites=["stage4.7"])
    with pytest.raises(ValueError, match="batch_size=0"):
        ev.trace(model, torch.zeros(2, 3, 32, 32), batch_size=0)
    with pytest.raises(TypeError, match="load_images"):
        ev.trace(model, [1, 2])
    with pytest.raises(ValueError, match=r"shape \(3, 32, 32\)"):
        ev.trace(model, nan[0])


def test_a_module_that_is_run_twice_or_never_is_said():
    shared = WidelyCopied(16)

    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.se = shared

        def forward(self, x):
            return self.se(self.se(x))

    class Never(Twice):
        def forward(self, x):
            return x

    with pytest.raises(ValueError, match="ran more than once"):
        ev.trace(around(Twice()), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="did not run in this forward"):
        ev.trace(around(Never()), torch.zeros(1, 3, 8, 8))
