"""Makes the gate statistics in ``weights/`` from the bundled weights: ``python data/make_fashion_gates.py [FOLDER]``.

FOLDER holds the IDX files of Fashion-MNIST; left out, they are downloaded. ``effv2viz train fashion`` writes the same.
"""

import sys
from pathlib import Path

import torch

from effv2viz.datasets.fashion import load_fashion
from effv2viz.models import create_model
from effv2viz.training.fashion import fashion_gates

weights = Path(__file__).parent / "weights" / "efficientnetv2_nano.fashion.safetensors"
train = load_fashion("train", *sys.argv[1:2])
model = create_model("efficientnetv2_nano", weights="fashion")
gates = fashion_gates(model, torch.tensor(train.images), torch.tensor(train.labels), weights)
gates.save(weights.with_name("efficientnetv2_nano.fashion.gates.safetensors"))
print(gates)
