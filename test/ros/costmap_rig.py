"""A robot with cameras in front of the node, for the tests of costmaps."""

from __future__ import annotations

import math
from array import array

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from espnet_ros.ros.conversions import array_to_image

WIDTH, HEIGHT = 160, 120
ROAD, WALL = 10, 64 + 10
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
LAYERS = {
    'layers__walls__classes': '[wall]', 'layers__walls__cost': 100,
    'layers__ways__classes': '[road]', 'layers__ways__cost': 99,
}  # fmt: skip
NODE = {
    'backend': 'onnx', 'input__size_wh': f'[{WIDTH}, {HEIGHT}]', 'diagnostics__period': 0.1,
    'grid__size': '[12.0, 8.0]', 'grid__stale_after': 1.5, 'grid__publish_rate': 20.0,
    'pose__source': 'odometry', 'camera_mount__xyz': '[0.0, 0.0, 1.0]',
    'camera_mount__rpy': f'[0.0, {math.pi / 4}, 0.0]', 'pose__timeout': 0.5,
}  # fmt: skip


def view(edge_row: int = 40) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), (ROAD, 250, 0), np.uint8)
    image[:edge_row, :, 0] = WALL
    return image


class Rig:
    """A robot with cameras in front of the node.

    :param prefix: of the camera's topics.
    """

    def __init__(self, peer, process, cameras=('',), start_s=100):
        self.peer, self.process = peer, process
        reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        create = peer.node.create_publisher
        self._images = {c: create(Image, f'{c}/image'.lstrip('/'), reliable) for c in cameras}
        self._infos = {
            c: create(CameraInfo, f'{c}/camera_info'.lstrip('/'), reliable) for c in cameras
        }
        self._depth = create(Image, 'depth/image', reliable)
        self.depth_topic = self._depth.topic_name
        self._odometry = create(Odometry, 'odometry', 10)
        peer.listen(DiagnosticArray, '/diagnostics')
        self.stamp_ms = start_s * 1000
        self.info = CameraInfo(
            width=WIDTH, height=HEIGHT, distortion_model='plumb_bob', d=[0.0] * 5,
            k=[80.0, 0.0, 79.5, 0.0, 80.0, 59.5, 0.0, 0.0, 1.0],
        )  # fmt: skip
        self.pose = (0.0, 0.0, 0.0)
        self.depth_m = None
        # Cameras whose driver leaves the stamps empty.
        self.without_stamps = set()

    def header(self, frame):
        header = Header(frame_id=frame)
        header.stamp.sec, rest = divmod(self.stamp_ms, 1000)
        header.stamp.nanosec = rest * 1_000_000
        return header

    def send(self, image=None, camera=''):
        """Publish one image with all that belongs to it, 100 ms after the last one."""
        self.stamp_ms += 100
        if self.pose is not None:
            self._send_odometry(*self.pose)
        header = self.header('camera_optical')
        if camera in self.without_stamps:
            header.stamp = Time()
        if self.info is not None:
            self.info.header = header
            self._infos[camera].publish(self.info)
        if self.depth_m is not None:
            depth = array_to_image(np.zeros((HEIGHT, WIDTH), np.uint8), header, '32FC1')
            depth.step = 4 * WIDTH
            depth.data = array('B', self.depth_m.astype('<f4').tobytes())
            self._depth.publish(depth)
        pixels = np.ascontiguousarray(view() if image is None else image)
        self._images[camera].publish(array_to_image(pixels, header, 'bgr8'))

    def _send_odometry(self, x, y, yaw):
        odometry = Odometry(header=self.header('odom'), child_frame_id='base_link')
        odometry.pose.pose.position.x, odometry.pose.pose.position.y = float(x), float(y)
        odometry.pose.pose.orientation.z = math.sin(yaw / 2)
        odometry.pose.pose.orientation.w = math.cos(yaw / 2)
        self._odometry.publish(odometry)

    def send_until(self, condition, what, image=None, cameras=('',)):
        """Send until the condition is true, as discovery loses the first; return its value."""
        for _ in range(100):
            for camera in cameras:
                self.send(image, camera)
            try:
                return self.peer.wait(condition, what, 0.3)
            except AssertionError:
                continue
        raise AssertionError(f'no {what}; the log says {self.process.log.read_text()}')

    def log(self):
        return self.process.log.read_text()

    def grids(self, topic='/segmentation/costmap'):
        return self.peer.heard[topic]

    def after(self, topic='/segmentation/costmap'):
        """Return a function that tells the first grid from now on, of the time from now on."""
        stamp_ms, count = self.stamp_ms, len(self.grids(topic))

        def newer():
            return next((g for g in self.grids(topic)[count:] if stamp(g) > stamp_ms), None)

        return newer

    def status(self, name='costmap'):
        arrays = self.peer.heard['/diagnostics']
        named = [s for s in arrays[-1].status if s.name.endswith(f': {name}')] if arrays else []
        return named and (
            named[0].level, named[0].message, {v.key: v.value for v in named[0].values}
        )  # fmt: skip

    def wait_status(self, condition, what):
        return self.peer.wait(lambda: (s := self.status()) and condition(*s) and s, what)


def stamp(message):
    return message.header.stamp.sec * 1000 + message.header.stamp.nanosec // 1_000_000


def cells(grid):
    return np.array(grid.data, np.int8).reshape(grid.info.height, grid.info.width)


def at(grid, x, y):
    """Return what a grid says about a place."""
    origin = grid.info.origin.position
    mx, my = (x - origin.x) / grid.info.resolution, (y - origin.y) / grid.info.resolution
    return int(cells(grid)[math.floor(my), math.floor(mx)])
