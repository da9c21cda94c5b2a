"""Pictures of every kind: read as the public transforms read them, or refused with the file's name."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image

from effv2viz.datasets import FASHION, ImageError, load_images, photo_paths
from effv2viz.datasets.images import read_pictures
from effv2viz.models import find_weights, list_models, list_weights

ALL = [(m, w) for m in list_models() for w in list_weights(m) if "." in w]  # the published ones


@pytest.mark.parametrize(("model", "name"), ALL)
def test_preprocessing_is_the_publishers(model, name):
    ours = load_images(list(photo_paths().values()), find_weights(model, name).preprocessing)
    size = model.rpartition("_")[2]
    if name.startswith("torchvision"):
        enum = getattr(torchvision.models, f"EfficientNet_V2_{size.upper()}_Weights")
        transform = enum.IMAGENET1K_V1.transforms()
    else:
        cfg = timm.models.get_pretrained_cfg(f"tf_efficientnetv2_{size}.{name.removeprefix('google.')}")
        data = timm.data.resolve_data_config(pretrained_cfg=cfg.to_dict(), use_test_size=True)
        transform = timm.data.create_transform(**data)
    theirs = torch.stack([transform(Image.open(path).convert("RGB")) for path in photo_paths().values()])
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_files_of_every_kind_are_read_correctly(tmp_path):
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8))

    def read(name: str) -> Image.Image:
        return read_pictures(tmp_path / name)[0]

    deep = (np.arange(600, dtype=np.uint16) * 100).reshape(20, 30)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(np.asarray(read("deep.png"))[..., 0], (deep / 257).round().astype(np.uint8))
    exif = Image.Exif()
    exif[274] = 6  # to be shown turned by 90 degrees
    rgb.save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(np.asarray(read("turned.png")), np.asarray(rgb.transpose(Image.Transpose.ROTATE_270)))
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read("clear.png").getpixel((0, 0)) == (255, 255, 255)
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.tif")
    assert read("cmyk.tif").getpixel((0, 0)) == (255, 0, 0)
    frames = [Image.new("RGB", (4, 4), c) for c in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert read("moving.gif").getpixel((0, 0)) == (255, 0, 0)
    Image.new("L", (1, 1), 9).save(tmp_path / "dot.png")
    assert load_images(tmp_path / "dot.png", FASHION).shape == (1, 3, 32, 32)


def test_broken_files_are_refused_by_name(tmp_path):
    whole = (photo_paths()["cat"]).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[:3000])
    (tmp_path / "text.png").write_text("no picture")
    for name, reason in (("cut.jpg", "broken"), ("text.png", "no picture"), ("none.png", "no file")):
        with pytest.raises(ImageError, match=reason) as caught:
            load_images([photo_paths()["cat"], tmp_path / name], FASHION)
        assert name in str(caught.value)
    Image.new("1", (20_000, 6_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match=r"bomb\.png has 20000 x 6000 pixels"):
        load_images(tmp_path / "bomb.png", FASHION)


def test_arrays_and_tensors_agree_and_nonsense_is_refused():
    array = np.random.default_rng(0).integers(0, 255, (2, 40, 50, 3), np.uint8)
    expected = load_images([Image.fromarray(one) for one in array], FASHION)
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2)
    for same in (array, list(array), tensor, tensor.float() / 255):
        assert torch.equal(load_images(same, FASHION), expected)
    nan = torch.zeros(3, 4, 4)
    nan[0, 0, 0] = float("nan")
    for bad, reason in (
        (nan, "NaN"),
        (torch.randn(3, 4, 4) - 5, "normalised already"),
        (np.zeros((3, 40, 50), np.uint8), "shape"),
        (np.zeros((4, 4), np.int64), "int64"),
        ([], "no pictures"),
    ):
        with pytest.raises(ImageError, match=reason):
            load_images(bad, FASHION)
    with pytest.raises(TypeError, match="preprocessing"):
        load_images(array, torch.nn.Linear(1, 1))


def test_photographs_are_out_of_the_clothing_domain_and_clothing_is_not():
    from effv2viz.datasets import fashion_sample

    photos = load_images(list(photo_paths().values()), FASHION)
    assert FASHION.out_of_domain(photos).all()
    clothing = load_images(list(fashion_sample().images), FASHION)
    assert FASHION.out_of_domain(clothing).float().mean() < 0.001
