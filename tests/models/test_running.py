"""The network in channels_last, in half precision, exported with a dynamic batch, compiled, on a device."""

import shutil

import pytest
import torch

import effv2viz as ev
from effv2viz.models import create_model
from tests.models.references import calibrate, pictures


def nano():
    torch.manual_seed(0)
    return calibrate(create_model("efficientnetv2_nano"), 32)


def test_channels_last_gives_the_same_answers():
    model, x = nano(), pictures(3, 32)
    with torch.no_grad():
        expected = model(x)
        found = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert (found - expected).abs().max() <= 1e-4 * expected.std()


def test_export_takes_any_batch():
    model = nano()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(model, (pictures(2, 32),), dynamic_shapes=({0: batch},))
    with torch.no_grad():
        for n in (1, 5):
            torch.testing.assert_close(program.module()(pictures(n, 32)), model(pictures(n, 32)))


def test_compile_finds_one_graph():
    model, x = nano(), pictures(2, 32)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x))


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler, and g++ is not here")
def test_compiled_code_gives_the_same_answers():
    model, x = nano(), pictures(2, 32)
    compiled = torch.compile(model)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_on_the_cpu(dtype):
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    images = ev.load_images(list(ev.fashion_sample().images[:64]), model)
    with torch.no_grad():
        expected = model(images)
        with torch.autocast("cpu", dtype=dtype):
            found = model(images)
    assert torch.isfinite(found).all()
    assert (found.argmax(1) == expected.argmax(1)).float().mean() >= 0.95


def test_device_is_auto_named_or_the_active_one():
    kind = next(create_model("efficientnetv2_nano", device="auto").parameters()).device.type
    assert kind == ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    with torch.device("meta"):
        assert next(create_model("efficientnetv2_nano").parameters()).is_meta


def test_a_fresh_classifier_for_another_data_set():
    model = create_model("efficientnetv2_nano", weights="fashion")
    model.reset_classifier(3)
    assert model(pictures(2, 32)).shape == (2, 3)
    assert model.classes is None
