"""Messages about what a projection is given: a robot's user reads them on /diagnostics."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from espnet_ros.core.camera import CameraModel
from espnet_ros.core.depth_projection import DepthProjector, DepthRules, HeightBand
from espnet_ros.core.errors import EspnetRosError, PoseError
from espnet_ros.core.gates import Gates
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.ground_inputs import check_height, check_mask, ground_pose
from espnet_ros.core.ground_tables import build_tables
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.transforms import camera_mount

CAMERA = CameraModel((64, 48), np.array([[40.0, 0, 31.5], [0, 40.0, 23.5], [0, 0, 1]]))
MASK = np.zeros((48, 64), np.uint8)
# Half of the image is 31 degrees, 0.54 rad.
SKYWARD = camera_mount((0, 0, 1.0), (0, -0.8, 0))
UPSIDE_DOWN = camera_mount((0, 0, 1.0), (math.pi, 0, 0))
PLACE = 'camera_mount or the TF of the camera'


def observe_depth():
    projector = DepthProjector(DepthRules(CAMVID, Gates(), HeightBand()))
    depth = np.ones(MASK.shape, np.float32)
    projector.observe(MASK, None, depth, CAMERA, SKYWARD, np.eye(4), GridSpec(0.5, (7, 5)))


@pytest.mark.parametrize(
    ('refuse', 'names'),
    [
        (partial(check_height, camera_mount((0, 0, -0.5), (0, 0.5, 0))), [PLACE, 'base_frame']),
        (partial(ground_pose, UPSIDE_DOWN), ['pose.base_frame', 'grid.frame', 'odometry']),
        (partial(build_tables, CAMERA, SKYWARD, Gates(), 0.1), [PLACE, 'projection.min_range']),
        (observe_depth, [PLACE, 'projection.border', 'header.frame_id']),
        (partial(check_mask, MASK.T, None, CAMERA), ['camera_info', '64x48', '48x64']),
    ],
)
def test_a_message_names_what_the_reader_can_mend(refuse, names):
    with pytest.raises(EspnetRosError) as error:
        refuse()
    assert [name for name in names if name not in str(error.value)] == []
    assert not any(symbol in str(error.value) for symbol in ('T_', 'CameraModel'))


def test_a_base_may_tilt_by_up_to_60_degrees():
    def tilted(degrees: float) -> np.ndarray:
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        return np.array([[1, 0, 0, 2], [0, c, -s, 3], [0, s, c, 0], [0, 0, 0, 1]])

    # 2 m and 3 m away, and cos(59.9 degrees) = 0.5015.
    expected = [[1, 0, 2], [0, 0.5015, 3]]
    np.testing.assert_allclose(ground_pose(tilted(59.9)), expected, atol=1e-4)
    with pytest.raises(PoseError, match='more than 60 degrees'):
        ground_pose(tilted(60.1))
