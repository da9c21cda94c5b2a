"""Figures to bytes and files."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")


def to_png(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as a PNG file's bytes; nothing in them depends on the time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes the figure as .png, .svg or .pdf.

    Raises:
        ValueError: for another ending.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"cannot save a figure as {path.name!r}: end the name in {', '.join(FORMATS)}")
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    figure.savefig(path, metadata=metadata[path.suffix.lower()], dpi=150)
