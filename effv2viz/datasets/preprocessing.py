"""How a picture becomes a network's input: resize, crop, grey, pad, normalise.

Every set of weights carries its own ``Preprocessing``. Published weights differ in size, crop, interpolation and
normalisation, and wrong preprocessing costs accuracy without any error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Preprocessing:
    """The steps from an RGB picture to a (3, size, size) tensor, in the order of the fields.

    Attributes:
        size: height and width of the network's input in pixels.
        resize: the shorter side after resizing, in pixels; the same number for both sides where ``squash``.
        squash: resize to a square without keeping the aspect ratio (no crop follows), as Google's M, L and XL do.
        interpolation: of the resizing.
        grey: turn to one grey channel, repeated three times.
        pad: black border on each side after the centre crop to ``size - 2 * pad``, in pixels.
        mean: subtracted from each channel of the picture in [0, 1].
        std: each channel is divided by it.
        domain: what pictures the network was trained on, in a few words that end the sentence "It was trained on".
        black_rim: the least share of black pixels in the outermost ring of the crop that pictures of the domain have;
            ``out_of_domain`` goes by it. Photographs of the world rarely have such a rim.
    """

    size: int
    resize: int
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    squash: bool = False
    grey: bool = False
    pad: int = 0
    domain: str = "photographs (ImageNet)"
    black_rim: float = 0.0

    @property
    def crop(self) -> int:
        """Side of the centre crop after resizing, in pixels."""
        return self.size - 2 * self.pad

    def picture(self, image: Image) -> Image:
        """The part of an RGB picture that the network sees, as an RGB picture of ``size`` pixels a side."""
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.v2 import functional as F

        target = [self.resize, self.resize] if self.squash else [self.resize]
        image = F.resize(image, target, InterpolationMode(self.interpolation))
        image = F.center_crop(image, [self.crop, self.crop])
        if self.grey:
            image = image.convert("L").convert("RGB")
        return F.pad(image, [self.pad] * 4)

    def normalize(self, pixels: Tensor) -> Tensor:
        """Pixels (N, 3, H, W), uint8 or floats in [0, 1], to the numbers that the network takes, float32."""
        import torch

        x = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
        mean, std = (torch.tensor(v, device=x.device)[:, None, None] for v in (self.mean, self.std))
        return (x - mean) / std

    def denormalize(self, images: Tensor) -> Tensor:
        """The network's input (N, 3, H, W) back to pixels in [0, 1], float32, for drawing."""
        import torch

        mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (self.mean, self.std))
        return (images.float() * std + mean).clamp(0, 1)

    def out_of_domain(self, images: Tensor) -> Tensor:
        """Which of the network's inputs (N, 3, H, W) do not look like the pictures it was trained on: (N,) bool.

        A cheap test that catches photographs given to a network for clothing on black ground. It knows nothing of
        what a picture shows, and for networks without ``black_rim`` it finds nothing.
        """
        import torch

        inner = self.denormalize(images)[
            :, :, self.pad : images.shape[2] - self.pad, self.pad : images.shape[3] - self.pad
        ]
        black = inner.amax(1) < 2.5 / 255  # (N, crop, crop)
        rim = torch.ones(black.shape[1:], dtype=torch.bool, device=images.device)
        rim[1:-1, 1:-1] = False
        return black[:, rim].float().mean(1) < self.black_rim


FASHION = Preprocessing(
    size=32,
    resize=28,
    interpolation="bilinear",
    mean=(0.286,) * 3,
    std=(0.353,) * 3,
    grey=True,
    pad=2,
    domain="28x28 grey pictures of clothing on black ground (Fashion-MNIST)",
    black_rim=0.25,
)

CUE = Preprocessing(
    size=48,
    resize=48,
    interpolation="bilinear",
    mean=(0.45,) * 3,
    std=(0.15,) * 3,
    domain="48x48 pictures of a textured shape and a small coloured marker (the cue task)",
)
