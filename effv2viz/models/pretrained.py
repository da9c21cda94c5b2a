"""The named weights: where they come from, what pictures they expect, what they were measured to do.

A name is ``<publisher>.<data>``, or one word for weights that ship with the package.

Sources: torchvision ``models/efficientnet.py``; timm ``models/efficientnet.py`` (``default_cfgs``) and
``results/results-imagenet.csv`` (accuracies, at the evaluation size).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from effv2viz.datasets.cue import CLASSES as CUE_CLASSES
from effv2viz.datasets.fashion import CLASSES as FASHION_CLASSES
from effv2viz.datasets.imagenet import imagenet_classes
from effv2viz.datasets.preprocessing import CUE, FASHION, HALF, IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from effv2viz.models.blocks import Padding
from effv2viz.models.downloads import Bundled, Hub, Release, Source
from effv2viz.models.efficientnetv2 import VARIANTS
from effv2viz.suggestions import unknown_name


@dataclass(frozen=True)
class Weights:
    """One published set of weights of one network.

    Attributes:
        model: the network's name.
        name: the weights' name.
        source: where the file comes from.
        preprocessing: how pictures become the network's input.
        classes: gives the names of the classes.
        padding: which the network was trained with.
        attention: the SE module that the network was trained with.
        accuracy: published top-1 accuracy on the test or validation set, in percent.
        licence: of the weights, as their publisher states it.
        statistics: the bundled file with the gates' statistics over the training set, if there is one.
    """

    model: str
    name: str
    source: Source
    preprocessing: Preprocessing
    classes: Callable[[], tuple[str, ...]]
    padding: Padding
    accuracy: float
    licence: str
    attention: str = "se"
    statistics: Bundled | None = None

    def is_here(self) -> bool:
        """Whether the whole file is on this machine already."""
        return self.source.here() is not None

    def path(self) -> Path:
        """The file on this machine, downloaded if need be.

        Raises:
            WeightsUnavailableError: if it is not here and cannot be downloaded.
        """
        return self.source.path(
            how_to_fetch=f"On a machine with a network run: effv2viz fetch {self.model} --weights {self.name} "
            "(and copy the file to the same place here)"
        )


def _torchvision(size: str, digits: str, accuracy: float, preprocessing: Preprocessing) -> Weights:
    return Weights(
        model=f"efficientnetv2_{size}",
        name="torchvision.in1k",
        source=Release(f"https://download.pytorch.org/models/efficientnet_v2_{size}-{digits}.pth"),
        preprocessing=preprocessing,
        classes=imagenet_classes,
        padding="symmetric",
        accuracy=accuracy,
        licence="BSD-3-Clause (torchvision; the publisher states none for the weights alone)",
    )


def _google(size: str, data: str, accuracy: float, preprocessing: Preprocessing) -> Weights:
    return Weights(
        model=f"efficientnetv2_{size}",
        name=f"google.{data}",
        source=Hub(f"timm/tf_efficientnetv2_{size}.{data}"),
        preprocessing=preprocessing,
        classes=imagenet_classes,
        padding="same",
        accuracy=accuracy,
        licence="Apache-2.0",
    )


def _imagenet(
    size: int, resize: int, *, half: bool = False, squash: bool = False, bilinear: bool = False
) -> Preprocessing:
    return Preprocessing(
        size=size,
        resize=resize,
        interpolation="bilinear" if bilinear else "bicubic",
        mean=HALF if half else IMAGENET_MEAN,
        std=HALF if half else IMAGENET_STD,
        squash=squash,
    )


def _cue(name: str, attention: str, accuracy: float, statistics: Bundled | None) -> Weights:
    return Weights(
        model="efficientnetv2_pico",
        name=name,
        source=Bundled(f"efficientnetv2_pico.{name}.safetensors"),
        preprocessing=CUE,
        classes=lambda: CUE_CLASSES,
        padding="symmetric",
        accuracy=accuracy,  # data/weights/efficientnetv2_pico.*.csv, last row
        licence="Apache-2.0",
        attention=attention,
        statistics=statistics,
    )


_ALL = (
    _cue("cue", "se", 99.75, Bundled("efficientnetv2_pico.cue.gates.safetensors")),
    _cue("cue_none", "none", 55.7, None),
    Weights(
        model="efficientnetv2_nano",
        name="fashion",
        source=Bundled("efficientnetv2_nano.fashion.safetensors"),
        preprocessing=FASHION,
        classes=lambda: FASHION_CLASSES,
        padding="symmetric",
        accuracy=93.63,  # data/weights/efficientnetv2_nano.fashion.csv, last row
        licence="Apache-2.0",
        statistics=Bundled("efficientnetv2_nano.fashion.gates.safetensors"),
    ),
    _google("b0", "in1k", 78.386, _imagenet(224, 256)),
    _google("b1", "in1k", 79.518, _imagenet(240, 272)),
    _google("b2", "in1k", 80.226, _imagenet(260, 292)),
    _google("b3", "in1k", 81.960, _imagenet(300, 331)),
    _google("b3", "in21k_ft_in1k", 82.634, _imagenet(300, 333, half=True, squash=True)),
    _torchvision("s", "dd5fe13b", 84.228, _imagenet(384, 384, bilinear=True)),
    _google("s", "in1k", 83.900, _imagenet(384, 384, half=True)),
    _google("s", "in21k_ft_in1k", 84.332, _imagenet(384, 384, half=True)),
    _torchvision("m", "dc08266a", 85.112, _imagenet(480, 480, bilinear=True)),
    _google("m", "in1k", 85.208, _imagenet(480, 480, half=True, squash=True)),
    _google("m", "in21k_ft_in1k", 86.014, _imagenet(480, 480, half=True, squash=True)),
    _torchvision("l", "59c71312", 85.808, _imagenet(480, 480, half=True)),
    _google("l", "in1k", 85.660, _imagenet(480, 480, half=True, squash=True)),
    _google("l", "in21k_ft_in1k", 86.802, _imagenet(480, 480, half=True, squash=True)),
    _google("xl", "in21k_ft_in1k", 86.754, _imagenet(512, 512, half=True, squash=True)),
)
WEIGHTS: dict[str, dict[str, Weights]] = {model: {w.name: w for w in _ALL if w.model == model} for model in VARIANTS}


def list_models() -> list[str]:
    """The names that ``create_model`` takes, smallest network first."""
    return list(VARIANTS)


def list_weights(model: str) -> list[str]:
    """The names of the weights of a network; the first is what ``effv2viz fetch`` gets by default.

    Raises:
        ValueError: if there is no such network.
    """
    if model not in VARIANTS:
        raise unknown_name("model", model, VARIANTS)
    return list(WEIGHTS[model])


def find_weights(model: str, name: str) -> Weights:
    """What is known of the weights ``name`` of a network.

    Raises:
        ValueError: if there is no such network, or if it has no such weights.
    """
    if name not in list_weights(model):
        elsewhere = [other for other, has in WEIGHTS.items() if name in has]
        error = unknown_name(f"weights for {model}", name, WEIGHTS[model])
        raise ValueError(f"{error} ({name} exist for {', '.join(elsewhere)})") if elsewhere else error
    return WEIGHTS[model][name]
