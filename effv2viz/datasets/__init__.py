"""Pictures: the bundled photographs, Fashion-MNIST, the cue task, and any file of your own as a network's input."""

from effv2viz.datasets.cue import CLASSES as CUE_CLASSES
from effv2viz.datasets.cue import CuePictures
from effv2viz.datasets.fashion import CLASSES as FASHION_CLASSES
from effv2viz.datasets.fashion import FashionPictures, fashion_sample, load_fashion
from effv2viz.datasets.imagenet import imagenet_classes
from effv2viz.datasets.images import ImageError, load_images, read_pictures
from effv2viz.datasets.photos import photo_paths
from effv2viz.datasets.preprocessing import CUE, FASHION, Preprocessing

__all__ = [
    "CUE",
    "CUE_CLASSES",
    "FASHION",
    "FASHION_CLASSES",
    "CuePictures",
    "FashionPictures",
    "ImageError",
    "Preprocessing",
    "fashion_sample",
    "imagenet_classes",
    "load_fashion",
    "load_images",
    "photo_paths",
    "read_pictures",
]
