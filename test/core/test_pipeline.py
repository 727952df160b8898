"""The pipeline with a backend whose masks are known by hand: class_id = blue value."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from espnet_ros.core.color_image import MOVES, ColorImage
from espnet_ros.core.errors import ImageError
from espnet_ros.core.labels import UNLABELED, LabelClass, Labels
from espnet_ros.core.pipeline import Segmenter

LABELS = Labels(
    [
        LabelClass('road', (128, 64, 128), 'ground'),
        LabelClass('wall', (102, 102, 156), 'upright'),
        LabelClass('nothing', (0, 0, 0), 'void'),
    ]
)


class BlueIsTheClass:
    """A backend: class_id = blue, confidence = green."""

    def __init__(self):
        self.shapes = []

    def infer(self, images):
        assert images.dtype == np.uint8
        assert images.flags.c_contiguous
        self.shapes.append(images.shape)
        return images[..., 0].copy(), images[..., 1].copy()


def blocks(width, height):
    """Return an image whose left half is road and whose right half is wall."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :, 0] = 1
    image[: height // 2, :, 1] = 100
    image[:, :, 2] = 7
    return image


def test_the_network_size_comes_back_at_the_image_size():
    backend = BlueIsTheClass()
    result = Segmenter(backend, LABELS, (16, 8)).segment(blocks(32, 24))
    assert backend.shapes == [(1, 8, 16, 3)]
    assert result.mask.shape == result.confidence.shape == (24, 32)
    np.testing.assert_array_equal(result.mask, blocks(32, 24)[..., 0])
    np.testing.assert_array_equal(result.confidence[:12], 100)
    np.testing.assert_array_equal(result.confidence[12:], 0)


def test_images_of_several_sizes_are_one_batch():
    backend = BlueIsTheClass()
    images = [ColorImage(blocks(32, 24)), ColorImage(blocks(48, 16)[..., ::-1], MOVES[0])]
    first, second = Segmenter(backend, LABELS, (16, 8)).segment_together(images)
    assert backend.shapes == [(2, 8, 16, 3)]
    np.testing.assert_array_equal(first.mask, blocks(32, 24)[..., 0])
    np.testing.assert_array_equal(second.mask, blocks(48, 16)[..., 0])
    np.testing.assert_array_equal(second.confidence[:8], 100)
    assert first.stage_ms['infer'] == second.stage_ms['infer']


def test_the_network_size_can_stay():
    result = Segmenter(BlueIsTheClass(), LABELS, (16, 8), 'network').segment(blocks(32, 24))
    np.testing.assert_array_equal(result.mask, blocks(16, 8)[..., 0])


def test_an_image_of_the_network_size_is_not_touched():
    image = np.random.default_rng(0).integers(0, 2, (8, 16, 3), dtype=np.uint8)
    result = Segmenter(BlueIsTheClass(), LABELS, (16, 8)).segment(image)
    np.testing.assert_array_equal(result.mask, image[..., 0])


class ByPlace(BlueIsTheClass):
    """A backend whose answer depends on where in its image a pixel is."""

    def infer(self, images):
        mask, confidence = super().infer(images)
        rows, columns = np.indices(mask.shape[1:])
        mask = (mask // 64 + rows // 3) % 2
        return mask.astype(np.uint8), confidence // 2 + columns.astype(np.uint8)


def noise(width, height, seed):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize('mask_size', ['image', 'network'])
@pytest.mark.parametrize('size_wh', [(32, 24), (48, 40), (16, 8)])
def test_an_image_upside_down_is_segmented_as_one_that_was_turned(size_wh, mask_size):
    image = noise(*size_wh, 1)
    segmenter = Segmenter(ByPlace(), LABELS, (16, 8), mask_size, min_confidence=60 / 255)
    hanging = ColorImage(image, upside_down=True)
    upright = segmenter.segment(np.ascontiguousarray(image[::-1, ::-1]))
    (result,) = segmenter.segment_together([hanging])
    np.testing.assert_array_equal(result.mask, upright.mask[::-1, ::-1])
    np.testing.assert_array_equal(result.confidence, upright.confidence[::-1, ::-1])
    # The image itself stays as it came, and seen so it would give something else.
    np.testing.assert_array_equal(hanging.bgr, image)
    assert (result.mask != segmenter.segment(image).mask).any()


def test_in_a_batch_only_the_images_upside_down_are_turned():
    images = [noise(32, 24, seed) for seed in (1, 2, 3)]
    segmenter = Segmenter(ByPlace(), LABELS, (16, 8))
    flags = (True, False, True)
    batch = [ColorImage(i, upside_down=flag) for i, flag in zip(images, flags, strict=True)]
    together = segmenter.segment_together(batch)
    for one, result in zip(batch, together, strict=True):
        (alone,) = segmenter.segment_together([one])
        np.testing.assert_array_equal(result.mask, alone.mask)
        np.testing.assert_array_equal(result.confidence, alone.confidence)
    np.testing.assert_array_equal(together[1].mask, segmenter.segment(images[1]).mask)


def test_padded_grey_rows_may_be_upside_down():
    grey = np.zeros((8, 20, 1), np.uint8)
    grey[0, 0] = 1
    image = ColorImage(grey[:, :16], cv2.COLOR_GRAY2BGR, upside_down=True)
    (result,) = Segmenter(BlueIsTheClass(), LABELS, (16, 8)).segment_together([image])
    np.testing.assert_array_equal(result.mask, grey[:, :16, 0])
    assert result.mask.flags.c_contiguous


def test_void_and_ids_without_a_class_become_unlabeled():
    image = np.zeros((8, 16, 3), np.uint8)
    image[0, :4, 0] = (0, 1, 2, 9)
    result = Segmenter(BlueIsTheClass(), LABELS, (16, 8)).segment(image)
    assert result.mask[0, :4].tolist() == [0, 1, UNLABELED, UNLABELED]


def test_what_is_not_sure_enough_becomes_unlabeled_and_keeps_its_confidence():
    image = np.zeros((8, 16, 3), np.uint8)
    image[0, :4, 0] = (0, 1, 2, 1)
    image[0, :4, 1] = (99, 100, 255, 0)
    # 0.392 of 255 is 99.96, so the least level is 100.
    segmenter = Segmenter(BlueIsTheClass(), LABELS, (16, 8), min_confidence=0.392)
    result = segmenter.segment(image)
    assert result.mask[0, :4].tolist() == [UNLABELED, 1, UNLABELED, UNLABELED]
    assert result.confidence[0, :4].tolist() == [99, 100, 255, 0]


def test_the_mask_is_enlarged_about_pixel_centres():
    # 3 -> 8 pixels: centres (i + 0.5) * 3 / 8 = 0.19 0.56 0.94 1.31 1.69 2.06 2.44 2.81.
    backend = BlueIsTheClass()
    segmenter = Segmenter(backend, LABELS, (3, 1))
    image = np.zeros((1, 8, 3), np.uint8)
    backend.infer = lambda images: (
        np.array([[[0, 1, 0]]], np.uint8),
        np.array([[[10, 20, 30]]], np.uint8),
    )
    result = segmenter.segment(image)
    assert result.mask[0].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert result.confidence[0].tolist() == [10, 10, 10, 20, 20, 30, 30, 30]


def test_padded_rows_are_welcome():
    wide = blocks(40, 8)
    result = Segmenter(BlueIsTheClass(), LABELS, (16, 8)).segment(wide[:, 12:28])
    np.testing.assert_array_equal(result.mask, wide[:, 12:28, 0])


def test_times_of_each_stage_are_given():
    result = Segmenter(BlueIsTheClass(), LABELS, (16, 8)).segment(blocks(32, 24))
    assert set(result.stage_ms) == {'resize', 'infer', 'post'}
    assert all(value >= 0 for value in result.stage_ms.values())


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((5, 7), np.uint8),
        np.zeros((5, 7, 4), np.uint8),
        np.zeros((5, 7, 3), np.uint16),
        np.zeros((0, 7, 3), np.uint8),
        None,
    ],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ImageError, match=r'expected an image uint8 \(H, W, 3\) BGR, got '):
        Segmenter(BlueIsTheClass(), LABELS, (16, 8)).segment(image)
