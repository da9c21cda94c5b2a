"""The same maps on a GPU as on the CPU: ``pytest -m gpu``."""

import pytest
import torch

import effv2viz as ev
from effv2viz.attribution import attribute_gate_pixels, attribute_pixels
from tests.attribution.test_pixels import QUICK

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU"),
]


@pytest.fixture
def precise(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("method", QUICK)
def test_pixels(precise, pictures, method):
    maps = [
        attribute_pixels(
            ev.create_model("efficientnetv2_nano", weights="fashion", device=device),
            pictures,
            9,
            method,
            **QUICK[method],
        ).map.cpu()
        for device in ("cpu", "cuda")
    ]
    assert (maps[1] - maps[0]).abs().max() <= 1e-3 * maps[0].abs().max()


def test_gate_pixels(precise, pictures):
    maps = [
        attribute_gate_pixels(
            ev.create_model("efficientnetv2_nano", weights="fashion", device=device), pictures, "stage5.1", 7, steps=8
        ).map.cpu()
        for device in ("cpu", "cuda")
    ]
    assert (maps[1] - maps[0]).abs().max() <= 1e-3 * maps[0].abs().max()
