"""The demo's consumer process: subscribes to the masks as a navigation stack would.

Started by the demo with the path of its plan (`espnet_ros.demo.drive.Plan`). It says ``ready``,
one ``mask`` for each mask received and kept, ``flowing`` once every topic of an image has
delivered, ``diagnostics`` and ``costmap_diagnostics`` for each report of the node and ``fault``
for each message that is not what the node promises. For occupancy grids, it says what
`espnet_ros.ros.demo_grids` describes. It ends on SIGTERM.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from espnet_ros.core.malloc import tune_malloc
from espnet_ros.core.names import NODE
from espnet_ros.ros.demo_camera import ODOMETRY_FRAME
from espnet_ros.ros.demo_grids import GridInputs
from espnet_ros.ros.demo_pipe import emit
from espnet_ros.ros.stamps import nanoseconds

# The demo's node has no namespace.
_NODE = f'/{NODE}'
# status -> event
_REPORTS = {f'{_NODE}: image': 'diagnostics', f'{_NODE}: costmap': 'costmap_diagnostics'}


class Consumer:
    """Checks, times and keeps what the node publishes.

    :param plan: see the module.
    :param masks: unbuffered file that takes the masks.
    """

    def __init__(self, node: Any, plan: dict[str, Any], masks: BinaryIO) -> None:
        self._size_wh = tuple(plan['size_wh'])
        self._masks = masks
        self._slots = 0
        self._waited_for = {'mask', 'confidence', 'camera_info'}
        qos = QoSProfile(depth=10)
        subscribe = node.create_subscription
        subscribe(Image, f'{_NODE}/mask', self._on_mask, qos)
        subscribe(Image, f'{_NODE}/confidence', self._on_confidence, qos)
        subscribe(CameraInfo, f'{_NODE}/camera_info', self._on_camera_info, qos)
        subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics, qos)

    def _on_mask(self, message: Any) -> None:
        received = time.time_ns()
        if self._faults('mask', message):
            return
        self._masks.write(message.data)
        emit('mask', stamp=nanoseconds(message.header.stamp), received=received, slot=self._slots)
        self._slots += 1
        self._seen('mask')

    def _on_confidence(self, message: Any) -> None:
        if not self._faults('confidence', message):
            emit('confidence', stamp=nanoseconds(message.header.stamp))
            self._seen('confidence')

    def _on_camera_info(self, message: Any) -> None:
        if (message.width, message.height) != self._size_wh:
            emit('fault', text=f'camera_info is of {message.width}x{message.height}')
        else:
            emit('camera_info', stamp=nanoseconds(message.header.stamp))
            self._seen('camera_info')

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.name in _REPORTS:
                emit(
                    _REPORTS[status.name],
                    trouble=status.message if status.level == DiagnosticStatus.ERROR else '',
                    values={pair.key: pair.value for pair in status.values},
                )

    def _seen(self, topic: str) -> None:
        if topic in self._waited_for:
            self._waited_for.remove(topic)
            if not self._waited_for:
                emit('flowing')

    def _faults(self, topic: str, message: Any) -> bool:
        width, height = self._size_wh
        expected = (width, height, 'mono8', width, width * height)
        came = (
            message.width,
            message.height,
            message.encoding,
            message.step,
            len(message.data),
        )
        if came != expected:
            names = 'width, height, encoding, step, bytes'
            emit('fault', text=f'{topic}: expected {names} {expected}, got {came}')
        return came != expected


def main() -> None:
    """Spin until the parent ends the process."""
    tune_malloc()
    plan = json.loads(Path(sys.argv[1]).read_text())
    rclpy.init()
    node = rclpy.create_node('consumer')
    with (
        Path(plan['masks']).open('wb', buffering=0) as masks,
        Path(plan['grids']).open('wb', buffering=0) as grids,
    ):
        Consumer(node, plan, masks)
        GridInputs(node, _NODE, tuple(plan['grid_topics']), ODOMETRY_FRAME, grids)
        emit('ready')
        with contextlib.suppress(ExternalShutdownException):
            rclpy.spin(node)


if __name__ == '__main__':
    main()
