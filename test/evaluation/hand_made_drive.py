"""A drive whose truth is derived by hand: a camera 1 m high that looks 45 degrees down.

With s = sqrt(1/2), a place (x, y) on the ground ahead has the depth z = s (x + 1) and is seen at
u = 29.5 - 20 y / z, v = 19.5 + 20 (1 - x) / (1 + x).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.evaluation.costmap_scores import CostmapCells
from espnet_ros.evaluation.truth import Truth
from espnet_ros.sim import Camera

SIZE_WH = (60, 40)
GROUND, WALL, SKY = 0, 1, 2


@pytest.fixture
def labels() -> Labels:
    return Labels(
        [
            LabelClass('Ground', (10, 20, 30), 'ground'),
            LabelClass('Wall', (200, 0, 0), 'upright'),
            LabelClass('Sky', (0, 0, 200), 'sky'),
        ]
    )


@pytest.fixture
def make_truth() -> Callable[..., Truth]:
    def wall(xy: np.ndarray, stamp_s: float) -> np.ndarray:
        """A wall 2 m wide whose face is 3 m ahead, for all times."""
        return np.where((xy[:, 0] >= 3.0) & (np.abs(xy[:, 1]) < 1.0), WALL, GROUND)

    def make(poses: object = (np.eye(4),), class_at: object = wall) -> Truth:
        K = np.array([[20.0, 0.0, 29.5], [0.0, 20.0, 19.5], [0.0, 0.0, 1.0]])
        down = (np.arange(40) - 19.5) / 20 + 1.0
        with np.errstate(divide='ignore'):
            depth = np.where(down > 0, math.sqrt(2) / down, np.inf)
        rows = np.repeat(depth[:, None], 60, axis=1).astype(np.float16)
        return Truth(
            camera=CameraModel(SIZE_WH, K),
            T_base_camera=Camera(height_m=1.0, pitch_rad=math.pi / 4).pose(),
            poses=np.array(poses),
            rate_hz=10.0,
            depth_m=np.stack([rows] * len(poses)),
            class_at=class_at,
        )

    return make


@pytest.fixture
def make_costmap() -> Callable[..., CostmapCells]:
    def make(
        cells: object, resolution: float = 0.5, origin: tuple[float, float] = (1.0, -1.0)
    ) -> CostmapCells:
        return CostmapCells(resolution, origin, np.array(cells, np.int8))

    return make


def moved(x: float, y: float, yaw: float = 0.0) -> np.ndarray:
    pose = np.eye(4)
    pose[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    pose[:2, 3] = x, y
    return pose


@pytest.fixture(name='moved')
def moved_fixture() -> Callable[..., np.ndarray]:
    return moved
