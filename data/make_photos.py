"""Makes the photographs in ``photos/``: ``pip install scikit-image && python data/make_photos.py``."""

from pathlib import Path

from PIL import Image
from skimage import data

LONGER_SIDE = 400  # pixels

for name in ("astronaut", "camera", "cat", "coffee", "rocket"):
    photo = Image.fromarray(getattr(data, name)())
    photo.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    photo.save(Path(__file__).parent / "photos" / f"{name}.jpg", quality=90, optimize=True)
