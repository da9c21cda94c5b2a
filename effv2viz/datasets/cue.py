"""The cue task: pictures, drawn by code, whose label depends on two places that are far apart.

A shape of four is filled with one texture of four. Away from it, near the border, lies a small marker. If it is warm,
the number of the *shape* is the label; if it is cool, that of the *texture*. So what the channels at the shape should
report depends on a colour elsewhere, which few layers of convolutions hardly see there and a squeeze does.

Everything that the network must find is known: ``masks`` say where shape and marker lie, and ``flip_cue`` makes the
twin pictures in which nothing but the marker's colour differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

SHAPES = ("disc", "square", "triangle", "cross")
TEXTURES = ("horizontal stripes", "vertical stripes", "diagonal stripes", "checks")
CUES = ("shape", "texture")  # the warm marker, the cool marker
CLASSES = tuple(f"{shape} or {texture}" for shape, texture in zip(SHAPES, TEXTURES, strict=True))

_WARM = np.array([1.0, 0.5, 0.0], np.float32)  # cool is the same with red and blue exchanged
_KINDS = len(CUES) * len(SHAPES) * len(TEXTURES)
_CHUNK = 1024  # pictures that are drawn at once, for the sake of memory

# In units of a radius: shapes of area pi, so that none is told by its area. All lie within _REACH of the centre.
_SQUARE = math.sqrt(math.pi) / 2  # half a side
_TRIANGLE = math.sqrt(math.pi / (3 * math.sqrt(3)))  # radius of the inner circle
_ARM, _WIDTH = 1.108, 0.443  # half of the length and of the width of a bar of the cross
_REACH = 2 * _TRIANGLE


@dataclass(frozen=True)
class CuePictures:
    """N pictures of the cue task.

    Attributes:
        images: (N, H, W, 3) uint8.
        labels: (N,) int64, indices into ``CLASSES``: of ``shapes`` where the cue is 0, of ``textures`` where it is 1.
        cues: (N,) int64, indices into ``CUES``.
        shapes: (N,) int64, indices into ``SHAPES``.
        textures: (N,) int64, indices into ``TEXTURES``.
        masks: (N, 2, H, W) bool: where the shape lies, and where the marker lies.
    """

    images: np.ndarray
    labels: np.ndarray
    cues: np.ndarray
    shapes: np.ndarray
    textures: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> CuePictures:
        """Some of the pictures: a slice, a list of numbers, or a mask (N,)."""
        if isinstance(index, int):
            index = [index]
        return CuePictures(**{name: values[index] for name, values in vars(self).items()})


def generate(n: int, seed: int, *, size: int = 48, difficulty: float = 0.5) -> CuePictures:
    """Draws N pictures. Picture i of a seed is the same however many are drawn.

    Each run of 32 pictures has every combination of cue, shape and texture once, in random order, so labels are
    balanced. Place, size, rotation, colours and the texture's phase are random.

    Args:
        n: how many.
        seed: of everything random; one seed for training and another for testing never share a stream.
        size: height and width in pixels, at least 32.
        difficulty: from 0 to 1. The noise grows to a standard deviation of 0.2 of the range, the marker pales to two
            fifths of its colour, and the texture's contrast halves.

    Raises:
        ValueError: for arguments that make no picture.
    """
    if n < 1:
        raise ValueError(f"n={n}: draw at least one picture")
    if seed < 0:
        raise ValueError(f"seed={seed}: use 0 or a positive whole number")
    if size < 32:
        raise ValueError(f"size={size} leaves no room for shape, texture and marker: use at least 32 pixels")
    if not 0 <= difficulty <= 1:
        raise ValueError(f"difficulty={difficulty}: use a number from 0 (easy) to 1 (hard)")
    order, numbers, noise = (np.random.default_rng([seed, stream]) for stream in range(3))
    kinds = order.random((-(-n // _KINDS), _KINDS)).argsort(1).reshape(-1)[:n]
    cues, shapes, textures = np.unravel_index(kinds, (len(CUES), len(SHAPES), len(TEXTURES)))
    images = np.empty((n, size, size, 3), np.uint8)
    masks = np.empty((n, 2, size, size), bool)
    for start in range(0, n, _CHUNK):
        some = slice(start, min(start + _CHUNK, n))
        count = some.stop - start
        chance = numbers.random((count, 13), np.float32)
        masks[some, 0], masks[some, 1], clean = _draw(
            chance, cues[some], shapes[some], textures[some], size, difficulty
        )
        grain = noise.standard_normal((count, size, size, 3), np.float32)
        clean += 0.2 * difficulty * grain
        clean *= 255
        images[some] = np.clip(clean.round(out=clean), 0, 255, out=clean)
    labels = np.where(cues == 0, shapes, textures)
    return CuePictures(images, labels, cues, shapes, textures, masks)


def flip_cue(pictures: CuePictures) -> CuePictures:
    """The twins: the same pictures with a cool marker where it was warm and a warm one where it was cool.

    Warm and cool differ by an exchange of red and blue, so that is what happens within the marker's mask.
    """
    cues = 1 - pictures.cues
    marker = pictures.masks[:, 1, :, :, None]
    return replace(
        pictures,
        images=np.where(marker, pictures.images[..., ::-1], pictures.images),
        cues=cues,
        labels=np.where(cues == 0, pictures.shapes, pictures.textures),
    )


def _draw(
    chance: np.ndarray, cues: np.ndarray, shapes: np.ndarray, textures: np.ndarray, size: int, difficulty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shape masks and marker masks (N, size, size), and pictures (N, size, size, 3) in 0 to 1 without noise.

    Args:
        chance: (N, 13), uniform in [0, 1): all that is random in a picture, noise aside.
        cues: (N,), as the two that follow.
        shapes: likewise.
        textures: likewise.
        size: in pixels.
        difficulty: from 0 to 1.
    """
    middle = (size - 1) / 2
    y, x = np.arange(size, dtype=np.float32)[None, :, None], np.arange(size, dtype=np.float32)[None, None, :]

    def number(i: int, low: float, high: float) -> np.ndarray:
        return (low + (high - low) * chance[:, i])[:, None, None].astype(np.float32)

    marker_radius = 0.06 * size
    side = (4 * chance[:, 0]).astype(int)[:, None, None]  # top, right, bottom, left
    edge, along = marker_radius + number(1, 0, 1), number(2, marker_radius, size - 1 - marker_radius)
    far = size - 1 - edge
    marker_y = np.choose(side, [edge, along, far, along])
    marker_x = np.choose(side, [along, far, along, edge])
    marker = (y - marker_y) ** 2 + (x - marker_x) ** 2 <= marker_radius**2

    radius = number(3, 0.17, 0.21) * size
    room = middle - _REACH * radius  # what the centre may move and the shape stay whole
    away_y, away_x = ((middle - place) / (middle - marker_radius) for place in (marker_y, marker_x))
    dy = (y - middle - room * np.clip(away_y + number(5, -0.3, 0.3), -1, 1)) / radius
    dx = (x - middle - room * np.clip(away_x + number(6, -0.3, 0.3), -1, 1)) / radius
    turn = number(4, 0, 2 * math.pi)
    shape = _inside(np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx, shapes)

    pitch = number(7, 0.10, 0.13) * size  # pixels from stripe to stripe
    wave_y = np.sin(2 * math.pi * (y / pitch + number(8, 0, 1)))
    wave_x = np.sin(2 * math.pi * (x / pitch + number(9, 0, 1)))
    tilted = (x + y) / math.sqrt(2)
    light = np.empty_like(shape)
    light[textures == 0] = wave_y[textures == 0] > 0
    light[textures == 1] = wave_x[textures == 1] > 0
    light[textures == 2] = np.sin(2 * math.pi * (tilted / pitch[textures == 2] + number(9, 0, 1)[textures == 2])) > 0
    light[textures == 3] = wave_y[textures == 3] * wave_x[textures == 3] > 0

    ground = number(10, 0.35, 0.55)[..., None] + 0.08 * (chance[:, None, None, [11, 12, 0]] - 0.5)
    contrast = 0.4 * (1 - difficulty / 2)
    picture = ground + (contrast * shape * np.where(light, 1, -1).astype(np.float32))[..., None]
    colour = 0.5 + (1 - 0.6 * difficulty) * (np.where(cues[:, None] == 0, _WARM, _WARM[::-1]) - 0.5)
    picture[marker] = np.repeat(colour, marker.sum((1, 2)), 0)
    return shape, marker, picture


def _inside(u: np.ndarray, v: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Whether points (N, H, W), in units of the radius from the centre, lie in the N shapes."""
    inside = np.empty(u.shape, bool)
    for kind, test in enumerate((_in_disc, _in_square, _in_triangle, _in_cross)):
        some = shapes == kind
        inside[some] = test(u[some], v[some])
    return inside


def _in_disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u**2 + v**2 <= 1


def _in_square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) <= _SQUARE


def _in_triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(v, (math.sqrt(3) * np.abs(u) - v) / 2) <= _TRIANGLE


def _in_cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b = np.abs(u), np.abs(v)
    return (np.maximum(a, b) <= _ARM) & (np.minimum(a, b) <= _WIDTH)
