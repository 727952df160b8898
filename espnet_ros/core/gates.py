"""Which part of an image is trusted to show the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

from espnet_ros.core.errors import ParameterError, PoseError

Pixel = tuple[int, int]


@dataclass(frozen=True)
class Gates:
    """Range, horizon and border.

    :param max_range_m: from the camera's foot; ground farther away is not observed.
    :param min_range_m: ground nearer than this is not observed, e.g. the robot's own body.
    :param min_depression_deg: how far below the horizon a ray must point: near the horizon a pixel
        is metres long on the ground, and a pitch error moves it by as much.
    :param border_px: width of the image's edge that is not used.
    :raises ParameterError: if a value is out of bounds; all offenders are listed.
    """

    max_range_m: float = 8.0
    min_range_m: float = 0.0
    min_depression_deg: float = 2.0
    border_px: int = 2

    def __post_init__(self) -> None:
        # For callers without a config; the bounds of the parameters are narrower.
        problems = []
        if not 0.0 < self.max_range_m < math.inf:
            problems.append(f'max_range must be above 0 m and finite, got {self.max_range_m}')
        if not 0.0 <= self.min_range_m < self.max_range_m:
            problems.append(f'min_range must be 0 m up to max_range, got {self.min_range_m}')
        if not 0.0 < self.min_depression_deg < 90.0:
            problems.append(
                f'min_depression must be above 0, below 90 degrees, got {self.min_depression_deg}'
            )
        if self.border_px < 0:
            problems.append(f'border must be 0 px or more, got {self.border_px}')
        if problems:
            raise ParameterError('projection refused: ' + '; '.join(problems))

    def reach_m(self, height_m: float) -> float:
        """Return how far from its foot a camera of this height is trusted to see ground."""
        slope = math.tan(math.radians(self.min_depression_deg))
        return min(self.max_range_m, height_m / slope)

    def used_px(self, image_wh: Pixel) -> tuple[Pixel, Pixel]:
        """Return the first u and v inside of the border, and the first beyond its far side.

        :param image_wh: pixels.
        :raises PoseError: if no pixel is left between them.
        """
        width, height = image_wh
        border = self.border_px
        if 2 * border >= min(width, height):
            raise PoseError(
                f'a projection.border of {border} pixels leaves nothing of masks of '
                f'{width}x{height}: set it to {(min(width, height) - 1) // 2} at most'
            )
        return (border, border), (width - border, height - border)
