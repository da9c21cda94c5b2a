"""Statistics against numpy in float64, merged in any order, over processes, and after an interruption."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

import effv2viz as ev
from effv2viz.models.downloads import sha256
from effv2viz.probing import GateStatistics


@pytest.fixture(scope="module")
def loader(images, sample):
    return list(zip(images.split(33), torch.tensor(sample.labels).split(33), strict=True))


@pytest.fixture(scope="module")
def gates(model, images):
    return {name: site.gate.double().numpy() for name, site in ev.trace(model, images).items()}


def test_statistics_are_numpys_and_survive_the_disk(model, sample, loader, gates, tmp_path):
    ev.collect_gates(model, loader).save(tmp_path / "g.safetensors")
    stats = GateStatistics.load(tmp_path / "g.safetensors")
    assert stats.count == 200
    for name, values in gates.items():
        site = stats[name]
        np.testing.assert_allclose(site.mean, values.mean(0), atol=1e-6)
        np.testing.assert_allclose(site.var, values.var(0), atol=1e-6)
        np.testing.assert_allclose(site.min, values.min(0), atol=1e-6)
        np.testing.assert_allclose(site.max, values.max(0), atol=1e-6)
        np.testing.assert_allclose(site.saturation, ((values < 0.05) | (values >= 0.95)).mean(0), atol=0.011)
        for channel in (0, 9):
            expected, _ = np.histogram(values[:, channel], bins=20, range=(0, 1))
            assert np.abs(site.histogram[channel].numpy() - expected).sum() <= 2  # a gate on a bin's edge
        means = np.stack([values[sample.labels == k].mean(0) for k in range(10)])
        between = ((means - values.mean(0)) ** 2).mean(0)  # 20 pictures of each class
        np.testing.assert_allclose(site.separability, between / values.var(0), atol=1e-5)
        assert site.site_separability == pytest.approx(between.sum() / values.var(0).sum(), abs=1e-5)
        for k in range(10):
            own = values[sample.labels == k]
            np.testing.assert_allclose(site.by_class.mean[k], own.mean(0), atol=1e-6)
            np.testing.assert_allclose(site.by_class.var[k], own.var(0), atol=1e-6)
            np.testing.assert_allclose(site.by_class.max[k], own.max(0), atol=1e-6)


def same(a, b, tolerance=1e-12):
    assert list(a) == list(b)
    for name in a:
        for part in ("count", "mean", "squares", "min", "max", "histogram"):
            x, y = getattr(a[name].by_class, part), getattr(b[name].by_class, part)
            torch.testing.assert_close(x, y, atol=tolerance, rtol=tolerance, equal_nan=True)


def test_merging_is_associative_and_equals_one_pass(model, loader):
    a, b, c = (ev.collect_gates(model, loader[part]) for part in (slice(0, 1), slice(1, 4), slice(4, 7)))
    whole = ev.collect_gates(model, loader)
    same(a.merge(b).merge(c), a.merge(b.merge(c)))
    same(a.merge(b).merge(c), whole)
    same(c.merge(a).merge(b), whole)
    overall = ev.collect_gates(model, loader, by_class=False)
    np.testing.assert_allclose(overall["stage6.1"].var, whole["stage6.1"].var, atol=1e-12)
    with pytest.raises(ValueError, match=r"shapes \(1, 128\) and \(10, 128\)"):
        overall.merge(whole)


def test_the_shipped_statistics_belong_to_the_shipped_weights(model):
    stats = ev.shipped_gates(model)
    assert stats.count == 60_000
    assert stats.provenance["weights_sha256"] == sha256(model.weights.path())


def test_bad_input_is_said_in_a_sentence(model, images, loader):
    broken = ev.create_model("efficientnetv2_nano")
    with torch.no_grad():
        broken.stage5[0].se.expand.bias.fill_(float("nan"))
    for act, sentence in [
        (lambda: ev.collect_gates(model, []), "no images"),
        (lambda: ev.collect_gates(model, [(images[:2], torch.tensor([0, 10]))]), "labels go from 0 to 10: use 0 to 9"),
        (lambda: ev.collect_gates(model, [images[:2], loader[0]]), "some batches have labels"),
        (lambda: ev.collect_gates(broken, [images[:2]]), r"the gates of stage5\.0 are NaN .* \[0, 1\]"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            act()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, sample):
    root = tmp_path_factory.mktemp("pictures")
    for number, (picture, label) in enumerate(zip(sample.images[:60], sample.labels[:60], strict=True)):
        path = root / f"class{label}"
        path.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path / f"{number:03}.png")
    return root


def command(folder, out, *more):
    options = ["-m", "efficientnetv2_nano", "-o", str(out), "--device", "cpu", "--shard-size", "8", "--batch-size", "4"]
    return ["-m", "effv2viz", "gates", str(folder), *options, *more]


def run(arguments, **kwargs):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=240, **kwargs)


def test_a_folder_two_processes_and_an_unreadable_picture(model, folder, tmp_path):
    done = run(command(folder, tmp_path / "one.safetensors"))
    assert done.returncode == 0, done.stderr
    one = GateStatistics.load(tmp_path / "one.safetensors")
    assert one.count == 60
    names = sorted(path for path in folder.glob("*/*.png"))
    labels = torch.tensor([sorted({p.parent.name for p in names}).index(p.parent.name) for p in names])
    direct = ev.collect_gates(model, [(ev.load_images(names, model), labels)], num_classes=10)
    same(one, direct, 1e-5)

    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = run([*torchrun, *command(folder, tmp_path / "two.safetensors")], env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    same(GateStatistics.load(tmp_path / "two.safetensors"), one, 1e-6)

    bad = folder / "class3" / "500.png"
    bad.write_bytes(b"no picture")
    try:
        done = run(command(folder, tmp_path / "bad.safetensors"))
    finally:
        bad.unlink()
    assert done.returncode == 0
    assert "left out" in done.stderr
    assert "500.png" in done.stderr
    assert "1 pictures could not be read and are not in it: class3/500.png" in done.stdout
    counted = GateStatistics.load(tmp_path / "bad.safetensors")
    assert json.loads(counted.provenance["unreadable"]) == ["class3/500.png"]
    same(counted, one, 1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n}.safetensors" for n in ("bad", "one", "two")]


@pytest.mark.skipif(os.name != "posix", reason="this system cannot be sent SIGKILL")
def test_killed_in_the_middle_it_goes_on_and_ends_the_same(folder, tmp_path):
    out = tmp_path / "gates.safetensors"
    process = subprocess.Popen(
        [sys.executable, *command(folder, out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    unfinished = tmp_path / "gates.safetensors.1of1.unfinished"
    deadline = time.monotonic() + 120
    while not unfinished.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    progress = json.loads(GateStatistics.load(unfinished).provenance["progress"])
    assert 1 <= len(progress["shards"]) < 8
    assert run(command(folder, out)).returncode == 0
    assert run(command(folder, tmp_path / "whole.safetensors")).returncode == 0
    same(GateStatistics.load(out), GateStatistics.load(tmp_path / "whole.safetensors"), 0)
    assert not unfinished.exists()


def test_folders_that_cannot_be_used(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "half" / "a").mkdir(parents=True)
    cases = [
        (command(tmp_path / "nowhere", tmp_path / "o"), "there is no folder"),
        (command(tmp_path / "empty", tmp_path / "o"), "has no pictures"),
        (command(tmp_path / "half", tmp_path / "o"), "class folder"),
        (command(folder, tmp_path / "no" / "o"), "to write o into"),
        ([*command(folder, tmp_path / "o"), "-m", "torchvision.models:resnet18"], "no SE module that is known"),
        ([*command(folder, tmp_path / "o"), "-m", "torchvision.models:nothing"], "names no function"),
    ]
    from typer.testing import CliRunner

    from effv2viz.cli import app

    for arguments, sentence in cases:
        done = CliRunner().invoke(app, arguments[2:])
        assert done.exit_code == 1
        assert sentence in done.output
