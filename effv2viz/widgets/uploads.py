"""Uploads: a learner's own picture, and what to say to one that cannot be used."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

from PIL import Image, UnidentifiedImageError

from effv2viz.datasets.images import MAX_PIXELS, ImageError
from effv2viz.widgets.front_end import UploadFrontEnd

MAX_BYTES = 20_000_000


class UploadButton(UploadFrontEnd):
    """A button for one's own picture.

    Args:
        taken: is called with the name and the bytes of every file that has come, or with None in place of the bytes of
            a file that is too large to be sent, and its size.
    """

    def __init__(self, taken: Callable[[str, bytes | None, int], None], *, disabled: bool = False) -> None:
        super().__init__(title="own picture", most=MAX_BYTES, disabled=disabled)
        self._taken = taken
        self._parts: list[bytes] = []
        self.on_msg(self._heard)

    def _heard(self, widget: UploadButton, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Takes a part of a file. Parts come in their order; the first of another file drops one that is unfinished."""
        name, size, part, parts = (content[key] for key in ("name", "size", "part", "parts"))
        if parts == 0:
            self._taken(name, None, size)
            return
        if part == 0:
            self._parts = []
        if part != len(self._parts):
            return  # a part before it was lost, with the connection
        self._parts.append(bytes(buffers[0]))
        if len(self._parts) == parts:
            whole, self._parts = b"".join(self._parts), []
            self._taken(name, whole, size)


def check_size(name: str, size: int) -> None:
    """Raises an ``ImageError`` if a file has too many bytes."""
    if size > MAX_BYTES:
        raise ImageError(f"{name} has {size / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f} MB: make it smaller")


def read_upload(name: str, content: bytes) -> Image.Image:
    """The picture in an uploaded file.

    Raises:
        ImageError: if the file is empty, too large, no picture, broken, or has too many pixels; the text says which.
    """
    if not content:
        raise ImageError(f"{name} is empty")
    check_size(name, len(content))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is ours
            picture = Image.open(io.BytesIO(content))
            if picture.width * picture.height > MAX_PIXELS:
                raise ImageError(
                    f"{name} has {picture.width} x {picture.height} pixels, more than {MAX_PIXELS:,}: make it smaller"
                )
            picture.load()
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} has more than {MAX_PIXELS:,} pixels: make it smaller") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is no picture in a format that can be read: use JPEG or PNG") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises for broken files
        raise ImageError(f"{name} is a picture, but broken: {error}") from error
    return picture
