"""Pictures from files, PIL, numpy or torch to a network's input, with errors that name the file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

    from effv2viz.datasets.preprocessing import Preprocessing

    Picture = Union[str, os.PathLike[str], Image, np.ndarray, Tensor]

MAX_PIXELS = 100_000_000  # a larger picture is refused: decoded it takes over 300 MB


class ImageError(ValueError):
    """A picture that cannot be read or used; the text says which and why."""


def load_images(images: Picture | Sequence[Picture], model: nn.Module | Preprocessing) -> Tensor:
    """Pictures as the input of a network: resized, cropped and normalised as its weights expect.

    Files are turned upright by their EXIF tag. Transparent parts become white. 16-bit pictures are reduced to 8 bits.
    Of an animation the first frame is taken.

    Args:
        images: one picture or a sequence of them, of any kind: a path; a PIL image; a uint8 array (H, W), (H, W, 3) or
            (N, H, W, 3); a tensor (C, H, W) or (N, C, H, W) with C = 1 or 3, uint8 or floats in [0, 1].
        model: a network with ``preprocessing``, as ``create_model`` makes it, or a ``Preprocessing``.

    Returns:
        (N, 3, size, size) float32, on the network's device.

    Raises:
        ImageError: naming the picture that cannot be read, and why.
        TypeError: for an object that is no picture, or a network without ``preprocessing``.
    """
    import torch
    from torchvision.transforms.v2.functional import pil_to_tensor

    preprocessing = _preprocessing(model)
    parameter = next(model.parameters(), None) if isinstance(model, torch.nn.Module) else None
    pictures = read_pictures(images)
    if not pictures:
        raise ImageError("no pictures were given")
    pixels = torch.stack([pil_to_tensor(preprocessing.picture(picture)) for picture in pictures])
    return preprocessing.normalize(pixels.to(parameter.device) if parameter is not None else pixels)


def read_pictures(images: Picture | Sequence[Picture]) -> list[Image]:
    """Pictures of any kind that ``load_images`` takes, as upright RGB images of their own size."""
    if isinstance(images, str | os.PathLike) or not isinstance(images, Sequence):
        return _read(images, "the picture")
    return [picture for index, item in enumerate(images) for picture in _read(item, f"picture {index}")]


def _preprocessing(model: Any) -> Preprocessing:
    from effv2viz.datasets.preprocessing import Preprocessing

    found = model if isinstance(model, Preprocessing) else getattr(model, "preprocessing", None)
    if not isinstance(found, Preprocessing):
        raise TypeError(
            f"{type(model).__name__} does not say how its pictures are prepared: set its attribute `preprocessing` "
            "to an effv2viz.datasets.Preprocessing, or pass that instead of the model"
        )
    return found


def _read(item: Any, label: str) -> list[Image]:
    import torch
    from PIL import Image as PIL

    if isinstance(item, str | os.PathLike):
        return [_open(Path(item))]
    if isinstance(item, PIL.Image):
        return [_to_rgb(item, label)]
    if isinstance(item, torch.Tensor):
        return _from_array(_channels_last(item, label), label)
    if isinstance(item, np.ndarray):
        return _from_array(item, label)
    raise TypeError(f"{label} is of type {type(item).__name__}: use a path, a PIL image, an array or a tensor")


def _open(path: Path) -> Image:
    from PIL import Image as PIL
    from PIL import UnidentifiedImageError

    if path.is_dir():
        raise ImageError(f"{path} is a folder: pass the files in it")
    if not path.exists():
        raise ImageError(f"there is no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.DecompressionBombWarning)  # the limit below is ours
            with PIL.open(path) as image:
                return _to_rgb(image, str(path))
    except ImageError:
        raise
    except PIL.DecompressionBombError as error:
        raise ImageError(f"{path} is too large a picture: {error}") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is no picture in a format that can be read") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises for broken files
        raise ImageError(f"{path} is broken and cannot be read: {error}") from error


def _to_rgb(image: Image, label: str) -> Image:
    from PIL import Image as PIL
    from PIL import ImageOps

    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{label} has {width} x {height} pixels, more than {MAX_PIXELS:,}: make it smaller")
    if width * height == 0:
        raise ImageError(f"{label} has no pixels: it is {width} x {height}")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255
        deep = np.asarray(image).astype(np.float64)
        image = PIL.fromarray((deep.clip(0, 65535) / 257).round().astype(np.uint8))
    elif image.mode == "F":
        return _from_array(np.asarray(image), label)[0]
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PIL.new("RGBA", image.size, "white")
        image = PIL.alpha_composite(white, image)
    return image.convert("RGB")


def _channels_last(tensor: Tensor, label: str) -> np.ndarray:
    if tensor.ndim not in (3, 4) or tensor.shape[-3] not in (1, 3):
        raise ImageError(
            f"{label} is a tensor of shape {tuple(tensor.shape)}: use (C, H, W) or (N, C, H, W) with C = 1 or 3"
        )
    array = tensor.detach().cpu().movedim(-3, -1)
    return (array.float() if array.is_floating_point() else array).numpy()


def _from_array(array: np.ndarray, label: str) -> list[Image]:
    """RGB images of an array (H, W), (H, W, C) or (N, H, W, C) of bytes, or of floats in [0, 1]."""
    from PIL import Image as PIL

    if array.ndim not in (2, 3, 4) or (array.ndim > 2 and array.shape[-1] not in (1, 3)):
        raise ImageError(f"{label} is an array of shape {array.shape}: use (H, W), (H, W, 3) or (N, H, W, 3)")
    if array.size == 0:
        raise ImageError(f"{label} has no pixels: its shape is {array.shape}")
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ImageError(f"{label} holds {int((~np.isfinite(array)).sum())} numbers that are NaN or infinite")
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > 1:
            raise ImageError(
                f"{label} has values from {low:.3g} to {high:.3g}: floats must be in [0, 1]. If it is normalised "
                "already, give it to the model as it is"
            )
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ImageError(f"{label} is of type {array.dtype}: use uint8, or floats in [0, 1]")
    if array.ndim == 2:
        array = array[..., None]
    stack = array if array.ndim == 4 else array[None]
    if stack.shape[1] * stack.shape[2] > MAX_PIXELS:
        raise ImageError(f"{label} has {stack.shape[2]} x {stack.shape[1]} pixels, more than {MAX_PIXELS:,}")
    return [PIL.fromarray(np.ascontiguousarray(np.broadcast_to(one, (*one.shape[:2], 3)))) for one in stack]
