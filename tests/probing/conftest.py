import pytest

import effv2viz as ev


@pytest.fixture(scope="session")
def model():
    return ev.create_model("efficientnetv2_nano", weights="fashion")


@pytest.fixture(scope="session")
def sample():
    return ev.fashion_sample().balanced(20)


@pytest.fixture(scope="session")
def images(model, sample):
    return ev.load_images(list(sample.images), model)
