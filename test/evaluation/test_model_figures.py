"""Figures by hand, through a backend whose class is the blue value."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import CAMVID, CITYSCAPES, UNLABELED, LabelClass, Labels, with_void
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.core.pipeline import Segmenter
from espnet_ros.evaluation.model_figures import (
    CATEGORIES,
    ClassMap,
    category_miou,
    figures,
    measure,
)
from espnet_ros.network.training.datasets import Sample

MODEL = Labels([LabelClass(n, (0, 0, 0), 'ground') for n in ('car', 'sky', 'road')])
DATASET = Labels([LabelClass(n, (0, 0, 0), 'ground') for n in ('road', 'car')])


class Channels:
    """A backend: class_id = blue, confidence = green."""

    def infer(self, images):
        return images[..., 0].copy(), images[..., 1].copy()


def sample(name: str, ids: list[int], truth: list[int], confidence: int) -> Sample:
    image = np.zeros((1, len(ids), 3), np.uint8)
    image[0, :, 0], image[..., 1] = ids, confidence
    return Sample(name, image, np.array([truth], np.uint8))


def measured():
    samples = [
        sample('good', [2, 2, 0, 0], [0, 0, 1, 255], 255),
        # sky is none of the dataset's classes: a miss.
        sample('bad', [2, 1, 2, 0], [0, 0, 1, 1], 102),
        sample('void', [2, 2, 2, 2], [255] * 4, 0),
    ]
    return measure(Segmenter(Channels(), MODEL, (4, 1)), samples, ClassMap(MODEL, DATASET), 2)


def test_figures_by_hand() -> None:
    found = figures(measured(), DATASET.names)
    speed = found.pop('images_per_s')
    assert speed > 0
    assert found == {
        # road: 3 of 4 found, 1 car taken for it: 3/5. car: 2 of 3 found: 2/3.
        'miou_void_ignored': round((3 / 5 + 2 / 3) / 2, 4),
        # Void taken for road four times, for car once: 3/9 and 2/4.
        'miou_void_as_error': round((3 / 9 + 2 / 4) / 2, 4),
        'category_miou': round((3 / 5 + 2 / 3) / 2, 4),
        'class_accuracy': round((3 / 4 + 2 / 3) / 2, 4),
        'pixel_accuracy': round(5 / 7, 4),
        # 3 sure and right; 4 at 0.4, half of them right.
        'ece': round(4 / 7 * 0.1, 4),
        'per_class': {'road': 0.6, 'car': round(2 / 3, 4)},
        'per_class_accuracy': {'road': 0.75, 'car': round(2 / 3, 4)},
    }


def test_each_image_has_its_own_miou() -> None:
    good, bad, void = measured().mious
    # bad: road 1 found of 2 with one false: 1/3; car 1/2.
    assert (good, bad) == (1.0, pytest.approx((1 / 3 + 1 / 2) / 2))
    assert math.isnan(void)


def test_what_cannot_be_told_is_null() -> None:
    samples = [sample('void', [2, 2], [255, 255], 9)]
    found = measure(Segmenter(Channels(), MODEL, (2, 1)), samples, ClassMap(MODEL, DATASET), 2)
    text = json.loads(json.dumps(figures(found, DATASET.names), allow_nan=False))
    assert text['miou_void_ignored'] is None and text['ece'] is None
    assert text['per_class'] == {'road': None, 'car': None}


@pytest.mark.parametrize('labels', [CAMVID, CITYSCAPES])
def test_every_class_is_in_one_category(labels: Labels) -> None:
    members = [name for names in CATEGORIES.values() for name in names]
    assert len(members) == len(set(members))
    assert set(labels.names) <= set(members)


def test_classes_of_one_category_forgive_each_other() -> None:
    matrix = ConfusionMatrix(11)
    truth = np.array([CAMVID.names.index(n) for n in ('Pedestrian', 'Bicyclist', 'Car', 'Car')])
    mask = np.array([CAMVID.names.index(n) for n in ('Bicyclist', 'Bicyclist', 'Car', 'Road')])
    matrix.update(mask.astype(np.uint8), truth.astype(np.uint8))
    assert category_miou(matrix, CAMVID.names) == pytest.approx((1 + 1 / 2) / 2)
    assert matrix.miou() == pytest.approx((0 + 1 / 2 + 1 / 2) / 3)
    assert category_miou(ConfusionMatrix(2), ('Road', 'Snow')) is None


def test_classes_are_matched_by_name() -> None:
    mask = np.array([[0, 1, 2, UNLABELED]], np.uint8)
    assert ClassMap(MODEL, DATASET)(mask).tolist() == [[1, UNLABELED, 0, UNLABELED]]
    assert ClassMap(with_void(CAMVID), CAMVID)(np.uint8([[10, 11]])).tolist() == [[10, 255]]
    words = 'does not know sky of the dataset: it knows road, car; use a model .* or a dataset of'
    with pytest.raises(DatasetError, match=words) as error:
        ClassMap(DATASET, MODEL)
    # Each verb has its own way to name a model.
    assert '--' not in str(error.value)
