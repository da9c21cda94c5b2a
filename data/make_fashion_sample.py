"""Makes the balanced samples in ``fashion/``: ``python data/make_fashion_sample.py [FOLDER WITH THE IDX FILES]``."""

import sys
from pathlib import Path

import numpy as np

from effv2viz.datasets.fashion import load_fashion

PER_CLASS = {"train": 400, "test": 200}

for split, per_class in PER_CLASS.items():
    sample = load_fashion(split, *sys.argv[1:2]).balanced(per_class)
    path = Path(__file__).parent / "fashion" / f"{split}.npz"
    np.savez_compressed(path, images=sample.images, labels=sample.labels.astype(np.uint8))
    print(f"{path.name}: {len(sample):,} pictures, {path.stat().st_size / 1e6:.2f} MB")
