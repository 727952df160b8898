"""Random views of a sample: one affine warp for the geometry, then the camera's colours."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.labels import UNLABELED
from espnet_ros.network.training.datasets import Sample

ASPECT = 0.1
ROTATION_DEG = 4.0
# A class that covers less of a view counts as a thing, which could appear anywhere.
THING_SHARE = 0.1


class Framing(NamedTuple):
    """How views are cut out of samples.

    :param scale: smallest and largest ratio of a view's pixels to a sample's.
    :param class_centred: share of the views that are centred on a class drawn uniformly, so that
        poles and signs are seen as often as roads.
    """

    scale: tuple[float, float]
    class_centred: float


VARIED = Framing((0.7, 1.7), 0.5)
# Views at nearly the image's own scale, with classes as frequent as in the image. Views that
# enlarge things and centre on rare ones teach more, but the network then expects both of every
# image (Touvron et al.: Fixing the train-test resolution discrepancy, NeurIPS 2019).
AS_SEEN = Framing((0.85, 1.3), 0.0)


class View(NamedTuple):
    """A training input: a random crop of a sample in random colours.

    :param image: uint8 (H, W, 3) BGR.
    :param truth: uint8 (H, W) class_id, UNLABELED where void or beyond the sample.
    :param opinion: uint8 (H / 2, W / 2, C), see `Sample`; None if there is none.
    """

    image: UInt8Array
    truth: UInt8Array
    opinion: UInt8Array | None


def random_view(
    sample: Sample, size_wh: tuple[int, int], rng: np.random.Generator, framing: Framing = VARIED
) -> View:
    """Return a random view of `size_wh`, both even."""
    warp = _random_warp(sample.truth, size_wh, rng, framing)
    image = np.asarray(
        cv2.warpAffine(
            sample.image, warp, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        ),
        np.uint8,
    )
    truth = cv2.warpAffine(
        sample.truth, warp, size_wh, flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT, borderValue=UNLABELED,
    )  # fmt: skip
    opinion = None if sample.opinion is None else _warp_opinion(sample.opinion, warp, size_wh)
    return View(random_colors(image.astype(np.float32), rng), np.asarray(truth, np.uint8), opinion)


def paste_things(view: View, other: View, rng: np.random.Generator) -> View:
    """Return a view with things of another view pasted in front, at the same pixels.

    A random half of the classes that cover little of the other view are pasted: the network then
    recognises poles, signs or people with less regard to the usual background (Olsson et al.:
    ClassMix, WACV 2021; Ghiasi et al.: Simple copy-paste, CVPR 2021).

    :param view: without an opinion, which would not include the things.
    :param other: of the same size.
    """
    pixels = np.bincount(other.truth.ravel(), minlength=256)[:UNLABELED]
    things = np.flatnonzero((pixels > 0) & (pixels < THING_SHARE * pixels.sum()))
    pasted = np.isin(other.truth, things[rng.random(len(things)) < 0.5])
    image = np.where(pasted[..., None], other.image, view.image)
    return View(image, np.where(pasted, other.truth, view.truth), None)


def _warp_opinion(
    opinion: UInt8Array, warp: npt.NDArray[np.float64], size_wh: tuple[int, int]
) -> UInt8Array:
    """Warp an opinion, which has half the size of its image, to half the size of the view."""
    # Pixel i at half size is centred on 2 i + 1/2: v = A x + b becomes
    # 2 v' + 1/2 = A (2 x' + 1/2) + b.
    half = warp.copy()
    half[:, 2] = (warp[:, :2].sum(1) / 2 + warp[:, 2] - 0.5) / 2
    size = (size_wh[0] // 2, size_wh[1] // 2)
    # warpAffine takes four channels at a time.
    parts = [
        np.atleast_3d(
            cv2.warpAffine(
                np.ascontiguousarray(opinion[..., first : first + 4]), half, size,
                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101,
            )
        )
        for first in range(0, opinion.shape[2], 4)
    ]  # fmt: skip
    return np.asarray(np.concatenate(parts, axis=2), np.uint8)


def _random_warp(
    truth: UInt8Array, size_wh: tuple[int, int], rng: np.random.Generator, framing: Framing
) -> npt.NDArray[np.float64]:
    """Return the 2 x 3 affine map of sample pixels to view pixels."""
    scale = np.exp(rng.uniform(*np.log(framing.scale)))
    stretch = np.exp(rng.uniform(-ASPECT, ASPECT))
    flip = rng.choice([-1.0, 1.0])
    angle = np.deg2rad(rng.uniform(-ROTATION_DEG, ROTATION_DEG))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([flip * scale * stretch, scale / stretch])
    view_wh = np.abs(np.array(size_wh) / np.diag(linear))
    centre = _random_centre(truth, view_wh, rng, framing.class_centred)
    return np.hstack([linear, (np.array(size_wh) / 2 - linear @ centre)[:, None]])


def _random_centre(
    truth: UInt8Array, view_wh: npt.NDArray[np.float64], rng: np.random.Generator,
    class_centred: float,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Choose the sample pixel (x, y) for the middle of a view that covers `view_wh` pixels."""
    height, width = truth.shape
    centre = rng.uniform([0, 0], [width, height])
    if rng.random() < class_centred:
        present = np.flatnonzero(np.bincount(truth.ravel(), minlength=256)[:UNLABELED])
        if len(present):
            places = np.flatnonzero(truth.ravel() == rng.choice(present))
            y, x = divmod(int(rng.choice(places)), width)
            centre = np.array([x, y]) + rng.uniform(-0.25, 0.25, 2) * view_wh
    # Views that hang over the border would waste their pixels.
    low = np.minimum(view_wh / 2, np.array([width, height]) / 2)
    return np.clip(centre, low, np.array([width, height]) - low)


def random_colors(image: npt.NDArray[np.float32], rng: np.random.Generator) -> UInt8Array:
    """Return uint8 (H, W, 3) with random saturation, contrast, brightness, tint, blur, noise."""
    gray = image @ np.array([0.114, 0.587, 0.299], np.float32)
    image = gray[..., None] + (image - gray[..., None]) * np.float32(rng.uniform(0.6, 1.4))
    mean = np.float32(gray.mean())
    image = mean + (image - mean) * np.float32(rng.uniform(0.7, 1.3))
    image = image * rng.uniform(0.9, 1.1, 3).astype(np.float32) + np.float32(rng.uniform(-25, 25))
    if rng.random() < 0.2:
        blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
        image = np.asarray(blurred, np.float32)
    if rng.random() < 0.2:
        image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 8))
    return np.clip(image, 0, 255).astype(np.uint8)
