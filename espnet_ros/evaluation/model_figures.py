"""Figures of a model on labelled images: IoU in both conventions, accuracy, calibration, speed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.confidence import Reliability
from espnet_ros.core.labels import Labels
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.core.pipeline import Segmentation, Segmenter
from espnet_ros.core.statistics import rounded

# The seven categories of Cityscapes and the classes of both tables in them. CamVid's classes are
# put where Cityscapes puts what they hold: a Bicyclist is the rider with the bicycle, and counts
# as human.
CATEGORIES = {
    'flat': ('Road', 'Pavement', 'road', 'sidewalk'),
    'nature': ('Tree', 'vegetation', 'terrain'),
    'object': ('Pole', 'SignSymbol', 'pole', 'traffic_light', 'traffic_sign'),
    'sky': ('Sky', 'sky'),
    'construction': ('Building', 'Fence', 'building', 'wall', 'fence'),
    'human': ('Pedestrian', 'Bicyclist', 'person', 'rider'),
    'vehicle': ('Car', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle'),
}


class Labelled(Protocol):
    """An image and its truth, as in `espnet_ros.network.training.datasets`."""

    @property
    def name(self) -> str:
        """Return what the image is called."""

    @property
    def image(self) -> UInt8Array:
        """Return the image, uint8 (H, W, 3) BGR."""

    @property
    def truth(self) -> UInt8Array:
        """Return class_id or UNLABELED, uint8 (H, W)."""


class ClassMap:
    """Maps a model's class ids to those of a dataset with the same names.

    :param model: its classes.
    :param dataset: whose classes the model must have, in any order and among others.
    :raises DatasetError: listing the classes that it lacks.
    """

    def __init__(self, model: Labels, dataset: Labels) -> None:
        model.check_knows(dataset)
        self._lut = model.lut_to(dataset)

    def __call__(self, mask: UInt8Array) -> UInt8Array:
        """Return the mask in class ids of the dataset, UNLABELED for classes that it lacks."""
        return self._lut[mask]


@dataclass
class Measurement:
    """What was counted.

    :param mious: class mIoU of each image alone, void ignored, NaN where all is void.
    :param seconds: spent in the segmenter.
    """

    matrix: ConfusionMatrix
    reliability: Reliability = field(default_factory=Reliability)
    mious: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, segmentation: Segmentation, mask: UInt8Array, truth: UInt8Array) -> None:
        """Count one image.

        :param mask: the segmentation's mask, in class ids of the dataset.
        """
        own = ConfusionMatrix(self.matrix.classes)
        own.update(mask, truth)
        self.mious.append(own.miou())
        self.matrix.counts += own.counts
        self.reliability.update(mask, segmentation.confidence, truth)


def measure(
    segmenter: Segmenter, samples: Iterable[Labelled], classes: ClassMap, count: int
) -> Measurement:
    """Segment the samples and count.

    :param segmenter: warm, so that the first image takes no longer than the others.
    :param count: of the dataset's classes.
    """
    measurement = Measurement(ConfusionMatrix(count))
    for sample in samples:
        start = time.perf_counter()
        segmentation = segmenter.segment(sample.image)
        measurement.seconds += time.perf_counter() - start
        measurement.add(segmentation, classes(segmentation.mask), sample.truth)
    return measurement


def figures(measurement: Measurement, names: Sequence[str]) -> dict[str, Any]:
    """Return the figures as plain data; what is not known is None, as JSON has no NaN.

    :param names: of the dataset's classes.
    """
    matrix = measurement.matrix
    accuracy = matrix.class_accuracy()
    seen = np.isfinite(accuracy).any()
    return {
        'miou_void_ignored': rounded(matrix.miou(), 4),
        'miou_void_as_error': rounded(matrix.miou(void_as_error=True), 4),
        'category_miou': rounded(category_miou(matrix, names), 4),
        'class_accuracy': rounded(float(np.nanmean(accuracy)) if seen else None, 4),
        'pixel_accuracy': rounded(matrix.pixel_accuracy(), 4),
        'ece': rounded(measurement.reliability.ece(), 4),
        'per_class': _by_name(names, matrix.iou()),
        'per_class_accuracy': _by_name(names, accuracy),
        'images_per_s': round(len(measurement.mious) / measurement.seconds, 2),
    }


def category_miou(matrix: ConfusionMatrix, names: Sequence[str]) -> float | None:
    """Return the mean IoU of the categories, void ignored; None if a class is in none of them."""
    category_of = {n: i for i, members in enumerate(CATEGORIES.values()) for n in members}
    if any(name not in category_of for name in names):
        return None
    return matrix.merged([category_of[name] for name in names]).miou()


def _by_name(names: Sequence[str], values: npt.NDArray[np.float64]) -> dict[str, float | None]:
    return {name: rounded(float(v), 4) for name, v in zip(names, values, strict=True)}
