"""From a mask and a registered depth image to an observation of the cells of a grid.

With depth nothing needs to be deduced from the ground plane: every pixel is a point. Points of
`ground` classes count near z = 0 of the base frame. Points of `upright` classes count between two
heights, so that a robot may pass below a tree's crown or a sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.core.arrays import Bools, Floats, Indices, UInt8Array
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.errors import ParameterError, PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec, Observation
from espnet_ros.core.ground_inputs import check_depth, check_height, check_mask, ground_pose
from espnet_ros.core.labels import Labels
from espnet_ros.core.still import WhileStill
from espnet_ros.core.transforms import rigid

# How many points make a look at a cell count in full, and the fewest that make a thing: a lone
# point is a flying pixel at an edge.
_FULL_POINTS, _FEWEST_POINTS = 4, 2


@dataclass(frozen=True)
class HeightBand:
    """The heights above z = 0 of the base frame that count.

    :param ground_m: points of ground classes count up to this far above and below 0.
    :param low_m: points of upright classes count from here ...
    :param high_m: ... to here, which covers the height of the robot.
    :raises ParameterError: if a range is empty or not finite; all offenders are listed.
    """

    ground_m: float = 0.15
    low_m: float = 0.05
    high_m: float = 2.0

    def __post_init__(self) -> None:
        problems = []
        if not 0.0 < self.ground_m < float('inf'):
            problems.append(f'ground must be above 0 m, got {self.ground_m}')
        if not float('-inf') < self.low_m < self.high_m < float('inf'):
            problems.append(f'low must be below high, got {self.low_m} and {self.high_m} m')
        if problems:
            raise ParameterError('height band refused: ' + '; '.join(problems))

    def limits(self, labels: Labels) -> tuple[Floats, Floats]:
        """Return the heights between which each class id counts, two arrays (256,), metres.

        :returns: low and high; inf and -inf, so no height, for other class ids.
        """
        low, high = np.full(256, np.inf), np.full(256, -np.inf)
        for class_id, label in enumerate(labels):
            if label.kind == 'ground':
                low[class_id], high[class_id] = -self.ground_m, self.ground_m
            elif label.kind == 'upright':
                low[class_id], high[class_id] = self.low_m, self.high_m
        return low, high


class DepthRules:
    """Which pixels with depth count, both for the grid and for clouds.

    :param labels: the classes of the masks.
    :param gates: range and border; the horizon does not matter with depth.
    :param band: the heights that count.
    """

    def __init__(self, labels: Labels, gates: Gates, band: HeightBand) -> None:
        self.gates = gates
        self.upright = labels.of_kind('upright')
        self._low, self._high = band.limits(labels)

    def points(
        self,
        class_ids: UInt8Array,
        depth_m: npt.NDArray[np.float32],
        rays: npt.NDArray[Any],
        T_base_camera: Floats,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Bools]:
        """Return the points of pixels, in the precision of their rays, and which of them count.

        :param class_ids: uint8 (...).
        :param depth_m: along the optical axis, float32 (...) metres; 0, NaN and inf are unknown.
        :param rays: (..., 3), z = 1, optical frame, NaN where there is none.
        :param T_base_camera: (4, 4), base <- optical frame.
        :returns: points (..., 3) metres in the optical frame, the same as offsets from the camera
            along the axes of the base frame, and which count, bool (...).
        """
        known = np.isfinite(depth_m) & (depth_m > 0)
        optical = rays * np.where(known, depth_m, np.float32(np.nan))[..., None]
        offset = optical @ T_base_camera[:3, :3].T.astype(rays.dtype)
        height = offset[..., 2] + float(T_base_camera[2, 3])
        ranges = np.hypot(offset[..., 0], offset[..., 1])
        with np.errstate(invalid='ignore'):  # NaN is within no bounds
            counts = (height >= self._low[class_ids]) & (height <= self._high[class_ids])
            counts &= (ranges >= self.gates.min_range_m) & (ranges <= self.gates.max_range_m)
        return optical, offset, counts


class DepthProjector:
    """Turns masks with depth of one camera into observations of the ground.

    :param rules: which pixels count.
    :param stride: the step between the pixels read, across and down.
    :raises ParameterError: if the stride is below 1.
    """

    def __init__(self, rules: DepthRules, stride: int = 2) -> None:
        if stride < 1:
            raise ParameterError(f'stride must be 1 or more, got {stride}')
        self._rules, self._stride = rules, stride
        self._rays: tuple[CameraModel, Indices, Floats] | None = None
        self._sees_below = WhileStill(self._looks_below)

    def observe(
        self,
        mask: UInt8Array,
        confidence: UInt8Array | None,
        depth_m: npt.NDArray[np.float32],
        camera: CameraModel,
        T_base_camera: npt.ArrayLike,
        T_grid_base: npt.ArrayLike,
        spec: GridSpec,
    ) -> Observation:
        """Return the observation of a grid's cells by a mask with depth.

        :param mask: class ids, uint8 (H, W).
        :param confidence: 0..255, uint8 (H, W); None means 255 everywhere.
        :param depth_m: along the optical axis, float32 (H, W) metres; 0, NaN and inf are unknown.
        :param camera: the model for the mask and the registered depth.
        :param T_base_camera: (4, 4), base <- optical frame.
        :param T_grid_base: (4, 4), the grid's frame <- base, at the image's stamp.
        :param spec: the grid.
        :raises ImageError: if the arrays are not of these types and of one shape.
        :raises CameraInfoError: if the camera's images have another size than the mask.
        :raises PoseError: if a transform is not rigid, or the camera is not above the ground or
            does not look below the horizon anywhere.
        """
        check_mask(mask, confidence, camera)
        check_depth(depth_m, mask)
        T, pose = rigid(T_base_camera, 'T_base_camera'), np.asarray(T_grid_base, np.float64)
        ground_pose(pose)
        check_height(T)
        pixels, rays = self._pixels(camera)
        if not self._sees_below.of(camera, T):
            # It might see hanging things, but nothing a robot drives on or into. Far more likely,
            # the frame has the axes of a body: its z, forward in an optical frame, points up.
            raise PoseError(
                'the whole image of the camera is above the horizon: is header.frame_id not an '
                'optical frame (z forward, x right, y down)? Check camera_mount or the TF of the '
                'camera, and projection.border'
            )
        depth_m = depth_m.ravel()[pixels]
        known = np.flatnonzero(depth_m > 0)  # often less than half of the pixels
        pixels, rays, depth_m = pixels[known], rays[known], depth_m[known]
        class_ids = mask.ravel()[pixels]
        _, offset, used = self._rules.points(class_ids, depth_m, rays, T)
        points = offset[used] + T[:3, 3]
        cells, inside = spec.cells_of(points @ pose[:2, :3].T + pose[:2, 3])
        pixels, cells = pixels[used][inside], cells[inside]
        sure = np.float32(1) if confidence is None else confidence.ravel()[pixels] / 255.0
        return self._vote(mask.ravel()[pixels], sure * np.ones(len(pixels)), cells, spec)

    def in_view(
        self, mask: UInt8Array, depth_m: npt.NDArray[np.float32], camera: CameraModel
    ) -> UInt8Array:
        """Return the class ids of the pixels with depth, at any range or height, uint8 (N,).

        The gates are ignored because a wall right before the camera may be nearer than min_range.

        :param mask: class ids, uint8 (H, W).
        :param depth_m: float32 (H, W) metres; 0, NaN and inf are unknown.
        """
        pixels, _ = self._pixels(camera)
        depth_m = depth_m.ravel()[pixels]
        return mask.ravel()[pixels[(depth_m > 0) & (depth_m < np.inf)]]

    def _looks_below(self, camera: CameraModel, T: Floats) -> bool:
        """Return whether the ray of any pixel that is used leads below the horizon."""
        return bool((self._pixels(camera)[1] @ T[2, :3] < 0).any())

    def _pixels(self, camera: CameraModel) -> tuple[Indices, Floats]:
        """Return the pixels that are read and their rays, cached until the camera changes."""
        if self._rays is None or self._rays[0] != camera:
            (left, top), (right, bottom) = self._rules.gates.used_px(camera.image_wh)
            u, v = np.meshgrid(
                np.arange(left, right, self._stride), np.arange(top, bottom, self._stride)
            )
            rays = camera.rays(np.stack([u, v], axis=-1).reshape(-1, 2))
            there = np.isfinite(rays).all(axis=1)
            flat = v * camera.image_wh[0] + u
            self._rays = camera, flat.ravel()[there].astype(np.intp), rays[there]
        return self._rays[1:]

    def _vote(
        self, class_ids: UInt8Array, sure: Floats, cells: Indices, spec: GridSpec
    ) -> Observation:
        """Return the surest class of each cell; a thing takes precedence over ground."""
        observation = Observation(
            spec, np.zeros(spec.shape, np.uint8), np.zeros(spec.shape, np.float32)
        )
        into_ids, into_weights = observation.class_ids.ravel(), observation.weights.ravel()
        flat = cells[:, 1] * spec.size_cells[0] + cells[:, 0]
        upright = self._rules.upright[class_ids]
        for chosen, fewest in ((~upright, 1), (upright, _FEWEST_POINTS)):
            counts = np.bincount(flat[chosen], minlength=into_ids.size)
            weights = sure * np.minimum(1.0, counts[flat] / _FULL_POINTS)
            order = np.flatnonzero(chosen & (counts[flat] >= fewest) & (weights > 0))
            # With repeated indices the last one wins.
            order = order[np.argsort(weights[order], kind='stable')]
            into_ids[flat[order]] = class_ids[order]
            into_weights[flat[order]] = weights[order]
        return observation
