"""One view of the street while it is drawn: picture, mask and depth buffer.

Everything happens in inverse depth w = 1 / z: a plane's w is linear in pixel coordinates, so
the hits of a whole patch of pixels are sums of a row and a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.core.transforms import rigid_inverse
from espnet_ros.sim.things import Placed

Array = npt.NDArray[Any]  # float64
Floats = npt.NDArray[Any]  # float32
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[Any]  # uint8, which OpenCV's type stubs can't say
Box = tuple[int, int, int, int]
Vector = Sequence[float]
NEAR_M = 0.1


@dataclass(frozen=True)
class Light:
    """The sun and the sky.

    :param sun: unit vector towards the sun in odom, (3,).
    :param ambient: brightness of a face in the shade.
    :param direct: what the sun adds to a face turned to it.
    """

    sun: Array
    ambient: float
    direct: float

    def on(self, normals: Array) -> Array:
        """Return the brightness of faces with these unit normals in odom, (..., 3) -> (...)."""
        sky = 0.92 + 0.08 * normals[..., 2]
        return self.ambient * sky + self.direct * np.maximum(normals @ self.sun, 0.0)


@dataclass(frozen=True, eq=False)
class View:
    """A thing as the camera sees it.

    :param upright: rotation odom <- thing, (3, 3).
    :param turn: rotation camera <- thing, (3, 3). :param shift: its translation, (3,).
    :param box: around it in the picture. :param nearest: depth of its nearest corner, metres.
    """

    placed: Placed
    upright: Array
    turn: Array
    shift: Array
    box: Box
    nearest: float

    def points(self, points: Array) -> Array:
        """Return points of the thing in the optical frame, (N, 3)."""
        return points @ self.turn.T + self.shift


class Canvas:
    """What has been seen so far: image, mask and inverse depth of one view.

    :param k: K (3, 3). :param size_wh: pixels. :param T_camera_odom: (4, 4).
    """

    def __init__(
        self, k: Array, size_wh: tuple[int, int], T_camera_odom: Array, light: Light
    ) -> None:
        width, height = size_wh
        self.size_wh = size_wh
        self.focal = float(k[0, 0])
        self._middle = float(k[0, 2]), float(k[1, 2])
        self.T_camera_odom = T_camera_odom
        self.eye = rigid_inverse(T_camera_odom)[:3, 3]
        self.light = light
        # Rays as (x, y, 1) in the optical frame.
        self.ray_x = ((np.arange(width) - self._middle[0]) / self.focal).astype(np.float32)
        ray_y = (np.arange(height) - self._middle[1]) / self.focal
        self.ray_y = ray_y.astype(np.float32)[:, None]
        self.image = np.zeros((height, width, 3), np.uint8)
        self.mask = np.zeros((height, width), np.uint8)
        self.w = np.zeros((height, width), np.float32)

    def views(self, many: Sequence[Placed]) -> list[View]:
        """Return things as the camera sees them, without those outside the picture."""
        yaw = np.array([p.yaw for p in many])
        upright = np.zeros((len(many), 3, 3))
        upright[:, 0, 0] = upright[:, 1, 1] = np.cos(yaw)
        upright[:, 1, 0] = np.sin(yaw)
        upright[:, 0, 1] = -upright[:, 1, 0]
        upright[:, 2, 2] = 1.0
        turn = self.T_camera_odom[:3, :3] @ upright
        at = np.array([(p.x, p.y) for p in many]).reshape(-1, 2)
        shift = at @ self.T_camera_odom[:3, :2].T + self.T_camera_odom[:3, 3]
        corners = np.array([p.thing.corners for p in many]).reshape(-1, 8, 3)
        points = corners @ turn.transpose(0, 2, 1) + shift[:, None]
        boxes = self._boxes(points)
        nearest = points[:, :, 2].min(axis=1).tolist()
        every = zip(many, upright, turn, shift, boxes, nearest, strict=True)
        return [View(p, u, r, t, b, n) for p, u, r, t, b, n in every if b is not None]

    def _boxes(self, points: Array) -> list[Box | None]:
        """Return `box` of several at once, (N, 8, 3)."""
        ahead = points[:, :, 2].min(axis=1) > NEAR_M
        z = np.maximum(points[:, :, 2:], NEAR_M)
        flat = points[:, :, :2] * (self.focal / z) + self._middle
        bounds = np.concatenate([flat.min(axis=1), flat.max(axis=1)], axis=1).tolist()
        return [
            self._clip(*b) if a else self.box(p)
            for a, b, p in zip(ahead.tolist(), bounds, points, strict=True)
        ]

    def open_box(self, points: Array) -> Box | None:
        """Return the box around points, None if nearer things fill it or it is out of view."""
        box = self.box(points)
        return None if box is None or self.hides(box, float(points[:, 2].min())) else box

    def hides(self, box: Box, nearest: float) -> bool:
        """Return whether everything in the box is nearer than a depth."""
        return nearest > NEAR_M and float(self.patch(self.w, box).min()) * nearest >= 1.0

    def box(self, points: Array) -> Box | None:
        """Return columns and rows (x0, x1, y0, y1) around points in the optical frame."""
        z = points[:, 2]
        if z.min() <= NEAR_M:
            ahead = z > NEAR_M
            if not ahead.any():
                return None
            front, back = points[ahead][:, None], points[~ahead][None]
            share = (front[..., 2:] - NEAR_M) / (front[..., 2:] - back[..., 2:])
            cut = (front + share * (back - front)).reshape(-1, 3)
            points = np.concatenate([points[ahead], cut])
            z = points[:, 2]
        flat = points[:, :2] * (self.focal / z)[:, None] + self._middle
        (left, top), (right, bottom) = flat.min(axis=0).tolist(), flat.max(axis=0).tolist()
        return self._clip(left, top, right, bottom)

    def _clip(self, left: float, top: float, right: float, bottom: float) -> Box | None:
        width, height = self.size_wh
        if right < 0 or bottom < 0 or left >= width or top >= height:
            return None
        return (
            max(int(left), 0), min(int(right) + 2, width),
            max(int(top), 0), min(int(bottom) + 2, height),
        )  # fmt: skip

    @staticmethod
    def patch(array: npt.NDArray[Any], box: Box) -> npt.NDArray[Any]:
        """Return the part of a picture that is in the box, a view."""
        return array[box[2] : box[3], box[0] : box[1]]

    def linear(self, g: Vector, box: Box) -> Floats:
        """Return g @ (x, y, 1) for each ray of the box, float32 (h, w).

        :param g: plain floats; NumPy's float64 scalars would lift the result to float64.
        """
        return g[0] * self.ray_x[box[0] : box[1]] + (g[1] * self.ray_y[box[2] : box[3]] + g[2])

    def planes(self, g: Array, box: Box) -> Floats:
        """Return `linear` of several at once, (P, 3) -> float32 (P, h, w)."""
        a, b, c = g.astype(np.float32).T[:, :, None, None]
        return a * self.ray_x[box[0] : box[1]] + (b * self.ray_y[box[2] : box[3]] + c)

    def write(self, box: Box, hit: Flags, w: Floats, color: Bytes, class_id: int) -> None:
        """Keep the hits of a part.

        :param hit: bool (h, w). :param w: float32 (h, w).
        :param color: uint8 (h, w, 3), or (N, 3) for the N hits.
        """
        np.copyto(self.patch(self.w, box), w, where=hit)
        np.copyto(self.patch(self.mask, box), np.uint8(class_id), where=hit)
        if color.ndim == 2:
            self.patch(self.image, box)[hit] = color
        else:
            cv2.copyTo(color, hit.view(np.uint8), self.patch(self.image, box))
