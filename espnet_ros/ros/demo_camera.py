"""The demo's camera process: publishes image, camera_info and odometry at a fixed rate.

Started by the demo with the path of its plan (`espnet_ros.demo.drive.Plan`). It says ``ready``,
then ``matched`` once something subscribes to the images, publishes uncounted images until the
parent says ``start``, then publishes the drive and says ``done``. It ends when stdin closes.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import rclpy
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.malloc import tune_malloc
from espnet_ros.ros.conversions import array_to_image
from espnet_ros.ros.demo_pipe import emit, wait_parent

WARM_UP_PERIOD_S = 0.1
CAMERA_FRAME = 'camera_optical_frame'
ODOMETRY_FRAME = 'odom'


class Prepared:
    """Images from the file that the parent wrote.

    :param plan: see the module.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        width, height = plan['size_wh']
        shape = (plan['count'], height, width, 3)
        self._images = np.memmap(plan['images'], np.uint8, 'r', shape=shape)

    def at(self, index: int, due: float) -> npt.NDArray[np.uint8] | None:
        """Return an image shortly before it is due, or None when there are no more."""
        # Not right after the last one, when the node needs the processor.
        if wait_parent(due - time.monotonic() - 0.02):
            return None
        image: npt.NDArray[np.uint8] = self._images[index]
        return image

    def keep(self, image: npt.NDArray[np.uint8]) -> None:
        """Do nothing: the images are on disk."""

    def close(self) -> None:
        """Do nothing: the file is the parent's."""


class Live:
    """Images from a camera device, recorded for the pictures made afterwards.

    :param plan: see the module.
    :raises DatasetError: if the device can't be opened.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._size_wh = tuple(plan['size_wh'])
        self._capture = cv2.VideoCapture(plan['device'])
        if not self._capture.isOpened():
            raise DatasetError(
                f'{plan["device"]} cannot be opened any more: plug it in, or end its other user'
            )
        self._record = Path(plan['images'])

    def at(self, index: int, due: float) -> npt.NDArray[np.uint8] | None:
        """Return the newest image when due, or None if the camera went away."""
        while True:
            # Every image is read, or the driver's queue would hand out old ones.
            ok, image = self._capture.read()
            if not ok or wait_parent(0.0):
                return None
            if time.monotonic() >= due:
                if (image.shape[1], image.shape[0]) != self._size_wh:
                    image = cv2.resize(image, self._size_wh, interpolation=cv2.INTER_AREA)
                return np.asarray(image, np.uint8)

    def keep(self, image: npt.NDArray[np.uint8]) -> None:
        """Record a counted image."""
        with self._record.open('ab') as file:
            file.write(image.tobytes())

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


class Camera:
    """Publishers and messages.

    :param plan: see the module.
    """

    def __init__(self, node: Any, plan: dict[str, Any]) -> None:
        self._clock = node.get_clock()
        qos = QoSProfile(depth=1)
        self._image = node.create_publisher(Image, 'image', qos)
        self._info = node.create_publisher(CameraInfo, 'camera_info', qos)
        self._odometry = node.create_publisher(Odometry, 'odometry', QoSProfile(depth=10))
        self._header = Header(frame_id=CAMERA_FRAME)
        self._info_message = camera_info(plan)
        self._poses = np.array(plan['poses'] or [np.eye(4)])
        self._rate_hz = float(plan['rate_hz'])

    def is_seen(self) -> bool:
        """Tell whether anything subscribes to the images."""
        return bool(self._image.get_subscription_count())

    def publish(self, image: npt.NDArray[np.uint8], index: int, due: float) -> int | None:
        """Publish an image with its calibration and pose when due.

        :returns: its stamp in nanoseconds, None if the parent went away first.
        """
        message = array_to_image(np.ascontiguousarray(image), self._header, 'bgr8')
        pose = odometry(self._poses, min(index, len(self._poses) - 1), self._rate_hz)
        if wait_parent(due - time.monotonic()):
            return None
        now = self._clock.now()
        stamp = now.to_msg()
        for part in (message, self._info_message, pose):
            part.header.stamp = stamp
        # The image first, as drivers do.
        self._image.publish(message)
        self._info.publish(self._info_message)
        self._odometry.publish(pose)
        return int(now.nanoseconds)


def camera_info(plan: dict[str, Any]) -> CameraInfo:
    """Return the calibration of a camera without distortion, without a stamp."""
    K = np.array(plan['K'], float)
    message = CameraInfo(width=plan['size_wh'][0], height=plan['size_wh'][1])
    message.header.frame_id = CAMERA_FRAME
    message.distortion_model = 'plumb_bob'
    message.d = [0.0] * 5
    message.k = K.ravel().tolist()
    message.r = np.eye(3).ravel().tolist()
    message.p = np.hstack([K, np.zeros((3, 1))]).ravel().tolist()
    return message


def odometry(poses: npt.NDArray[np.float64], index: int, rate_hz: float) -> Odometry:
    """Return one pose with the velocity towards the next one, without a stamp.

    :param poses: T_odom_base, float64 (n, 4, 4), metres, one for each image.
    """
    message = Odometry()
    message.header.frame_id, message.child_frame_id = ODOMETRY_FRAME, 'base_link'
    pose = poses[index]
    position = message.pose.pose.position
    position.x, position.y, position.z = (float(v) for v in pose[:3, 3])
    rotation = cv2.Rodrigues(pose[:3, :3])[0].ravel()
    angle = float(np.linalg.norm(rotation))
    axis = rotation / angle if angle else rotation
    turn = message.pose.pose.orientation
    turn.x, turn.y, turn.z = (float(v) for v in axis * np.sin(angle / 2))
    turn.w = float(np.cos(angle / 2))
    if len(poses) > 1:
        start = min(index, len(poses) - 2)
        step = np.linalg.inv(poses[start]) @ poses[start + 1]
        linear, angular = message.twist.twist.linear, message.twist.twist.angular
        linear.x, linear.y, linear.z = (float(v) for v in step[:3, 3] * rate_hz)
        spin = cv2.Rodrigues(step[:3, :3])[0].ravel() * rate_hz
        angular.x, angular.y, angular.z = (float(v) for v in spin)
    return message


def drive(camera: Camera, images: Prepared | Live, count: int, period: float) -> None:
    """Publish the counted images on an absolute schedule, so that no delay adds up."""
    first = time.monotonic() + period
    for index in range(count):
        due = first + index * period
        image = images.at(index, due)
        if image is None:
            return
        stamp = camera.publish(image, index, due)
        if stamp is None:
            return
        images.keep(image)
        emit('published', stamp=stamp)


def until_parent(step: Callable[[], None], period: float) -> str:
    """Repeat a step until the parent says something, and return it ('' if it went away)."""
    while not wait_parent(period):
        step()
    return sys.stdin.readline().strip()


def main() -> None:
    """Run until the drive is over and the parent closes stdin."""
    tune_malloc()
    plan = json.loads(Path(sys.argv[1]).read_text())
    rclpy.init()
    try:
        with contextlib.closing(Live(plan) if plan['device'] else Prepared(plan)) as images:
            run(Camera(rclpy.create_node('camera'), plan), images, plan)
    except DatasetError as error:
        sys.exit(str(error))
    finally:
        rclpy.try_shutdown()


def run(camera: Camera, images: Prepared | Live, plan: dict[str, Any]) -> None:
    """Publish what the parent asks for, until it goes away.

    :param plan: see the module.
    """
    emit('ready')
    while not camera.is_seen():
        if wait_parent(0.005):
            return
    emit('matched')

    def warm_up() -> None:
        now = time.monotonic()
        image = images.at(0, now)
        stamp = None if image is None else camera.publish(image, 0, now)
        if stamp is not None:
            emit('warm_up', stamp=stamp)

    # These images show when the first mask comes and that all is connected; the parent counts
    # only those of the drive.
    warm_up()
    if until_parent(warm_up, WARM_UP_PERIOD_S) == 'start':
        drive(camera, images, plan['count'], 1.0 / plan['rate_hz'])
        emit('done')
        until_parent(lambda: None, 60.0)


if __name__ == '__main__':
    main()
