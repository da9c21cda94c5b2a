"""Folders of pictures: one subfolder for each class, or pictures alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


@dataclass(frozen=True)
class PictureFolder:
    """The pictures of a folder, in the order of their names.

    Attributes:
        paths: of the files.
        labels: the number of each file's class, or None for pictures without classes.
        classes: the names of the classes, in alphabetical order; empty for pictures without classes.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...] | None
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


def list_pictures(folder: str | os.PathLike[str]) -> PictureFolder:
    """The pictures of a folder: those of its subfolders, which are the classes, or else its own.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if there are no pictures, a class has none, or pictures lie beside class folders.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}")
    own = _pictures(root)
    subfolders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not subfolders:
        if not own:
            raise ValueError(f"the folder {root} has no pictures (files that end in {', '.join(ENDINGS)})")
        return PictureFolder(tuple(own), None, ())
    if own:
        raise ValueError(
            f"{root} has pictures beside its class folders ({own[0].name}, for one): move them into a class"
        )
    paths, labels = [], []
    for number, subfolder in enumerate(subfolders):
        found = _pictures(subfolder)
        if not found:
            raise ValueError(f"the class folder {subfolder} has no pictures: fill it or remove it")
        paths += found
        labels += [number] * len(found)
    return PictureFolder(tuple(paths), tuple(labels), tuple(subfolder.name for subfolder in subfolders))


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in ENDINGS)
