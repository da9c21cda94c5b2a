"""Fashion-MNIST: 28x28 grey pictures of ten kinds of clothing. A sample ships with the package; the rest is downloaded.

Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST" (arXiv 1708.07747), MIT licence.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from effv2viz.bundled import bundled

CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

Split = Literal["train", "test"]
_FILES = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class FashionPictures:
    """Pictures ``images`` (N, 28, 28) uint8 and their ``labels`` (N,) int64, indices into ``CLASSES``."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def of_class(self, name: str) -> np.ndarray:
        """The pictures of one class, (M, 28, 28) uint8."""
        if name not in CLASSES:
            raise ValueError(f"{name!r} is no Fashion-MNIST class: use one of {', '.join(CLASSES)}")
        return self.images[self.labels == CLASSES.index(name)]

    def balanced(self, per_class: int) -> FashionPictures:
        """The first ``per_class`` pictures of each class, in the order of the data set."""
        order = np.sort(np.concatenate([np.flatnonzero(self.labels == k)[:per_class] for k in range(len(CLASSES))]))
        return FashionPictures(self.images[order], self.labels[order])


def fashion_sample(split: Split = "test") -> FashionPictures:
    """The balanced sample that ships with the package: 2,000 test pictures or 4,000 training pictures."""
    with np.load(bundled("data", "fashion", f"{split}.npz"), allow_pickle=False) as file:
        return FashionPictures(file["images"], file["labels"].astype(np.int64))


def load_fashion(split: Split, root: str | Path | None = None) -> FashionPictures:
    """The full data set: 60,000 training or 10,000 test pictures.

    Args:
        split: which of the two.
        root: a folder with the four IDX files, gzipped or not (Debian's package ``dataset-fashion-mnist`` puts them
            into ``/usr/share/datasets/fashion-mnist``), or a folder that torchvision downloaded them to. Where the
            files are missing, torchvision downloads them there; left out, that is ``~/.cache/effv2viz``.

    Raises:
        FileNotFoundError: if they are neither there nor to be downloaded.
    """
    folder = Path(root) if root is not None else Path.home() / ".cache" / "effv2viz"
    found = _find_idx(folder, split)
    if found is None:
        from torchvision.datasets import FashionMNIST

        try:
            FashionMNIST(str(folder), download=True)
        except (RuntimeError, OSError) as error:
            raise FileNotFoundError(
                f"no Fashion-MNIST IDX files for {split!r} in {folder}, and none could be downloaded: {error}"
            ) from error
        found = _find_idx(folder, split)
    if found is None:
        raise FileNotFoundError(f"no Fashion-MNIST IDX files for {split!r} in {folder}")
    images, labels = (_read_idx(path) for path in found)
    return FashionPictures(images, labels.astype(np.int64))


def _find_idx(folder: Path, split: Split) -> list[Path] | None:
    names = [f"{_FILES[split]}-images-idx3-ubyte", f"{_FILES[split]}-labels-idx1-ubyte"]
    for place in (folder, folder / "FashionMNIST" / "raw"):
        for ending in ("", ".gz"):
            paths = [place / (name + ending) for name in names]
            if all(path.exists() for path in paths):
                return paths
    return None


def _read_idx(path: Path) -> np.ndarray:
    """IDX: two zero bytes, the type (8 = uint8), the number of dimensions, big-endian sizes, then the values."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is no IDX file of bytes: it starts with {raw[:4]!r}")
    shape = np.frombuffer(raw, ">u4", raw[3], 4)
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if values.size != shape.prod():
        raise ValueError(f"{path} is cut off: {values.size} values where {shape.prod()} were announced")
    return values.reshape(shape)
