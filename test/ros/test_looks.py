"""Masks on their way to the grid: what of the config they are read with, and since when."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from costmap_rig import LATCHED, LAYERS, NODE, Rig, at
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from espnet_ros.core.config import NodeConfig
from espnet_ros.ros.looks import make_look


def test_parameters_that_are_not_live_wait_for_configure(peer, start_node, toy_model):
    process = start_node(model=toy_model, **NODE, **LAYERS)
    peer.listen(OccupancyGrid, '/segmentation/costmap', LATCHED)
    rig = Rig(peer, process)
    rig.send_until(lambda: rig.grids() and at(rig.grids()[-1], 1.25, 0.05) == 98, 'costmap')
    # The rig's calibration has no P, so that as rectified ones its images would be left out.
    rectified = Parameter('input.rectified', value=True).to_parameter_msg()
    request = SetParameters.Request(parameters=[rectified])
    response = peer.call(SetParameters, '/segmentation/set_parameters', request)
    assert response.results[0].successful
    assert 'input.rectified will take effect after' in process.log.read_text()
    assert at(rig.send_until(rig.after(), 'costmap'), 1.25, 0.05) == 98
    for name in ('DEACTIVATE', 'CLEANUP', 'CONFIGURE', 'ACTIVATE'):
        transition = Transition(id=getattr(Transition, f'TRANSITION_{name}'))
        request = ChangeState.Request(transition=transition)
        assert peer.call(ChangeState, '/segmentation/change_state', request).success
    rig.send_until(
        lambda: (s := rig.status()) and 'P of camera_info is all zero' in s[1], 'complaint'
    )
    assert process.stop() == 0
    assert 'Traceback' not in process.log.read_text()

class Standing:
    """Poses of a robot that does not move."""

    def at(self, header, camera):
        return np.eye(4), np.eye(4)


@pytest.mark.parametrize(('sec', 'stamp_s'), [(7, 7.0), (0, 1234.5)])
def test_an_image_without_a_stamp_is_one_of_now(sec, stamp_s):
    mask = np.zeros((5, 7), np.uint8)
    info = CameraInfo(
        width=7, height=5, distortion_model='plumb_bob', d=[0.0] * 5,
        k=[8.0, 0.0, 3.0, 0.0, 8.0, 2.0, 0.0, 0.0, 1.0],
    )  # fmt: skip
    segmented = SimpleNamespace(
        camera_info=info, header=Header(stamp=Time(sec=sec)), image_wh=(7, 5),
        segmentation=SimpleNamespace(mask=mask, confidence=mask),
    )  # fmt: skip
    look = make_look('', segmented, Standing(), {}, NodeConfig(), 1234.5)
    assert look.stamp_s == stamp_s
