"""The photographs that ship with the package."""

from __future__ import annotations

from pathlib import Path

from effv2viz.bundled import bundled


def photo_paths() -> dict[str, Path]:
    """The files of the bundled photographs by name, such as ``"cat"``, in alphabetical order."""
    return {path.stem: path for path in sorted(bundled("data", "photos").glob("*.jpg"))}
