"""Where the weights, pictures and lessons that ship with the package lie on disk."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def bundled(*parts: str) -> Path:
    """The path of a shipped file or folder, such as ``bundled("data", "photos")``.

    In a wheel the folders ``data`` and ``notebooks`` lie inside the package, in a checkout beside it.

    Raises:
        FileNotFoundError: if the installation lacks it.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        if root.joinpath(*parts).exists():
            return root.joinpath(*parts)
    raise FileNotFoundError(
        f"{'/'.join(parts)} is not in this installation of effv2viz (looked in {_PACKAGE} and {_PACKAGE.parent}). "
        "Install the package again: pip install --force-reinstall --no-deps effv2viz"
    )
