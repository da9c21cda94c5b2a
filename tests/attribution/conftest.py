"""The bundled network and pictures for it."""

import pytest

import effv2viz as ev


@pytest.fixture
def model():
    return ev.create_model("efficientnetv2_nano", weights="fashion")


@pytest.fixture(scope="session")
def pictures():
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    return ev.load_images(list(ev.fashion_sample("test").balanced(1).images), model)
