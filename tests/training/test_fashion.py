"""The recipe behind the bundled weights, on a few pictures: it resumes exactly, its files say what it did."""

import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from effv2viz.datasets.images import load_images
from effv2viz.models import create_model
from effv2viz.probing import GateStatistics, collect_gates
from effv2viz.training.fashion import FashionRecipe, prepare, train_fashion

RECIPE = replace(FashionRecipe(), epochs=3, batch_size=16)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("idx")
    generator = np.random.default_rng(0)
    for name, n in (("train", 64), ("t10k", 20)):
        images = generator.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            header = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            (folder / f"{name}-{kind}-ubyte").write_bytes(header + values.tobytes())
    return folder


def quiet(_: str) -> None:
    pass


def test_a_stopped_run_goes_on_as_if_it_had_not_been(root, tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    train_fashion(tmp_path / "whole", root=root, recipe=RECIPE, device="cpu", report=quiet)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_fashion(tmp_path / "stopped", root=root, recipe=RECIPE, device="cpu", report=stop)
    train_fashion(tmp_path / "stopped", root=root, recipe=RECIPE, device="cpu", report=quiet)
    name = "efficientnetv2_nano.fashion.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()
    with pytest.raises(ValueError, match=r"another recipe \(it differs in seed\)"):
        train_fashion(tmp_path / "whole", root=root, recipe=replace(RECIPE, seed=1), device="cpu", report=quiet)


def test_the_result_loads_and_its_statistics_are_those_of_its_gates(root, tmp_path):
    recipe = replace(RECIPE, epochs=1)
    model = train_fashion(tmp_path, root=root, recipe=recipe, device="cpu", report=quiet)
    again = create_model("efficientnetv2_nano", weights=tmp_path / "efficientnetv2_nano.fashion.safetensors")
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())
    saved = GateStatistics.load(tmp_path / "efficientnetv2_nano.fashion.gates.safetensors")
    images = torch.from_numpy(np.fromfile(root / "train-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 28, 28))
    fresh = collect_gates(again, [prepare(images)], progress=False)
    for name, site in saved.items():
        torch.testing.assert_close(site.mean, fresh[name].mean, atol=1e-6, rtol=1e-6)


def test_training_and_lessons_prepare_pictures_alike():
    model = create_model("efficientnetv2_nano", weights="fashion")
    pictures = np.random.default_rng(1).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    torch.testing.assert_close(prepare(torch.from_numpy(pictures)), load_images(list(pictures), model))


def test_labels_outside_the_classes_and_broken_files_are_refused(root, tmp_path):
    shutil.copytree(root, tmp_path / "data")
    labels = tmp_path / "data" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + bytes([12]))
    with pytest.raises(ValueError, match="training labels go from 0 to 12: use 0 to 9"):
        train_fashion(tmp_path / "run", root=tmp_path / "data", recipe=RECIPE, device="cpu", report=quiet)
    labels.write_bytes(labels.read_bytes()[:-5])
    with pytest.raises(ValueError, match="is cut off"):
        train_fashion(tmp_path / "run", root=tmp_path / "data", recipe=RECIPE, device="cpu", report=quiet)
    assert not (tmp_path / "run").exists()


def test_a_part_of_the_pictures_is_the_first_of_each_class(root, tmp_path):
    recipe = replace(RECIPE, epochs=1, per_class=2, attention="none")
    train_fashion(tmp_path, root=root, recipe=recipe, device="cpu", report=quiet, progress=False)
    assert (tmp_path / "efficientnetv2_nano.fashion_none.safetensors").exists()
    assert (tmp_path / "log.csv").read_text().splitlines()[-1].startswith("1,")  # one batch of 16 from 20 pictures
