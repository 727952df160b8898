"""Checks that the values of a CameraInfo are a calibration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from espnet_ros.core.arrays import Floats

if TYPE_CHECKING:
    from espnet_ros.core.camera import CameraModel


# How many coefficients each model takes. None means a lens without distortion, and some drivers
# leave out plumb_bob's k3. With 8, plumb_bob is the rational model, as in OpenCV. More are
# accepted if they are 0, because some drivers fill up all the room of their struct.
_LENGTHS = {'plumb_bob': (0, 4, 5, 8), 'rational_polynomial': (0, 8), 'equidistant': (0, 4)}
# Further terms that OpenCV supports and this package does not.
_THIN_PRISM = ('s1', 's2', 's3', 's4')
_TILT = ('tau_x', 'tau_y')
# Share of the image's side; a lens that sees all around has 1 / (2 pi) = 0.16 (equidistant).
_SHORTEST_FOCAL = 0.05
# Far above that of any lens, and far below what overflows in powers and products.
_LARGEST_COEFFICIENT = 1e6


def needed_coefficients(D: Floats, distortion_model: str) -> Floats:
    """Return the coefficients without the zeros that exceed what the model takes.

    :param D: (N,), as camera_info has them.
    """
    lengths = _LENGTHS.get(distortion_model, ())
    if D.ndim != 1 or D.size in lengths:
        return D
    fitting = [n for n in lengths if n < D.size and not D[n:].any()]
    return D[: max(fitting, default=D.size)]


def calibration_problems(model: CameraModel) -> Iterator[str]:
    """Yield why the values are not a calibration."""
    width, height = model.size_wh
    sized = min(width, height) >= 1
    if not sized:
        yield f'the image size must be positive, got {width}x{height}'
    yield from _matrix_problems(model.K)
    if sized:
        yield from _focal_problems(model.K, width, height)
    yield from _distortion_problems(model)
    left, top, roi_width, roi_height = model.whole_roi_xywh
    if min(left, top) < 0 or left + roi_width > width or top + roi_height > height:
        yield f'the region of interest {model.roi_xywh} is not inside of {width}x{height} pixels'
    bin_x, bin_y = model.whole_binning_xy
    too_coarse = sized and (bin_x > roi_width or bin_y > roi_height)
    if min(model.binning_xy) < 0 or too_coarse:
        yield f'binning must be 0 or more and leave a pixel, got {model.binning_xy}'


def _matrix_problems(K: Floats) -> Iterator[str]:
    if K.shape != (3, 3):
        yield f'K must have 9 values, got {K.size}'
    elif not np.isfinite(K).all():
        yield f'K must be finite, got {K.ravel().tolist()}'
    elif not K.any():
        yield 'K is all zero, which means "not calibrated": calibrate the camera'
    elif K[0, 0] <= 0 or K[1, 1] <= 0:
        yield f'focal lengths must be above 0, got fx {K[0, 0]:g}, fy {K[1, 1]:g}'
    elif K[0, 1] or K[1, 0] or K[2].tolist() != [0.0, 0.0, 1.0]:
        yield f'K must be [fx 0 cx; 0 fy cy; 0 0 1], got {K.ravel().tolist()}'


def _focal_problems(K: Floats, width: int, height: int) -> Iterator[str]:
    if K.shape == (3, 3) and 0.0 < min(K[0, 0] / width, K[1, 1] / height) < _SHORTEST_FOCAL:
        yield (
            f'focal lengths must be in pixels, got fx {K[0, 0]:g}, fy {K[1, 1]:g} for '
            f'{width}x{height}: are they fractions of the image size?'
        )


def _distortion_problems(model: CameraModel) -> Iterator[str]:
    D, name = model.D, model.distortion_model
    if not np.isfinite(D).all():
        yield f'D must be finite, got {D.tolist()}'
    elif (np.abs(D) > _LARGEST_COEFFICIENT).any():
        yield (
            f'the values of D must lie within +-{_LARGEST_COEFFICIENT:.0e}, got {D.tolist()}: '
            'calibrate the camera again'
        )
    if name == '' and not D.any():
        return
    if name not in _LENGTHS:
        yield f'distortion_model must be one of {", ".join(_LENGTHS)}, got {name!r}'
    elif D.ndim == 1 and D.size in (12, 14) and name != 'equidistant':
        terms = [term for term, value in zip(_THIN_PRISM + _TILT, D[8:], strict=False) if value]
        yield (
            f'D of {name} has the terms {", ".join(terms)} of a thin prism or a tilted sensor, '
            'which are not supported: calibrate without them, or use rectified images '
            '(image_rect) and set input.rectified'
        )
    elif D.ndim != 1 or D.size not in _LENGTHS[name]:
        lengths = ' or '.join(str(n) for n in _LENGTHS[name])
        yield f'D of {name} must have {lengths} values, got {D.size}'
