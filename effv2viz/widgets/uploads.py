"""Uploads: a learner's own picture, and what to say to one that cannot be used."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from effv2viz.datasets.images import MAX_PIXELS, ImageError

MAX_BYTES = 20_000_000


def read_upload(name: str, content: bytes) -> Image.Image:
    """The picture in an uploaded file.

    Raises:
        ImageError: if the file is empty, too large, no picture, broken, or has too many pixels; the text says which.
    """
    if not content:
        raise ImageError(f"{name} is empty")
    if len(content) > MAX_BYTES:
        raise ImageError(f"{name} has {len(content) / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f} MB: make it smaller")
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
        raise ImageError(f"{name} has too many pixels: {error}") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is no picture in a format that can be read: use JPEG or PNG") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises for broken files
        raise ImageError(f"{name} is a picture, but broken: {error}") from error
    return picture
