"""The same answers on a GPU as on the CPU: ``pytest -m gpu``."""

import pytest
import torch

import effv2viz as ev

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU"),
]


def logits(device, dtype=None):
    model = ev.create_model("efficientnetv2_nano", weights="fashion", device=device)
    images = ev.load_images(list(ev.fashion_sample().images[:64]), model)
    with torch.no_grad(), torch.autocast(device, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        return model(images).float().cpu()


def test_fp32_with_tf32_off(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    expected = logits("cpu")
    assert (logits("cuda") - expected).abs().max() <= 1e-4 * expected.std()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    expected, found = logits("cpu"), logits("cuda", dtype)
    assert torch.isfinite(found).all()
    assert (found.argmax(1) == expected.argmax(1)).float().mean() >= 0.95
