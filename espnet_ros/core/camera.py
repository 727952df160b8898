"""Camera models from the values of a CameraInfo: pixels to rays and points to pixels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Floats
from espnet_ros.core.camera_checks import calibration_problems, needed_coefficients
from espnet_ros.core.distortion import BrownConrady, Distortion, Equidistant
from espnet_ros.core.errors import CameraInfoError

_RATIO_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class CameraModel:
    """One calibrated camera; pixel centres are at whole numbers in the delivered image.

    :param size_wh: of the full, unbinned image the calibration is for, pixels.
    :param K: camera matrix of that full image, (3, 3) or 9 values.
    :param D: distortion coefficients in OpenCV's order; empty for none. Zeros beyond what the
        model takes are dropped.
    :param distortion_model: ``plumb_bob``, ``rational_polynomial`` or ``equidistant``; '' is
        accepted if all coefficients are zero.
    :param roi_xywh: the part of the full image that is delivered, in its unbinned pixels; a
        width or height of 0 means all of it.
    :param binning_xy: how many full pixels make one delivered pixel; 0 means 1.
    :raises CameraInfoError: if the values are not a calibration; all offenders are listed.
    """

    size_wh: tuple[int, int]
    K: Floats
    D: Floats = field(default_factory=lambda: np.zeros(0))
    distortion_model: str = 'plumb_bob'
    roi_xywh: tuple[int, int, int, int] = (0, 0, 0, 0)
    binning_xy: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        for name in ('size_wh', 'roi_xywh', 'binning_xy'):
            object.__setattr__(self, name, tuple(int(v) for v in getattr(self, name)))
        for name in ('K', 'D'):
            values = np.array(getattr(self, name), np.float64)
            object.__setattr__(self, name, values)
        if self.K.size == 9:
            object.__setattr__(self, 'K', self.K.reshape(3, 3))
        object.__setattr__(self, 'D', needed_coefficients(self.D, self.distortion_model))
        problems = list(calibration_problems(self))
        if problems:
            raise CameraInfoError('camera calibration refused: ' + '; '.join(problems))
        self.K.setflags(write=False)
        self.D.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CameraModel) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        numbers = (*self.K.ravel().tolist(), *self.D.ravel().tolist())
        where = (self.size_wh, self.roi_xywh, self.binning_xy)
        return (*where, self.distortion_model, numbers)

    @property
    def whole_roi_xywh(self) -> tuple[int, int, int, int]:
        """Return `roi_xywh` with a width and height of 0 replaced by those of the full image."""
        left, top, width, height = self.roi_xywh
        return left, top, width or self.size_wh[0], height or self.size_wh[1]

    @property
    def whole_binning_xy(self) -> tuple[int, int]:
        """Return how many full pixels make a delivered one, at least 1."""
        return max(1, self.binning_xy[0]), max(1, self.binning_xy[1])

    @cached_property
    def image_wh(self) -> tuple[int, int]:
        """Return the size of the delivered image, pixels."""
        width, height = self.whole_roi_xywh[2:]
        bin_x, bin_y = self.whole_binning_xy
        return width // bin_x, height // bin_y

    @cached_property
    def from_full(self) -> Floats:
        """Return the map from full-image pixels to delivered pixels, (3, 3), homogeneous.

        It treats region and binning as image_geometry does.
        """
        left, top = self.whole_roi_xywh[:2]
        bin_x, bin_y = self.whole_binning_xy
        return np.array([[1 / bin_x, 0, -left / bin_x], [0, 1 / bin_y, -top / bin_y], [0, 0, 1]])

    @cached_property
    def matrix(self) -> Floats:
        """Return the camera matrix of the delivered image, (3, 3)."""
        matrix: Floats = self.from_full @ self.K
        matrix.setflags(write=False)
        return matrix

    @cached_property
    def focal_px(self) -> float:
        """Return the focal length in delivered pixels, the geometric mean of both directions."""
        return float(np.sqrt(self.matrix[0, 0] * self.matrix[1, 1]))

    @cached_property
    def _distortion(self) -> Distortion | None:
        if not self.D.any():
            # An equidistant lens bends straight lines even if all coefficients are zero.
            return Equidistant(self.D) if self.distortion_model == 'equidistant' else None
        kind = Equidistant if self.distortion_model == 'equidistant' else BrownConrady
        return kind(self.D)

    def resized(self, size_wh: tuple[int, int]) -> CameraModel:
        """Return the model of the delivered image after a resize to this size.

        :param size_wh: pixels; the two directions scale independently, as in cv2.resize.
        """
        matrix = resize_map(self.image_wh, size_wh) @ self.matrix
        return dataclasses.replace(
            self, size_wh=size_wh, K=matrix, roi_xywh=(0, 0, 0, 0), binning_xy=(0, 0)
        )

    def fitted(self, image_wh: tuple[int, int]) -> CameraModel:
        """Return the model of an image that may have been resized since the calibration.

        :param image_wh: pixels.
        :raises CameraInfoError: if the image has another aspect ratio, so it was cropped as well.
        """
        if image_wh == self.image_wh:
            return self
        width, height = self.image_wh
        stretch = (image_wh[0] * height) / max(image_wh[1] * width, 1)
        if min(image_wh) < 1 or abs(stretch - 1.0) > _RATIO_TOLERANCE:
            raise CameraInfoError(
                f'the calibration is for images of {width}x{height} pixels, the image has '
                f'{image_wh[0]}x{image_wh[1]}, which no resize explains: calibrate the camera '
                'at the size and crop that it publishes'
            )
        return self.resized(image_wh)

    def rays(self, pixels: npt.ArrayLike) -> Floats:
        """Return the undistorted rays through pixels, float64 (..., 3) with z = 1.

        :param pixels: (..., 2) u, v of the delivered image; whole numbers are pixel centres.
        :returns: optical frame (x right, y down); NaN where the lens model has no ray.
        """
        uv = np.asarray(pixels, np.float64)
        m = self.matrix
        # All x lie before all y in memory, here and in all arrays computed from it.
        xy = np.asfortranarray(uv.reshape(-1, 2) - m[:2, 2]) / (m[0, 0], m[1, 1])
        if self._distortion is not None:
            xy = self._distortion.undistort(xy)
        rays = np.concatenate([xy, np.ones((len(xy), 1))], axis=1)
        rays[np.isnan(xy).any(axis=1)] = np.nan
        return rays.reshape(*uv.shape[:-1], 3)

    def project(self, points: npt.ArrayLike) -> Floats:
        """Return the pixels of points, float64 (..., 2), including those outside of the image.

        :param points: (..., 3) metres in the optical frame.
        :returns: NaN for points behind the camera or beyond the lens model's valid domain.
        """
        xyz = np.asarray(points, np.float64)
        flat = xyz.reshape(-1, 3)
        z = np.where(flat[:, 2] > 1e-9, flat[:, 2], np.nan)
        xy = flat[:, :2] / z[:, None]
        if self._distortion is not None:
            xy = self._distortion.distort(xy)
        m = self.matrix
        uv: Floats = xy * (m[0, 0], m[1, 1]) + m[:2, 2]
        return uv.reshape(*xyz.shape[:-1], 2)


def resize_map(from_wh: tuple[int, int], to_wh: tuple[int, int]) -> Floats:
    """Return the pixel map of a resize, (3, 3), homogeneous: centres stay centres, as in cv2."""
    x, y = to_wh[0] / from_wh[0], to_wh[1] / from_wh[1]
    return np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5], [0, 0, 1]])
