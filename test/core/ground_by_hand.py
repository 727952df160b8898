"""Masks on the ground by hand: a camera 1 m high that looks 45 degrees down.

With f = 32 and t = (v - 23.5) / 32, row v meets the ground at x = (1 - t) / (1 + t), at a depth
of sqrt(2) / (1 + t); y there is -(u - 31.5) / 32 times the depth. Both are from the camera's foot.
"""

from __future__ import annotations

import math

import numpy as np

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.ground_projection import GroundProjector
from espnet_ros.core.labels import UNLABELED, LabelClass, Labels

LABELS = Labels(
    [
        LabelClass('road', (0, 0, 0), 'ground'),
        LabelClass('path', (1, 0, 0), 'ground'),
        LabelClass('wall', (2, 0, 0), 'upright'),
        LabelClass('plant', (3, 0, 0), 'upright'),
        LabelClass('sky', (4, 0, 0), 'sky'),
    ]
)
ROAD, PATH, WALL, PLANT, SKY = range(5)
CAMERA = CameraModel((64, 48), [[32.0, 0, 31.5], [0, 32.0, 23.5], [0, 0, 1]])
GATES = Gates(max_range_m=4.0)
# Columns along x from 0 to 5 m, rows along y from -1.5 to 1.5 m.
SPEC = GridSpec(0.1, (50, 30), (0, -15))
HALF = math.sqrt(0.5)
# A mount that does not look down, 1 m high as well: along x.
LEVEL = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]], float)
# Where a camera stands that is not above the origin of its base.
FOOT = (0.5, -0.3)


def looking_down(height: float = 1.0, foot: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = [[0, -HALF, HALF], [-1, 0, 0], [0, -HALF, -HALF]]
    T[:3, 3] = *foot, height
    return T


def pose(x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    T = np.eye(4)
    c, s = math.cos(yaw), math.sin(yaw)
    T[:2, :2] = [[c, -s], [s, c]]
    T[:2, 3] = x, y
    return T


def mask_of(class_id: int = ROAD) -> np.ndarray:
    return np.full((48, 64), class_id, np.uint8)


def observe(
    mask, confidence=None, T_grid_base=None, spec=SPEC, gates=GATES, foot=(0.0, 0.0), **rules
):
    T_grid_base = pose() if T_grid_base is None else T_grid_base
    projector = GroundProjector(LABELS, gates, **rules)
    mount = looking_down(foot=foot)
    return projector.observe(mask, confidence, CAMERA, mount, T_grid_base, spec)


def cells_seen(observation):
    return observation.weights > 0


def middle_row(observation):
    """Return class ids along x beside y = 0, UNLABELED where nothing was seen."""
    return np.where(cells_seen(observation), observation.class_ids, UNLABELED)[15]


def pixels_by_hand(spec=SPEC, T_grid_base=None, foot=(0.0, 0.0)):
    """Return u and v of the middles of cells, and their x and y from the camera's foot."""
    T = pose() if T_grid_base is None else T_grid_base
    x, y = np.moveaxis((spec.centers() - T[:2, 3]) @ T[:2, :2] - foot, -1, 0)
    t = (1 - x) / (1 + x)
    depth = math.sqrt(2) / (1 + t)
    return 31.5 - 32 * y / depth, 23.5 + 32 * t, x, y


def row_edge_m(v: float) -> float:
    t = (v - 23.5) / 32
    return (1 - t) / (1 + t)
